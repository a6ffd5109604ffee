import type { Batch, Form } from '../../contract/batch.ts';
import type { Transform } from '../../contract/component.ts';
import type { Context, Counter } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { WireError } from '../../wire/error.ts';
import { releaseAll } from '../../wire/memory.ts';
import type { Outlet, Refusal } from './fan-out.ts';

export interface TranslationOptions {
  readonly to: Form;
  /** Brings batches into that form; from `formats/`. */
  readonly transform: Transform;
  readonly next: Outlet;
  /** Of the pipeline. */
  readonly context: Pick<Context, 'meter' | 'log'>;
  /** Id of the pipeline. */
  readonly pipeline: string;
}

/**
 * Brings batches into the form that the next part takes. Items are counted in the form they
 * have: what comes in before, what goes out and is answered for after. Dropped items are in the
 * books with their reasons, and an OTLP client, whose protocol has words for it, is told.
 */
export class Translation implements Outlet {
  readonly #options: TranslationOptions;
  readonly #incoming: Counter;
  readonly #outgoing: Counter;
  #dropped = 0;
  #lastReason = '';

  constructor(options: TranslationOptions) {
    this.#options = options;
    const { meter } = options.context;
    const labels = { processor: this.#name };
    this.#incoming = meter.counter(
      'processor_incoming_items',
      'Items given to a processor.',
      labels,
    );
    this.#outgoing = meter.counter(
      'processor_outgoing_items',
      'Items a processor passed on.',
      labels,
    );
  }

  get waits(): boolean {
    return this.#options.next.waits === true;
  }

  /** An estimate, from the batch as it came in. */
  refusal(batch: Batch): Outcome | undefined {
    return this.waits ? undefined : this.#options.next.refusal?.(batch);
  }

  passedOver(batch: Batch, refusal: Refusal): void {
    this.#options.next.passedOver?.(batch, refusal);
  }

  async consume(batch: Batch): Promise<Outcome> {
    const { next, to, transform } = this.#options;
    if (batch.form === to) return next.consume(batch);
    this.#incoming.add(batch.items);
    this.#dropped = 0;
    let result: Batch | undefined;
    try {
      result = transform(batch, this.#drop);
    } catch (error) {
      return this.#failed(batch, error);
    }
    const [dropped, reason] = [this.#dropped, this.#lastReason];
    this.#outgoing.add(result?.items ?? 0);
    const outcome = result === undefined ? ACCEPTED : await next.consume(result);
    if (result !== undefined) releaseAll(result.chunks, batch.chunks);
    if (dropped === 0 || batch.form !== 'otlp') return outcome;
    return outcome.kind === 'accepted' ? partialOf(dropped, reason) : outcome;
  }

  get #name(): string {
    return `to_${this.#options.to}`;
  }

  readonly #drop = (reason: string, items: number): void => {
    if (items === 0) return;
    this.#dropped += items;
    this.#lastReason = reason;
    this.#droppedFor(reason).add(items);
  };

  #droppedFor(reason: string): Counter {
    const { context, pipeline } = this.#options;
    const labels = { pipeline, processor: this.#name, reason };
    const help = 'Items a processor did not pass on.';
    return context.meter.counter('pipeline_dropped_items', help, labels);
  }

  #failed(batch: Batch, error: unknown): Outcome {
    const lost = Math.max(0, batch.items - this.#dropped);
    if (error instanceof WireError) {
      this.#droppedFor('malformed').add(lost);
      return { kind: 'rejected', reason: 'malformed', message: error.message, fault: 'invalid' };
    }
    this.#droppedFor('processor_bug').add(lost);
    const stack = error instanceof Error ? error.stack : String(error);
    this.#options.context.log.error('bug in a translation, please report it', { stack });
    const message = `the translation ${this.#name} failed unexpectedly on this request`;
    return { kind: 'rejected', reason: 'processor_bug', message, fault: 'internal' };
  }
}

function partialOf(rejected: number, reason: string): Outcome {
  const message = `${rejected} data points cannot be told in the form of Prometheus (${reason}); send cumulative metrics`;
  return { kind: 'partial', rejected, reason, message };
}
