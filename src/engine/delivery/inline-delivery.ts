import type { Batch } from '../../contract/batch.ts';
import type { Consumer } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { DeliveryConfig } from '../config/config.ts';
import { Books } from './books.ts';
import { attempts } from './attempts.ts';
import type { Delivery, DeliveryOptions } from './contract.ts';
import { type Send, UNSENT } from './timeout.ts';

/** How many requests at once a caller may have under way that does not wait for them. */
const MAX_UNATTENDED = 10;

const NO_RETRY: Pick<DeliveryConfig, 'timeoutMs' | 'retry'> = {
  timeoutMs: 0,
  retry: {
    enabled: false,
    initialIntervalMs: 0,
    randomizationFactor: 0,
    multiplier: 1,
    maxIntervalMs: 0,
    maxElapsedTimeMs: 0,
  },
};

/**
 * Delivery without a queue: the caller waits while its batch is sent, and hears what became of
 * it. For exporters without the shared keys, and for `sending_queue.enabled: false`.
 */
export class InlineDelivery implements Delivery {
  readonly delivered: Consumer = this;
  readonly waits = true;
  readonly fullness = 0;
  readonly #books: Books;
  readonly #send: Send;
  readonly #stopping = new AbortController();
  readonly #deadline = new AbortController();
  readonly #idle = Promise.withResolvers<void>();
  #underWay = 0;

  constructor(config: DeliveryConfig | undefined, options: DeliveryOptions) {
    const { exporterId, signal, context } = options;
    this.#books = new Books(exporterId, signal, context);
    const watched = { books: this.#books, stopping: this.#stopping.signal };
    this.#send = attempts(config ?? NO_RETRY, options, watched).all;
  }

  async consume(batch: Batch): Promise<Outcome> {
    if (this.#stopping.signal.aborted) {
      this.#books.refused(batch);
      return UNSENT;
    }
    this.#books.entered(batch);
    this.#underWay += 1;
    let outcome = await this.#send(batch, this.#deadline.signal);
    // What the deadline cut off stays in the books until the end, to be reported as one number.
    if (outcome.kind === 'retry' && this.#deadline.signal.aborted) outcome = UNSENT;
    else this.#books.settled(batch, outcome);
    this.#underWay -= 1;
    if (this.#underWay === 0 && this.#stopping.signal.aborted) this.#idle.resolve();
    return outcome;
  }

  /** There is always room for a caller who waits. This is for those who do not. */
  refusal(batch: Batch): Outcome | undefined {
    if (this.#underWay < MAX_UNATTENDED && !this.#stopping.signal.aborted) return undefined;
    this.#books.refused(batch);
    const message = `${this.#underWay} requests are under way already and there is no sending queue`;
    return { kind: 'retry', reason: 'exporter_busy', message, afterMs: 1000 };
  }

  passedOver(batch: Batch, refusal: Exclude<Outcome, { kind: 'accepted' }>): void {
    this.#books.passedOver(batch, refusal);
  }

  async stop(deadline: AbortSignal): Promise<void> {
    if (deadline.aborted) this.#deadline.abort();
    else deadline.addEventListener('abort', () => this.#deadline.abort(), { once: true });
    this.#stopping.abort();
    if (this.#underWay === 0) this.#idle.resolve();
    await this.#idle.promise;
    this.#books.close(0);
  }
}
