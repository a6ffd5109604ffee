import { performance, type EventLoopUtilization } from 'node:perf_hooks';

const SAMPLE_MS = 50;
/** Weight of the newest sample in what is published. */
const WEIGHT = 0.5;
const FULL = 1000;

/** How much of what a shard has is taken, each 0 to 1. */
export interface Load {
  /** Of its thread's time. */
  readonly busy: number;
  /** Of the fullest queue that may refuse a request. */
  readonly full: number;
}

/** A shard that is not serving: nobody hands anything to it. */
export const NOT_SERVING: Load = { busy: 1, full: 1 };

/** Told of the load of a thread, and asked for the part of it that only others know. */
export interface LoadWatcher {
  /** How full the fullest queue is now. */
  readonly fullness: () => number;
  /** The load as it was published. */
  readonly onSample: (load: Load) => void;
}

/** The loads of all shards in memory that all threads see. Each shard writes its own. */
export class Loads {
  readonly #permille: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#permille = new Int32Array(memory);
  }

  publish(index: number, { busy, full }: Load): void {
    Atomics.store(this.#permille, 2 * index, Math.round(busy * FULL));
    Atomics.store(this.#permille, 2 * index + 1, Math.round(full * FULL));
  }

  of(index: number): Load {
    return {
      busy: Atomics.load(this.#permille, 2 * index) / FULL,
      full: Atomics.load(this.#permille, 2 * index + 1) / FULL,
    };
  }
}

/** Memory for the loads of `count` shards, none of them serving until it says so. */
export function createLoadMemory(count: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(2 * count * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(memory).fill(FULL);
  return memory;
}

/** Publishes the load of this thread every 50 ms. Never keeps it alive; the answer stops it. */
export function startLoadSampler(
  loads: Loads,
  index: number,
  { fullness, onSample }: LoadWatcher,
): () => void {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let smooth = 0;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    smooth += (utilization - smooth) * WEIGHT;
    const load: Load = { busy: smooth, full: fullness() };
    loads.publish(index, load);
    onSample(load);
  }, SAMPLE_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    loads.publish(index, NOT_SERVING);
  };
}
