import type { Signal } from '../../contract/batch.ts';
import type { Consumer, RawRequest, Reply } from '../../contract/component.ts';
import type { Logger, Meter } from '../../contract/context.ts';
import type { TenancyConfig } from '../config/config.ts';
import type { Budget } from './budget.ts';
import { GateCounts, TenantCounts } from './gate-counts.ts';
import { Gate } from './gate.ts';
import { Refusals } from './refusals.ts';
import { Turns } from './turns.ts';

/**
 * Another place where a request can be processed. Answers undefined when it is to stay here;
 * otherwise the body is gone, and the promise resolves with the binding answer, or with
 * undefined when nobody will ever know it.
 */
export type Elsewhere = (
  receiver: string,
  request: RawRequest,
) => Promise<Reply | undefined> | undefined;

/** What all gates of a shard share. */
export interface AdmissionOptions {
  readonly budget: Budget;
  readonly tenancy: TenancyConfig;
  readonly meter: Meter;
  readonly log: Logger;
  /** Absent when there is only one shard. */
  readonly elsewhere?: Elsewhere;
}

/** What stands between the receivers of a shard and its pipelines. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #turns = new Turns();
  readonly #refusals: Refusals;
  readonly #tenants: TenantCounts;
  readonly #gates = new Map<string, Gate>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options.budget);
    this.#tenants = new TenantCounts(options.meter);
  }

  /** The gate of one receiver; `entry` is where its requests of a signal go, if anywhere. */
  gate(receiver: string, entry: (signal: Signal) => Consumer | undefined): Gate {
    const gate = new Gate({
      receiver,
      entry,
      ...this.#options,
      turns: this.#turns,
      refusals: this.#refusals,
      counts: new GateCounts(this.#options.meter, receiver),
      tenants: this.#tenants,
    });
    this.#gates.set(receiver, gate);
    return gate;
  }

  /** Processes a request that another shard received, which keeps it charged meanwhile. */
  async serve(receiver: string, request: RawRequest): Promise<Reply> {
    const gate = this.#gates.get(receiver);
    if (gate === undefined) return { outcome: this.#refusals.stopping() };
    return gate.serve(request);
  }

  /** Refuses all new requests from now on. */
  close(): void {
    for (const gate of this.#gates.values()) gate.close();
  }
}
