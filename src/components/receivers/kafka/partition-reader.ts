import type { IncomingRecord } from '../../../net/kafka/client.ts';
import type { Group } from './group.ts';

/** What a reader does with what it read. */
export interface PartitionReaderOptions {
  /** Groups under way at once. 1 keeps their order whatever happens. */
  readonly window: number;
  groupsOf(records: readonly IncomingRecord[]): readonly Group[];
  /** True once the outcome is binding, false when `signal` aborted before. */
  deliver(group: Group, signal: AbortSignal): Promise<boolean>;
  /** The position moved, or there is room for the next records after `take` said there was none. */
  progressed(ready: boolean): void;
}

interface UnderWay {
  readonly next: bigint;
  isDone: boolean;
}

/**
 * One partition: groups of records start in their order, a few at a time, and the position moves
 * only past what is done without a gap. What is in hand is bounded by one fetch.
 */
export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  readonly #abandoned = new AbortController();
  readonly #underWay: UnderWay[] = [];
  #waiting: Group[] = [];
  #running = 0;
  #onHold = false;
  #closed = false;
  #position: bigint | undefined;
  #idle: (() => void)[] = [];

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
  }

  /** The next offset to read after a restart; undefined while nothing is done. */
  get position(): bigint | undefined {
    return this.#position;
  }

  /** Starts on records, in the order of their offsets; false: no more before `progressed(true)`. */
  take(records: readonly IncomingRecord[]): boolean {
    if (this.#closed) return false;
    this.#waiting.push(...this.#options.groupsOf(records));
    this.#pump();
    this.#onHold = this.#waiting.length > 0;
    return !this.#onHold;
  }

  /**
   * Starts nothing more, gives up what waits to be tried again, and resolves once what is in the
   * pipelines has its outcome, or `deadline` aborts.
   */
  async close(deadline: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#waiting = [];
    this.#abandoned.abort();
    if (this.#running === 0 || deadline.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #pump(): void {
    while (!this.#closed && this.#running < this.#options.window) {
      const group = this.#waiting.shift();
      if (group === undefined) return;
      void this.#run(group);
    }
  }

  async #run(group: Group): Promise<void> {
    const entry: UnderWay = { next: group.next, isDone: false };
    this.#underWay.push(entry);
    this.#running += 1;
    entry.isDone = await this.#options.deliver(group, this.#abandoned.signal);
    this.#running -= 1;
    while (this.#underWay[0]?.isDone === true) this.#position = this.#underWay.shift()?.next;
    this.#pump();
    const isReady = this.#onHold && this.#waiting.length === 0 && !this.#closed;
    if (isReady) this.#onHold = false;
    this.#options.progressed(isReady);
    if (this.#running > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
