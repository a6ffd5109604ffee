import type { FetchedRecords, IncomingRecord } from '../../../net/kafka/client.ts';
import { releaseBytes } from '../../../wire/memory.ts';
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

/** What was read at once; its memory goes on once nothing of it is left. */
interface Fetch {
  readonly memory: FetchedRecords['memory'];
  left: number;
}

interface Waiting {
  readonly group: Group;
  readonly fetch: Fetch;
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
  #waiting: Waiting[] = [];
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
  take(fetched: Pick<FetchedRecords, 'records' | 'memory'>): boolean {
    if (this.#closed) return false;
    const groups = this.#options.groupsOf(fetched.records);
    const fetch = { memory: fetched.memory, left: groups.length };
    for (const group of groups) this.#waiting.push({ group, fetch });
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
      const next = this.#waiting.shift();
      if (next === undefined) return;
      void this.#run(next);
    }
  }

  async #run({ group, fetch }: Waiting): Promise<void> {
    const entry: UnderWay = { next: group.next, isDone: false };
    this.#underWay.push(entry);
    this.#running += 1;
    entry.isDone = await this.#options.deliver(group, this.#abandoned.signal);
    this.#running -= 1;
    // What was given up may still be read by who was told to let go of it.
    if (entry.isDone) fetch.left -= 1;
    if (fetch.left === 0 && fetch.memory !== undefined) releaseBytes(fetch.memory);
    while (this.#underWay[0]?.isDone === true) this.#position = this.#underWay.shift()?.next;
    this.#pump();
    const isReady = this.#onHold && this.#waiting.length === 0 && !this.#closed;
    if (isReady) this.#onHold = false;
    this.#options.progressed(isReady);
    if (this.#running > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
