import type { Signal } from '../../contract/batch.ts';
import type { RawRequest, Reply } from '../../contract/component.ts';
import { GateCounts, TenantCounts } from './gate-counts.ts';
import { type AdmissionOptions, type Entry, Gate } from './gate.ts';
import { Refusals } from './refusals.ts';
import { Turns } from './turns.ts';

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
  gate(receiver: string, entry: (signal: Signal) => Entry | undefined): Gate {
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
