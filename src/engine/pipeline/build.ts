import type { Signal } from '../../contract/batch.ts';
import type {
  ExporterDefinition,
  MemoryLimits,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import type { Context } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { Kind, Modules, Registry } from '../../contract/registry.ts';
import type { ComponentConfig, Config } from '../config/config.ts';
import type { Splitter } from '../delivery/batcher.ts';
import type { Ledger } from '../queue/queue.ts';
import type { Log } from '../telemetry/logger.ts';
import { type Assembled, assemble, entryKey } from './assemble.ts';
import type { Divide, ExchangedPart, ExchangeParts } from './exchange.ts';
import type { Outlet } from './fan-out.ts';
import type { Definitions } from './forms.ts';
import { startAll, stopAll } from './lifecycle.ts';

/** What pipelines need of the shard they live in. */
export interface Environment {
  /** The context of the component of this kind with this id. */
  readonly contextOf: (kind: Kind, id: string) => Context;
  readonly log: Log;
  readonly ledger: Ledger;
  /** Bytes that all memory queues of this shard may hold; each gets an equal part. */
  readonly queueBytes: number;
  readonly split: Splitter;
  /** How batches of series are divided into `count` parts by the hashes of their labels. */
  readonly divideSeries: (count: number, placeOf: (hash: number) => number) => Divide;
  /** What exchanges between shards are made of; absent when there is only one. */
  readonly exchange?: ExchangeParts;
}

/** Loads the modules that the pipelines name and creates everything. Contacts nobody. */
export async function buildPipelines(
  config: Config,
  registry: Registry,
  environment: Environment,
): Promise<Pipelines> {
  const { receivers, processors, exporters } = await loadDefinitions(config, registry);
  const { ledger, queueBytes, split, divideSeries, exchange, contextOf: context } = environment;
  const log = environment.log.logger('pipelines');
  return new Pipelines(
    assemble({
      config,
      receivers,
      processors,
      exporters,
      context,
      log,
      ledger,
      queueBytes,
      split,
      divideSeries,
      ...(exchange === undefined ? {} : { exchange }),
    }),
  );
}

/** Loads the modules of the components that the pipelines name. */
export async function loadDefinitions(config: Config, registry: Registry): Promise<Definitions> {
  const pipelines = Object.values(config.service.pipelines);
  const receivers = await load<ReceiverDefinition>(
    registry.receivers,
    pipelines.flatMap((pipeline) => pipeline.receivers.map((id) => config.receivers[id])),
  );
  const processors = await load<ProcessorDefinition>(
    registry.processors,
    pipelines.flatMap((pipeline) => pipeline.processors.map((id) => config.processors[id])),
  );
  const exporters = await load<ExporterDefinition>(
    registry.exporters,
    pipelines.flatMap((pipeline) => pipeline.exporters.map((id) => config.exporters[id])),
  );
  return { receivers, processors, exporters };
}

/** The live pipelines of one configuration in one shard. */
export class Pipelines {
  readonly #assembled: Assembled;

  constructor(assembled: Assembled) {
    this.#assembled = assembled;
  }

  /** What `memory_limiter` processors ask for: for admission, which does it. */
  get limits(): readonly MemoryLimits[] {
    return this.#assembled.limits;
  }

  /** How near the fullest queue is to refusing a request, 0 to 1. */
  get fullness(): number {
    return Math.max(0, ...this.#assembled.required.map(({ fullness }) => fullness));
  }

  /** Where a receiver's data of this signal goes: to every pipeline that names the receiver. */
  entry(receiver: string, signal: Signal): Outlet | undefined {
    return this.#assembled.entries.get(entryKey(receiver, signal));
  }

  /** Takes a part of a batch that another shard had and this one owns. */
  receive(part: ExchangedPart): Promise<Outcome> {
    const exchange = this.#assembled.exchanges.get(part.exchange);
    if (exchange === undefined) throw new Error(`bug: there is no exchange ${part.exchange}`);
    return exchange.receive(part);
  }

  /** Exporters first, so that each part finds what it needs ready. */
  start(): Promise<void> {
    const { exporters, deliveries, stages } = this.#assembled;
    return startAll([exporters, deliveries, stages.flat().toReversed()]);
  }

  /** To be called when nothing flows in any more. Delivers what is held until `deadline`. */
  stop(deadline: AbortSignal): Promise<void> {
    const { exporters, deliveries, stages } = this.#assembled;
    const fronts = stages.flat().map((stage) => [stage]);
    return stopAll([...fronts, deliveries, exporters], deadline);
  }
}

async function load<D>(
  modules: Modules<D>,
  sections: readonly (ComponentConfig | undefined)[],
): Promise<Map<string, D>> {
  const definitions = new Map<string, D>();
  for (const section of sections) {
    if (section === undefined || definitions.has(section.type)) continue;
    const module = await modules[section.type]?.();
    if (module !== undefined) definitions.set(section.type, module.default);
  }
  return definitions;
}
