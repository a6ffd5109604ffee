import type { Signal } from '../../contract/batch.ts';
import type { RawRequest, Receiver, Reply } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { Registry } from '../../contract/registry.ts';
import { Admission } from '../admission/admission.ts';
import type { Budget } from '../admission/budget.ts';
import type { Elsewhere } from '../admission/elsewhere.ts';
import type { Config } from '../config/config.ts';
import { buildPipelines, type Pipelines } from '../pipeline/build.ts';
import type { Crossing, ExchangedPart } from '../pipeline/exchange.ts';
import { contextFactory, type ContextParts } from './contexts.ts';
import { divideBy, divideSeries } from './divide.ts';
import { splitInForm } from './split.ts';

/** What a generation is built from. */
export interface GenerationOptions extends ContextParts {
  readonly config: Config;
  readonly registry: Registry;
  readonly budget: Budget;
  /** Where a saturated shard may send requests; absent when there is only one. */
  readonly elsewhere?: Elsewhere;
  /** The way of parts of batches to the shards that own them; absent when there is only one. */
  readonly crossing?: Crossing;
}

/** Of the budget; the rest is for requests on their way to a queue. */
const QUEUE_SHARE = 0.75;

interface NamedReceiver {
  readonly id: string;
  readonly receiver: Receiver;
}

/**
 * Everything that one configuration makes in one shard: receivers, their gates, pipelines,
 * exporters. Built first, started from the exporters backwards, stopped from the receivers on.
 */
export class Generation {
  readonly #admission: Admission;
  readonly #pipelines: Pipelines;
  readonly #receivers: readonly NamedReceiver[];

  private constructor(
    admission: Admission,
    pipelines: Pipelines,
    receivers: readonly NamedReceiver[],
  ) {
    this.#admission = admission;
    this.#pipelines = pipelines;
    this.#receivers = receivers;
  }

  /** Loads and creates all components. Binds nothing and contacts nobody. */
  static async build(options: GenerationOptions): Promise<Generation> {
    const { config, registry, metrics, log, context, budget, elsewhere, crossing } = options;
    const contextOf = contextFactory(options);
    const pipelines = await buildPipelines(config, registry, {
      contextOf,
      log,
      ledger: budget,
      queueBytes: (budget.maxBytes * QUEUE_SHARE) / context.shard.count,
      split: splitInForm,
      divideSeries,
      ...(crossing === undefined
        ? {}
        : { exchange: { crossing, divideBy: (key) => divideBy(key, context.shard.count) } }),
    });
    const admission = new Admission({
      budget,
      tenancy: config.service.tenancy,
      meter: metrics.meter(),
      log: log.logger('admission'),
      ...(elsewhere === undefined ? {} : { elsewhere }),
    });
    const receivers: NamedReceiver[] = [];
    for (const id of receiversInUse(config)) {
      const section = config.receivers[id];
      const load = section === undefined ? undefined : registry.receivers[section.type];
      if (section === undefined || load === undefined) {
        throw new Error(`bug: receiver ${id} is in use, but not in the configuration`);
      }
      const { default: definition } = await load();
      const gate = admission.gate(id, (signal) => pipelines.entry(id, signal));
      const receiver = definition.create(section.settings, gate, {
        ...contextOf('receivers', id),
        signals: signalsOf(config, id),
      });
      gate.bind(receiver);
      receivers.push({ id, receiver });
    }
    return new Generation(admission, pipelines, receivers);
  }

  /** How near the fullest queue is to refusing a request, 0 to 1. */
  get fullness(): number {
    return this.#pipelines.fullness;
  }

  /** Starts everything that delivers. */
  start(): Promise<void> {
    return this.#pipelines.start();
  }

  /** Starts the receivers. */
  async listen(): Promise<void> {
    for (const { id, receiver } of this.#receivers) {
      try {
        await receiver.start?.();
      } catch (error) {
        throw new Error(`cannot start receiver ${id}: ${messageOf(error)}`, { cause: error });
      }
    }
  }

  /** Processes a request that another shard received. */
  serve(receiver: string, request: RawRequest): Promise<Reply> {
    return this.#admission.serve(receiver, request);
  }

  /** Takes a part of a batch that another shard had and this one owns. */
  receive(part: ExchangedPart): Promise<Outcome> {
    return this.#pipelines.receive(part);
  }

  /** Takes no new requests and answers those in hand. Stops every receiver, whatever one says. */
  async stopReceivers(deadline: AbortSignal): Promise<void> {
    const stops = this.#receivers.map(async ({ receiver }) => receiver.stop?.(deadline));
    const results = await Promise.allSettled(stops);
    this.#admission.close();
    const failed = results.filter((result) => result.status === 'rejected');
    if (failed.length > 0) throw new AggregateError(failed.map(({ reason }) => reason));
  }

  /** Delivers what is held until `deadline` aborts, then lets go. */
  stop(deadline: AbortSignal): Promise<void> {
    return this.#pipelines.stop(deadline);
  }
}

/** Ids of the receivers that a pipeline names; the others are not started. */
export function receiversInUse(config: Config): readonly string[] {
  const used = new Set<string>();
  for (const pipeline of Object.values(config.service.pipelines)) {
    for (const id of pipeline.receivers) used.add(id);
  }
  return [...used];
}

/** Signals of the pipelines that name a receiver. */
function signalsOf(config: Config, receiver: string): readonly Signal[] {
  const pipelines = Object.values(config.service.pipelines);
  const takers = pipelines.filter(({ receivers }) => receivers.includes(receiver));
  return [...new Set(takers.map(({ signal }) => signal))];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
