import type { Form, Signal } from '../../contract/batch.ts';
import type {
  BatchSettings,
  MemoryLimits,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import type { Logger } from '../../contract/context.ts';
import type { TranslationSettings } from '../../contract/translation.ts';
import { createTranslation } from '../../formats/translate/translate.ts';
import type { PipelineConfig } from '../config/config.ts';
import type { Delivery } from '../delivery/contract.ts';
import { deliveryKey, Ends, type EndsOptions } from './ends.ts';
import type { Exchange } from './exchange.ts';
import { FanOut, type Outlet } from './fan-out.ts';
import { formsIn, planTranslations, type TranslationPlan } from './forms.ts';
import type { Named } from './lifecycle.ts';
import { Pipeline, Step } from './pipeline.ts';
import { Translation } from './translation.ts';

export interface AssembleOptions extends EndsOptions {
  /** By type, aliases resolved; all that the pipelines name. */
  readonly processors: ReadonlyMap<string, ProcessorDefinition>;
  /** Of those that are not here it is taken that they give OTLP. */
  readonly receivers?: ReadonlyMap<string, ReceiverDefinition>;
  /** For what belongs to no component. */
  readonly log: Logger;
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
  /** Where parts of batches arrive that other shards had, by name. */
  readonly exchanges: ReadonlyMap<string, Exchange>;
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
  readonly #ends: Ends;
  readonly #required = new Set<Delivery>();
  readonly #stages: Named[][] = [];
  readonly #batching = new Map<string, BatchSettings>();
  readonly #limits = new Map<string, MemoryLimits>();

  constructor(options: AssembleOptions) {
    this.#options = options;
    this.#pipelines = Object.values(options.config.service.pipelines);
    this.#ends = new Ends(options, this.#batching);
  }

  run(): Assembled {
    for (const pipeline of this.#pipelines) this.#readSettings(pipeline);
    this.#ends.create(this.#pipelines);
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
      exporters: named('exporter', this.#ends.exporters),
      deliveries: named('delivery of', this.#ends.deliveries),
      required: [...this.#required],
      stages: this.#stages,
      exchanges: this.#ends.exchanges,
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
        const reach = definition.reach?.(settings);
        const names = { pipeline: pipeline.id, processor: id, dropReason, reach };
        steps.unshift(new Step(transform, context, names));
      } else if ('stage' in definition) {
        const stage = definition.stage(settings, through(steps, next), context);
        stages.unshift({ name: `processor ${id}`, part: stage });
        const name = `${id} of ${pipeline.id}`;
        const inFront = { name, exit: { as: () => stage }, context };
        next = this.#ends.exchange(definition.key, inFront).as('delivered');
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
    const hasWishes = pipeline.exporters.some((id) => this.#ends.wishesOf(id) !== undefined);
    const isShared = forms.size === 1 && common !== undefined && !hasWishes;
    for (const id of pipeline.exporters) {
      const { delivery, exit } = this.#ends.of(id, pipeline.signal);
      const isBestEffort = pipeline.bestEffort.includes(id);
      if (!isBestEffort) this.#required.add(delivery);
      const outlet = exit.as(isBestEffort ? 'best_effort' : pipeline.acknowledge);
      const form = plan.exporters.get(id);
      const end =
        form === undefined
          ? outlet
          : this.#translation(pipeline, form, outlet, this.#ends.wishesOf(id));
      (isBestEffort ? bestEffort : required).push(end);
    }
    const fanOut = this.#fanOut(required, bestEffort);
    return isShared ? this.#translation(pipeline, common, fanOut) : fanOut;
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

function named(kind: string, parts: ReadonlyMap<string, Named['part']>): Named[] {
  return [...parts].map(([id, part]) => ({ name: `${kind} ${id}`, part }));
}
