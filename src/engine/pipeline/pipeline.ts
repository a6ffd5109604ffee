import type { Batch } from '../../contract/batch.ts';
import type { Reach, Transform } from '../../contract/component.ts';
import type { Context, Counter } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { WireError } from '../../wire/error.ts';
import { releaseAll } from '../../wire/memory.ts';
import type { Outlet } from './fan-out.ts';
import { type Act, type Acts, actsOf } from './order.ts';

/** The way in: a list of transforms, then whatever comes next. */
export class Pipeline implements Outlet {
  readonly #acts: readonly Act[];
  readonly #next: Outlet;

  constructor(steps: readonly Step[], next: Outlet) {
    this.#acts = actsOf(steps);
    this.#next = next;
  }

  /** An estimate, from the batch as it came in. */
  refusal(batch: Batch): Outcome | undefined {
    return this.#next.waits === true ? undefined : this.#next.refusal?.(batch);
  }

  consume(batch: Batch): Promise<Outcome> {
    let current = batch;
    for (const act of this.#acts) {
      const result = act(current);
      if (result === undefined) {
        if (current !== batch) releaseAll(current.chunks, batch.chunks);
        return DONE;
      }
      if ('kind' in result) return Promise.resolve(result);
      if (current !== batch && result !== current) {
        releaseAll(current.chunks, [...batch.chunks, ...result.chunks]);
      }
      current = result;
    }
    const answer = this.#next.consume(current);
    if (current === batch) return answer;
    return answer.then((outcome) => {
      releaseAll(current.chunks, batch.chunks);
      return outcome;
    });
  }
}

/** Whose books a step keeps. */
export interface StepNames {
  /** Ids in the configuration. */
  readonly pipeline: string;
  readonly processor: string;
  /** Why items that do not come out are dropped; `filtered` when absent. */
  readonly dropReason?: string | undefined;
  readonly reach?: Reach | undefined;
}

/** One transform with its counters. */
export class Step implements Acts {
  readonly reach: Reach | undefined;
  readonly #transform: Transform;
  readonly #context: Context;
  readonly #incoming: Counter;
  readonly #outgoing: Counter;
  readonly #dropped: (reason: string) => Counter;
  // Items of the current batch that the transform has given a reason for.
  #explained = 0;
  readonly #dropReason: string;

  /** `context` is the processor's. */
  constructor(transform: Transform, context: Context, names: StepNames) {
    const { pipeline, processor, dropReason = 'filtered', reach } = names;
    const { meter } = context;
    this.reach = reach;
    this.#transform = transform;
    this.#context = context;
    this.#dropReason = dropReason;
    this.#incoming = meter.counter('processor_incoming_items', 'Items given to a processor.', {
      processor,
    });
    this.#outgoing = meter.counter('processor_outgoing_items', 'Items a processor passed on.', {
      processor,
    });
    const help = 'Items a processor did not pass on.';
    this.#dropped = (reason) =>
      meter.counter('pipeline_dropped_items', help, { pipeline, processor, reason });
  }

  /** What is left of the batch, if anything; the refusal of a batch that breaks the transform. */
  readonly apply = (batch: Batch): Batch | Outcome | undefined => {
    this.#incoming.add(batch.items);
    const result = this.work(batch);
    if (result !== undefined && 'kind' in result) return result;
    const items = result?.items ?? 0;
    this.#outgoing.add(items);
    const others = batch.items - items - this.#explained;
    if (others > 0) this.#dropped(this.#dropReason).add(others);
    return result;
  };

  readonly note = (batch: Batch): Batch => {
    this.#incoming.add(batch.items);
    this.#outgoing.add(batch.items);
    return batch;
  };

  readonly work = (batch: Batch): Batch | Outcome | undefined => {
    this.#explained = 0;
    try {
      return this.#transform(batch, this.#drop);
    } catch (error) {
      return this.#failed(batch, error);
    }
  };

  readonly #drop = (reason: string, items: number): void => {
    if (items === 0) return;
    this.#explained += items;
    this.#dropped(reason).add(items);
  };

  #failed(batch: Batch, error: unknown): Outcome {
    const lost = batch.items - this.#explained;
    if (error instanceof WireError) {
      this.#dropped('malformed').add(lost);
      return { kind: 'rejected', reason: 'malformed', message: error.message, fault: 'invalid' };
    }
    this.#dropped('processor_bug').add(lost);
    const stack = error instanceof Error ? error.stack : String(error);
    this.#context.log.error('bug in a processor, please report it', { stack });
    const message = `${this.#context.id} failed unexpectedly on this request`;
    return { kind: 'rejected', reason: 'processor_bug', message, fault: 'internal' };
  }
}

const DONE: Promise<Outcome> = Promise.resolve(ACCEPTED);
