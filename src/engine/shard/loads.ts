import { performance, type EventLoopUtilization } from 'node:perf_hooks';

const SAMPLE_MS = 50;
/** Weight of the newest sample in what is published. */
const WEIGHT = 0.5;
const FULL = 1000;

/** How busy every shard is, 0 to 1, in memory that all threads see. Each shard writes its own. */
export class Loads {
  readonly #permille: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#permille = new Int32Array(memory);
  }

  publish(index: number, utilisation: number): void {
    Atomics.store(this.#permille, index, Math.round(utilisation * FULL));
  }

  /** 1 for a shard that is not serving: nobody hands anything to it. */
  of(index: number): number {
    return Atomics.load(this.#permille, index) / FULL;
  }
}

/** Memory for the loads of `count` shards, all of them saturated until they say otherwise. */
export function createLoadMemory(count: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(memory).fill(FULL);
  return memory;
}

/**
 * Publishes this thread's utilisation every 50 ms and tells `onSample`. Never keeps the thread
 * alive; the answer stops it.
 */
export function startLoadSampler(
  loads: Loads,
  index: number,
  onSample: (utilisation: number) => void,
): () => void {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let smooth = 0;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    smooth += (utilization - smooth) * WEIGHT;
    loads.publish(index, smooth);
    onSample(smooth);
  }, SAMPLE_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    loads.publish(index, 1);
  };
}
