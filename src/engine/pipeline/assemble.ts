import type { Form, Signal } from '../../contract/batch.ts';
import type {
  BatchSettings,
  Exporter,
  ExporterDefinition,
  MemoryLimits,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import type { Context, Logger } from '../../contract/context.ts';
import type { Kind } from '../../contract/registry.ts';
import type { TranslationSettings } from '../../contract/translation.ts';
import { createTranslation } from '../../formats/translate/translate.ts';
import type { Config, DeliveryConfig, PipelineConfig } from '../config/config.ts';
import type { Splitter } from '../delivery/batcher.ts';
import type { Delivery } from '../delivery/contract.ts';
import { QueuedDelivery } from '../delivery/delivery.ts';
import { InlineDelivery } from '../delivery/inline-delivery.ts';
import type { Ledger } from '../queue/queue.ts';
import { FanOut, type Outlet } from './fan-out.ts';
import { formsIn, planTranslations, type TranslationPlan } from './forms.ts';
import type { Named } from './lifecycle.ts';
import { Pipeline, Step } from './pipeline.ts';
import { Translation } from './translation.ts';

export interface AssembleOptions {
  readonly config: Config;
  /** By type, aliases resolved; all that the pipelines name. */
  readonly processors: ReadonlyMap<string, ProcessorDefinition>;
  readonly exporters: ReadonlyMap<string, ExporterDefinition>;
  /** Of those that are not here it is taken that they give OTLP. */
  readonly receivers?: ReadonlyMap<string, ReceiverDefinition>;
  /** The context of the component with this id. */
  context(kind: Kind, id: string): Context;
  /** For what belongs to no component. */
  readonly log: Logger;
  readonly ledger: Ledger;
  /** Bytes that all memory queues of this shard may hold; each gets an equal part. */
  readonly queueBytes: number;
  readonly split: Splitter;
}

/** What is alive of a configuration between its receivers and the network. */
export interface Assembled {
  /** Pipelines that something flows into, by `entryKey`. */
  readonly entries: ReadonlyMap<string, Outlet>;
  /** What `memory_limiter` processors ask for. */
  readonly limits: readonly MemoryLimits[];
  readonly exporters: readonly Named[];
  readonly deliveries: readonly Named[];
  /** Deliveries whose refusal is the refusal of a request. */
  readonly required: readonly Pick<Delivery, 'fullness'>[];
  /** Of each pipeline, from front to back. */
  readonly stages: readonly (readonly Named[])[];
}

/** Creates everything, back to front. Starts nothing. */
export function assemble(options: AssembleOptions): Assembled {
  return new Assembly(options).run();
}

/** Key of `Assembled.entries`. */
export function entryKey(receiver: string, signal: Signal): string {
  return `${signal} ${receiver}`;
}

class Assembly {
  readonly #options: AssembleOptions;
  readonly #pipelines: readonly PipelineConfig[];
  readonly #exporters = new Map<string, Exporter>();
  readonly #deliveries = new Map<string, Delivery>();
  readonly #required = new Set<Delivery>();
  readonly #stages: Named[][] = [];
  readonly #batching = new Map<string, BatchSettings>();
  readonly #limits = new Map<string, MemoryLimits>();

  constructor(options: AssembleOptions) {
    this.#options = options;
    this.#pipelines = Object.values(options.config.service.pipelines);
  }

  run(): Assembled {
    for (const pipeline of this.#pipelines) this.#readSettings(pipeline);
    this.#createDeliveries();
    const byEntry = new Map<string, Outlet[]>();
    for (const pipeline of this.#pipelines) {
      const front = this.#pipeline(pipeline);
      for (const receiver of pipeline.receivers) {
        const key = entryKey(receiver, pipeline.signal);
        byEntry.set(key, [...(byEntry.get(key) ?? []), front]);
      }
    }
    const entries = new Map<string, Outlet>();
    for (const [key, fronts] of byEntry) entries.set(key, this.#fanOut(fronts, []));
    return {
      entries,
      limits: [...this.#limits.values()],
      exporters: named('exporter', this.#exporters),
      deliveries: named('delivery of', this.#deliveries),
      required: [...this.#required],
      stages: this.#stages,
    };
  }

  /** The processors that are not in the data path: what they say is kept for those concerned. */
  #readSettings(pipeline: PipelineConfig): void {
    for (const id of pipeline.processors) {
      const { definition, settings } = this.#processor(id);
      if ('limits' in definition) this.#limits.set(id, definition.limits(settings));
      if (!('batching' in definition)) continue;
      for (const exporter of pipeline.exporters) {
        const key = deliveryKey(exporter, pipeline.signal);
        if (!this.#batching.has(key)) this.#batching.set(key, definition.batching(settings));
      }
    }
  }

  #createDeliveries(): void {
    const { config } = this.#options;
    const wanted = new Map<string, { readonly id: string; readonly signal: Signal }>();
    for (const { exporters, signal } of this.#pipelines) {
      for (const id of exporters) wanted.set(deliveryKey(id, signal), { id, signal });
    }
    let queues = 0;
    for (const { id } of wanted.values()) {
      if (config.exporters[id]?.delivery?.queue.enabled === true) queues += 1;
    }
    const maxBytes = Math.floor(this.#options.queueBytes / Math.max(1, queues));
    for (const [key, { id, signal }] of wanted) {
      this.#deliveries.set(key, this.#delivery(id, signal, maxBytes));
    }
  }

  #delivery(id: string, signal: Signal, maxBytes: number): Delivery {
    const { ledger, split } = this.#options;
    const exporter = this.#exporter(id);
    const context = this.#options.context('exporters', id);
    const { tenantShare } = this.#options.config.service.admission;
    const bounds = { ledger, maxBytes, tenantShare };
    const options = { exporterId: id, signal, exporter, context, split, ...bounds };
    const delivery = this.#options.config.exporters[id]?.delivery;
    if (delivery?.queue.enabled !== true) return new InlineDelivery(delivery, options);
    const batching = this.#batching.get(deliveryKey(id, signal));
    return new QueuedDelivery(withBatching(delivery, batching), options);
  }

  #exporter(id: string): Exporter {
    const known = this.#exporters.get(id);
    if (known !== undefined) return known;
    const section = this.#options.config.exporters[id];
    const definition = this.#options.exporters.get(section?.type ?? '');
    if (section === undefined || definition === undefined) {
      throw new Error(`bug: exporter ${id} is in use, but not in the configuration`);
    }
    const timeoutMs = section.delivery?.timeoutMs ?? 0;
    const context = this.#options.context('exporters', id);
    const exporter = definition.create(section.settings, {
      ...context,
      ...(timeoutMs > 0 ? { timeoutMs } : {}),
    });
    this.#exporters.set(id, exporter);
    return exporter;
  }

  #processor(id: string): { definition: ProcessorDefinition; settings: unknown } {
    const section = this.#options.config.processors[id];
    const definition = this.#options.processors.get(section?.type ?? '');
    if (section === undefined || definition === undefined) {
      throw new Error(`bug: processor ${id} is in use, but not in the configuration`);
    }
    return { definition, settings: section.settings };
  }

  /** One pipeline, from its exporters to its first processor. */
  #pipeline(pipeline: PipelineConfig): Outlet {
    const { config, receivers = new Map(), processors, exporters } = this.#options;
    const plan = planTranslations(pipeline, formsIn(config, { receivers, processors, exporters }));
    let next = this.#exit(pipeline, plan);
    let steps: Step[] = [];
    const stages: Named[] = [];
    for (const id of pipeline.processors.toReversed()) {
      const { definition, settings } = this.#processor(id);
      const context = this.#options.context('processors', id);
      if ('transform' in definition) {
        const transform = definition.transform(settings, context);
        const { dropReason } = definition;
        const names = { pipeline: pipeline.id, processor: id, dropReason };
        steps.unshift(new Step(transform, context, names));
      } else if ('stage' in definition) {
        const stage = definition.stage(settings, through(steps, next), context);
        stages.unshift({ name: `processor ${id}`, part: stage });
        next = stage;
        steps = [];
      }
      const form = plan.processors.get(id);
      if (form === undefined) continue;
      next = this.#translation(pipeline, form, through(steps, next));
      steps = [];
    }
    if (stages.length > 0) this.#stages.push(stages);
    return through(steps, next);
  }

  #exit(pipeline: PipelineConfig, plan: TranslationPlan): Outlet {
    const required: Outlet[] = [];
    const bestEffort: Outlet[] = [];
    const forms = new Set(pipeline.exporters.map((id) => plan.exporters.get(id)));
    const [common] = forms;
    const hasWishes = pipeline.exporters.some((id) => this.#wishesOf(id) !== undefined);
    const isShared = forms.size === 1 && common !== undefined && !hasWishes;
    for (const id of pipeline.exporters) {
      const delivery = this.#deliveries.get(deliveryKey(id, pipeline.signal))!;
      const isBestEffort = pipeline.bestEffort.includes(id);
      if (!isBestEffort) this.#required.add(delivery);
      const waits = !isBestEffort && pipeline.acknowledge === 'delivered';
      const outlet = waits ? awaited(delivery) : delivery;
      const form = plan.exporters.get(id);
      const end =
        form === undefined ? outlet : this.#translation(pipeline, form, outlet, this.#wishesOf(id));
      (isBestEffort ? bestEffort : required).push(end);
    }
    const fanOut = this.#fanOut(required, bestEffort);
    return isShared ? this.#translation(pipeline, common, fanOut) : fanOut;
  }

  /** How an exporter wants metrics translated. */
  #wishesOf(id: string): Partial<TranslationSettings> | undefined {
    const section = this.#options.config.exporters[id];
    const definition = this.#options.exporters.get(section?.type ?? '');
    return definition?.translation?.(section?.settings);
  }

  // oxlint-disable-next-line max-params -- a translation between two parts
  #translation(
    { id }: PipelineConfig,
    to: Form,
    next: Outlet,
    wishes?: Partial<TranslationSettings>,
  ): Outlet {
    const context = this.#options.context('processors', `to_${to}`);
    return new Translation({
      to,
      transform: createTranslation(to, wishes),
      next,
      context,
      pipeline: id,
    });
  }

  #fanOut(required: readonly Outlet[], bestEffort: readonly Outlet[]): Outlet {
    const [only] = required;
    if (only !== undefined && required.length + bestEffort.length === 1) return only;
    return new FanOut(required, bestEffort, (error) => {
      const stack = error instanceof Error ? error.stack : String(error);
      this.#options.log.error('bug in a pipeline, please report it', { stack });
    });
  }
}

function through(steps: readonly Step[], next: Outlet): Outlet {
  return steps.length === 0 ? next : new Pipeline(steps, next);
}

/** The same delivery, answering once the destination has. */
function awaited(delivery: Delivery): Outlet {
  return {
    waits: delivery.waits,
    refusal: (batch) => delivery.refusal(batch),
    consume: (batch) => delivery.delivered.consume(batch),
  };
}

/** A `batch` processor speaks for the exporters of its pipeline that say nothing themselves. */
function withBatching(config: DeliveryConfig, batching: BatchSettings | undefined): DeliveryConfig {
  if (config.queue.batch !== undefined || batching === undefined) return config;
  return { ...config, queue: { ...config.queue, batch: batching } };
}

function deliveryKey(exporter: string, signal: Signal): string {
  return `${exporter} (${signal})`;
}

function named(kind: string, parts: ReadonlyMap<string, Named['part']>): Named[] {
  return [...parts].map(([id, part]) => ({ name: `${kind} ${id}`, part }));
}
