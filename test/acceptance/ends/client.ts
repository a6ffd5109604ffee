import { performance } from 'node:perf_hooks';
import { payloadOf, type Shape } from '../../../bench/load/payload.ts';
import type { Heard, Lane } from './lanes.ts';
import type { Range } from './numbers.ts';

/** Where the next numbers come from, shared by all lanes that feed one backend. */
export class Sequence {
  next: number;

  constructor(first = 0) {
    this.next = first;
  }

  take(count: number): number {
    const first = this.next;
    this.next += count;
    return first;
  }
}

/** What became of everything a client sent. */
export class Record {
  /** Answered with success. */
  readonly acknowledged: Range[] = [];
  /** Never answered: the gateway may have it or not. */
  readonly unknown: Range[] = [];
  /** Refusals by HTTP status, or by gRPC code written as a negative number. */
  readonly refusals = new Map<number, number>();
  refusedWithoutHint = 0;
  /** Milliseconds from sending to success. */
  readonly latencies: number[] = [];
  /** When each request was sent, in milliseconds since the epoch and in the order of numbers. */
  readonly sentAt: number[] = [];

  get refused(): number {
    return [...this.refusals.values()].reduce((sum, count) => sum + count, 0);
  }

  note(range: Range, heard: Heard | undefined, tookMs: number): void {
    if (heard === undefined) this.unknown.push(range);
    else if (heard.status === 200 && heard.code <= 0) {
      this.acknowledged.push(range);
      this.latencies.push(tookMs);
    } else {
      const key = heard.code > 0 ? -heard.code : heard.status;
      this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1);
      if (heard.hint === undefined) this.refusedWithoutHint += 1;
    }
  }
}

/** How lanes are driven. */
export interface Drive {
  readonly shape: Shape;
  readonly sequence: Sequence;
  readonly record: Record;
  /** Ends it. */
  readonly until: AbortSignal;
  /** Requests per second of all lanes together; as fast as answers come when absent. */
  readonly rate?: number;
  /** Wait after a refusal or a cut connection. */
  readonly pauseMs?: number;
}

/** Sends numbered requests over all lanes, one at a time each, until told to stop. */
export async function drive(lanes: readonly Lane[], options: Drive): Promise<void> {
  await Promise.all(lanes.map((lane, index) => driveOne(lane, index, [lanes.length, options])));
}

async function driveOne(lane: Lane, index: number, [count, options]: readonly [number, Drive]) {
  const { shape, sequence, record, until, rate, pauseMs = 20 } = options;
  const payload = payloadOf(shape);
  const everyMs = rate === undefined ? 0 : (1000 * count) / rate;
  let due = performance.now() + (everyMs * index) / count;
  while (!until.aborted) {
    if (everyMs > 0) {
      await pause(due - performance.now());
      due += everyMs;
      if (until.aborted) return;
    }
    const first = sequence.take(payload.items);
    const now = Date.now();
    record.sentAt.push(now);
    payload.number(first, now);
    const before = performance.now();
    const heard = await lane.send(payload.bytes).catch(() => undefined);
    record.note([first, first + payload.items], heard, performance.now() - before);
    if (heard === undefined || heard.status !== 200 || heard.code > 0) await pause(pauseMs);
  }
}

/** A signal that aborts after so many milliseconds. */
export function after(ms: number): AbortSignal {
  return AbortSignal.timeout(ms);
}

/** Waits; at once when nothing is left to wait for. */
export function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** The value below which `share` of all are. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
