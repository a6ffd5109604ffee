/** What is behind the last processor of every pipeline: exporters, their deliveries, exchanges. */
import type { Batch, Signal } from '../../contract/batch.ts';
import type {
  BatchSettings,
  ExchangeKey,
  Exporter,
  ExporterDefinition,
} from '../../contract/component.ts';
import type { Context } from '../../contract/context.ts';
import type { Kind } from '../../contract/registry.ts';
import type { TranslationSettings } from '../../contract/translation.ts';
import type { Config, DeliveryConfig, PipelineConfig } from '../config/config.ts';
import type { Splitter } from '../delivery/batcher.ts';
import type { Delivery, DeliveryOptions } from '../delivery/contract.ts';
import { QueuedDelivery } from '../delivery/delivery.ts';
import { InlineDelivery } from '../delivery/inline-delivery.ts';
import type { Ledger } from '../queue/queue.ts';
import { type Destination, type Divide, Exchange, type ExchangeParts } from './exchange.ts';
import { Exit } from './exit.ts';

/** What they are made of. */
export interface EndsOptions {
  readonly config: Config;
  /** By type, aliases resolved; all that the pipelines name. */
  readonly exporters: ReadonlyMap<string, ExporterDefinition>;
  /** The context of the component with this id. */
  context(kind: Kind, id: string): Context;
  readonly ledger: Ledger;
  /** Bytes that all memory queues of this shard may hold; each gets an equal part. */
  readonly queueBytes: number;
  readonly split: Splitter;
  /** How batches of series are divided into `count` parts by the hashes of their labels. */
  divideSeries(count: number, placeOf: (hash: number) => number): Divide;
  /** What exchanges between shards are made of; absent when there is only one. */
  readonly exchange?: ExchangeParts;
}

/** The ends of the pipelines of one configuration. */
export class Ends {
  readonly exporters = new Map<string, Exporter>();
  /** By `deliveryKey`. */
  readonly deliveries = new Map<string, Delivery>();
  /** By the name that they have in all shards. */
  readonly exchanges = new Map<string, Exchange>();
  readonly #options: EndsOptions;
  readonly #batching: ReadonlyMap<string, BatchSettings>;
  readonly #exits = new Map<string, Destination>();

  /** `batching` is what `batch` processors say, by `deliveryKey`. */
  constructor(options: EndsOptions, batching: ReadonlyMap<string, BatchSettings>) {
    this.#options = options;
    this.#batching = batching;
  }

  /** The delivery of an exporter for a signal, and the way to it from every shard. */
  of(id: string, signal: Signal): { readonly delivery: Delivery; readonly exit: Destination } {
    const key = deliveryKey(id, signal);
    return { delivery: this.deliveries.get(key)!, exit: this.#exits.get(key)! };
  }

  /** How an exporter wants metrics translated. */
  wishesOf(id: string): Partial<TranslationSettings> | undefined {
    const { definition, settings } = this.#exporterOf(id);
    return definition.translation?.(settings);
  }

  /** Creates what the pipelines name. */
  create(pipelines: readonly PipelineConfig[]): void {
    const { config } = this.#options;
    const wanted = new Map<string, { readonly id: string; readonly signal: Signal }>();
    for (const { exporters, signal } of pipelines) {
      for (const id of exporters) wanted.set(deliveryKey(id, signal), { id, signal });
    }
    let queues = 0;
    for (const { id } of wanted.values()) {
      if (config.exporters[id]?.delivery?.queue.enabled === true) queues += 1;
    }
    const maxBytes = Math.floor(this.#options.queueBytes / Math.max(1, queues));
    for (const [key, { id, signal }] of wanted) {
      const delivery = this.#delivery(id, signal, maxBytes);
      this.deliveries.set(key, delivery);
      const { definition, settings } = this.#exporterOf(id);
      const context = this.#options.context('exporters', id);
      const exit = new Exit(delivery);
      this.#exits.set(key, this.exchange(definition.key?.(settings), { name: key, exit, context }));
    }
  }

  #delivery(id: string, signal: Signal, maxBytes: number): Delivery {
    const { ledger, split } = this.#options;
    const exporter = this.#exporter(id);
    const context = this.#options.context('exporters', id);
    const { tenantShare } = this.#options.config.service.admission;
    const bounds = { ledger, maxBytes, tenantShare };
    const options = {
      exporterId: id,
      signal,
      exporter,
      context,
      split,
      ...bounds,
      ...this.#lanes(exporter),
    };
    const delivery = this.#options.config.exporters[id]?.delivery;
    if (delivery?.queue.enabled !== true) return new InlineDelivery(delivery, options);
    const batching = this.#batching.get(deliveryKey(id, signal));
    return new QueuedDelivery(withBatching(delivery, batching), options);
  }

  #lanes({ seriesOrder }: Exporter): Pick<DeliveryOptions, 'lanes'> {
    if (seriesOrder === undefined) return {};
    const { backends, requestBytes } = seriesOrder;
    const divideInto = (consumers: number) => {
      // By the lower half of the hash: shards go by the upper.
      const laneOf = (hash: number) =>
        seriesOrder.backendOf(hash) * consumers + (((hash & 0xffff) * consumers) >>> 16);
      const divide = this.#options.divideSeries(backends * consumers, laneOf);
      return (batch: Batch) => divide(batch, 0);
    };
    return { lanes: { backends, joinBytes: requestBytes, divideInto } };
  }

  /** A destination, or the exchange in front of it when it is for one key in one shard. */
  exchange(
    key: ExchangeKey | undefined,
    { name, exit, context }: { name: string; exit: Destination; context: Context },
  ): Destination {
    const parts = this.#options.exchange;
    if (key === undefined || parts === undefined) return exit;
    const { crossing } = parts;
    const divide = parts.divideBy(key);
    const exchange = new Exchange({ name, divide, destination: exit, crossing, context });
    this.exchanges.set(name, exchange);
    return exchange;
  }

  #exporter(id: string): Exporter {
    const known = this.exporters.get(id);
    if (known !== undefined) return known;
    const { definition, settings } = this.#exporterOf(id);
    const timeoutMs = this.#options.config.exporters[id]?.delivery?.timeoutMs ?? 0;
    const context = this.#options.context('exporters', id);
    const exporter = definition.create(settings, {
      ...context,
      ...(timeoutMs > 0 ? { timeoutMs } : {}),
    });
    this.exporters.set(id, exporter);
    return exporter;
  }

  #exporterOf(id: string): { definition: ExporterDefinition; settings: unknown } {
    const section = this.#options.config.exporters[id];
    const definition = this.#options.exporters.get(section?.type ?? '');
    if (section === undefined || definition === undefined) {
      throw new Error(`bug: exporter ${id} is in use, but not in the configuration`);
    }
    return { definition, settings: section.settings };
  }
}

/** A `batch` processor speaks for the exporters of its pipeline that say nothing themselves. */
function withBatching(config: DeliveryConfig, batching: BatchSettings | undefined): DeliveryConfig {
  if (config.queue.batch !== undefined || batching === undefined) return config;
  return { ...config, queue: { ...config.queue, batch: batching } };
}

/** Names a delivery. */
export function deliveryKey(exporter: string, signal: Signal): string {
  return `${exporter} (${signal})`;
}
