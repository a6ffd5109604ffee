import type { LoadOrder } from './load/generator.ts';
import { runLoad, type Sink } from './systems/processes.ts';
import type { System } from './systems/system.ts';

/** One measured run of one system. */
export interface Measurement {
  readonly system: string;
  /** Items per second that reached the sink. */
  readonly itemsPerSecond: number;
  /** CPU seconds of the gateway's process per million items delivered. */
  readonly cpuPerMillion: number;
  /** Items received and acknowledged: those a sampler drops are work done too. */
  readonly itemsPerCpuSecond: number;
  readonly peakBytes: number;
  readonly refused: number;
  readonly failed: number;
  /** Acknowledged items that never came; undefined where items are not numbered. */
  readonly missing: number | undefined;
  readonly duplicates: number | undefined;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

/** How a load is put on a system: the order without what the system itself says. */
export type LoadShape = Omit<LoadOrder, 'port' | 'seconds' | 'rate' | 'first'>;

const WARM_UP_SECONDS = 2;

/**
 * Warms a system up, then loads it for `seconds` and reads what it cost. With a `rate` (requests
 * per second) the items are numbered and their latency is measured; without one the sink only
 * counts, so that it takes as little as possible from the machine it shares.
 */
export async function measure(
  system: System,
  sink: Sink,
  load: LoadShape,
  options: { readonly seconds: number; readonly rate?: number; readonly numbered?: boolean },
): Promise<Measurement> {
  const port = system.ports[load.protocol];
  const numbered = options.numbered === true || options.rate !== undefined;
  await runLoad({ ...load, port, seconds: WARM_UP_SECONDS });
  await sink.settled(500);
  await sink.reset(numbered);
  const cpu = system.cpuSeconds();
  const order = { ...load, port, seconds: options.seconds };
  const report = await runLoad(
    options.rate === undefined ? order : { ...order, rate: options.rate },
  );
  const during = await sink.report();
  const seen = await sink.settled(500);
  const used = system.cpuSeconds() - cpu;
  return {
    system: system.name,
    // What queues held at the end took no part of this time.
    itemsPerSecond: during.items / report.seconds,
    cpuPerMillion: (used * 1e6) / seen.items,
    itemsPerCpuSecond: report.items / used,
    peakBytes: system.peakBytes,
    refused: report.refused,
    failed: report.failed,
    missing: numbered ? await missingOf(sink, report) : undefined,
    duplicates: numbered ? seen.duplicates : undefined,
    p50: numbered ? seen.p50 : undefined,
    p99: numbered ? seen.p99 : undefined,
  };
}

/** Latency between client and sink with nothing in between. */
export async function measureDirect(
  sink: Sink,
  load: LoadShape,
  options: { readonly seconds: number; readonly rate: number },
): Promise<{ p50: number; p99: number }> {
  await sink.reset(true);
  await runLoad({ ...load, ...options, port: sink.ports[load.protocol] });
  return sink.settled(300);
}

/** Acknowledged numbers that did not arrive: all that were sent, less what was not acknowledged. */
async function missingOf(
  sink: Sink,
  report: { next: number; unacknowledged: readonly (readonly [number, number])[] },
): Promise<number> {
  const all = await sink.missing([[0, report.next]]);
  return all - (await sink.missing(report.unacknowledged));
}

/** Middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
