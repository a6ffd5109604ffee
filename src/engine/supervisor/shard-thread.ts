import { Worker, type MessagePort } from 'node:worker_threads';
import type { FromShard, PeerPort, ShardSetup, ToShard } from '../shard/messages.ts';
import type { SeriesAnnouncement } from '../telemetry/shard-metrics.ts';

/** How long a thread may take to say that it stopped, beyond its grace. */
const STOP_MARGIN_MS = 2000;

/** What a thread is started with. */
export interface ShardThreadOptions {
  /** Module that calls `runShard`. */
  readonly entry: URL;
  readonly setup: ShardSetup;
  readonly heapMib: number;
  readonly youngMib: number;
  readonly onSeries: (series: SeriesAnnouncement) => void;
}

/** Why a thread ended. */
export interface ShardEnd {
  readonly reason: string;
  /** It was told to. */
  readonly stopped: boolean;
}

/** One shard's thread, seen from the main thread. */
export class ShardThread {
  /** Resolves when the thread is gone, whatever ended it. */
  readonly ended: Promise<ShardEnd>;
  readonly startedAt = performance.now();
  readonly #worker: Worker;
  readonly #awaited = new Map<FromShard['kind'], () => void>();
  readonly #reports = new Map<number, (rows: readonly unknown[] | undefined) => void>();
  #nextReport = 0;
  #stopped = false;
  #failure: string | undefined;

  constructor({ entry, setup, heapMib, youngMib, onSeries }: ShardThreadOptions) {
    this.#worker = new Worker(entry, {
      name: `shard-${setup.index}`,
      workerData: setup,
      transferList: setup.peers.map(({ port }) => port),
      resourceLimits: { maxOldGenerationSizeMb: heapMib, maxYoungGenerationSizeMb: youngMib },
    });
    this.#worker.on('message', (message: FromShard) => {
      if (message.kind === 'series') onSeries(message.series);
      else if (message.kind === 'report') this.#reports.get(message.id)?.(message.rows);
      else this.#hear(message);
    });
    this.#worker.on('error', (error) => {
      this.#failure ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        const reason = this.#failure ?? `the thread ended with code ${code}`;
        for (const unanswered of this.#reports.values()) unanswered(undefined);
        resolve({ reason, stopped: this.#stopped });
      });
    });
  }

  /** Resolves when everything is built and started but the receivers; rejects when it is not. */
  built(): Promise<void> {
    return this.#expect('built');
  }

  /** Starts the receivers; resolves when they listen. */
  listen(): Promise<void> {
    return this.#tell({ kind: 'listen' }, 'listening');
  }

  /** Gives it the port to a new peer. */
  meet(peer: PeerPort): void {
    this.#post({ kind: 'peer', peer }, [peer.port]);
  }

  /** What its components show of a topic; undefined when it does not say so in time. */
  async report(topic: string, timeoutMs: number): Promise<readonly unknown[] | undefined> {
    const id = this.#nextReport++;
    const answer = Promise.withResolvers<readonly unknown[] | undefined>();
    this.#reports.set(id, answer.resolve);
    const timer = setTimeout(() => answer.resolve(undefined), timeoutMs);
    this.#post({ kind: 'report', id, topic }, []);
    const rows = await answer.promise;
    clearTimeout(timer);
    this.#reports.delete(id);
    return rows;
  }

  /** Stops the receivers; resolves when all requests in hand are answered, or the time is up. */
  async stopReceivers(graceMs: number): Promise<void> {
    await this.#within(
      graceMs,
      this.#tell({ kind: 'stop_receivers', graceMs }, 'receivers_stopped'),
    );
  }

  /** Delivers what is held and ends the thread; by force when it takes longer than it may. */
  async stop(graceMs: number): Promise<void> {
    await this.#within(graceMs, this.#tell({ kind: 'stop', graceMs }, 'stopped'));
    await this.kill();
  }

  /** Ends the thread at once. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(message: Exclude<FromShard, { kind: 'series' | 'report' }>): void {
    if (message.kind === 'failed') {
      this.#failure ??= message.message;
      // What did start, such as another receiver, would keep the thread alive.
      void this.kill();
    }
    if (message.kind === 'stopped' && this.#failure === undefined) this.#stopped = true;
    this.#awaited.get(message.kind)?.();
    this.#awaited.delete(message.kind);
  }

  #tell(message: ToShard, answer: FromShard['kind']): Promise<void> {
    const heard = this.#expect(answer);
    this.#post(message, []);
    return heard;
  }

  /** Resolves with the message, rejects when the thread ends without it. */
  #expect(kind: FromShard['kind']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited.set(kind, resolve);
      void this.ended.then(({ reason }) => {
        reject(new Error(reason));
      });
    });
  }

  /** Waits for an answer that may never come; that the thread ended is answer enough. */
  #within(graceMs: number, answer: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs + STOP_MARGIN_MS);
      const settled = (): void => {
        clearTimeout(timer);
        resolve();
      };
      answer.then(settled, settled);
    });
  }

  #post(message: ToShard, transfer: readonly MessagePort[]): void {
    this.#worker.postMessage(message, transfer);
  }
}
