import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MemoryLimits } from '../../contract/component.ts';
import type { Pressure } from './budget-memory.ts';

/** How long a thread leaves the collector of garbage alone after it called it. */
const GC_INTERVAL_MS = 10_000;
/** Above the hard limit nothing else matters. */
const GC_INTERVAL_HARD_MS = 1000;

/**
 * Watches the memory of the whole process against the limits, every `checkIntervalMs`, on the
 * main thread. Never keeps the process alive; the answer stops it.
 */
export function watchMemory(
  limits: MemoryLimits,
  onPressure: (pressure: Pressure, rss: number) => void,
  rssOf: () => number = () => process.memoryUsage.rss(),
): () => void {
  const check = (): void => {
    const rss = rssOf();
    onPressure(pressureOf(rss, limits), rss);
  };
  check();
  const timer = setInterval(check, limits.checkIntervalMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

function pressureOf(rss: number, limits: MemoryLimits): Pressure {
  if (rss > limits.hardBytes) return 2;
  return rss > limits.softBytes ? 1 : 0;
}

/** New memory outside the heap that is worth a collection of the young. */
const YOUNG_BYTES = 16 * 1024 * 1024;

type Collect = (what?: { readonly type: 'minor' }) => void;

let collect: Collect | undefined;
let lastCollection = 0;
let outsideBefore = 0;

/**
 * Collects this thread's garbage under pressure, now and then. Without it a process that refuses
 * all work allocates nothing, so nothing is ever collected and it would refuse for ever.
 */
export function collectUnderPressure(pressure: Pressure): void {
  if (pressure === 0) return;
  const now = performance.now();
  const interval = pressure === 2 ? GC_INTERVAL_HARD_MS : GC_INTERVAL_MS;
  if (lastCollection > 0 && now - lastCollection < interval) return;
  lastCollection = now;
  collect ??= exposeCollector();
  collect();
}

/**
 * Collects this thread's young garbage once much memory was taken outside its heap: what sockets
 * read lies there and dies at once. V8 knows only one answer to such memory, a major collection
 * for every 64 MB, eight a second at 1,000 requests of 200 kB; a collection of the young costs a
 * fraction of that and lets less pile up. Call it every 50 ms or so.
 */
export function collectYoung(): void {
  const outside = getHeapStatistics().external_memory;
  outsideBefore = Math.min(outsideBefore, outside);
  if (outside - outsideBefore < YOUNG_BYTES) return;
  collect ??= exposeCollector();
  collect({ type: 'minor' });
  outsideBefore = getHeapStatistics().external_memory;
}

/** Works in a running process and needs no flag on its command line. */
function exposeCollector(): Collect {
  if (globalThis.gc !== undefined) return globalThis.gc as Collect;
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
