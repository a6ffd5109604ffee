/** The ends of a flow under test: a clock moved by hand, numbers to read, a backend, batches. */
import type { Batch, Bytes, Metadata, Signal } from '../../src/contract/batch.ts';
import type { Exporter } from '../../src/contract/component.ts';
import type { Clock, Context, Labels, Logger, Meter } from '../../src/contract/context.ts';
import { ACCEPTED, type Outcome } from '../../src/contract/outcome.ts';
import type {
  DeliveryConfig,
  QueueBatchConfig,
  QueueConfig,
} from '../../src/engine/config/config.ts';
import type { Splitter } from '../../src/engine/delivery/batcher.ts';
import type { Ledger } from '../../src/engine/queue/queue.ts';

/** Lets everything run that is not waiting for time or for the other end. */
export function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Starts at one million seconds after the epoch and stands still. */
export class HandClock implements Clock {
  #now = 1e9;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves on by `ms`, stopping at each timer on the way until all it set off is done. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await idle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.callback();
      await idle();
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

/** Numbers by name and labels: `exporter_sent_spans{exporter=x}`. */
export class Numbers implements Meter {
  readonly values = new Map<string, number>();

  counter(name: string, _help: string, labels: Labels = {}) {
    return this.#cell(name, labels);
  }

  gauge(name: string, _help: string, labels: Labels = {}) {
    return this.#cell(name, labels);
  }

  histogram(name: string, _help: string, _bounds: readonly number[], labels: Labels = {}) {
    const cell = this.#cell(name, labels);
    return { record: () => cell.add(1) };
  }

  /** Sum of all series of `name` whose labels contain `labels`. */
  sum(name: string, labels: Labels = {}): number {
    let sum = 0;
    for (const [key, value] of this.values) {
      if (!key.startsWith(`${name}{`)) continue;
      if (Object.entries(labels).every(([label, wanted]) => key.includes(`${label}=${wanted};`))) {
        sum += value;
      }
    }
    return sum;
  }

  #cell(name: string, labels: Labels) {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value};`);
    const key = `${name}{${pairs.toSorted().join('')}}`;
    const { values } = this;
    if (!values.has(key)) values.set(key, 0);
    return {
      add: (amount: number) => void values.set(key, (values.get(key) ?? 0) + amount),
      set: (value: number) => void values.set(key, value),
    };
  }
}

/** One line of the log. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Stand {
  readonly context: Context;
  readonly clock: HandClock;
  readonly numbers: Numbers;
  readonly lines: Line[];
}

/** What a component may reach, all of it in the hands of the test. */
export function stand(id = 'exporters/x'): Stand {
  const clock = new HandClock();
  const numbers = new Numbers();
  const lines: Line[] = [];
  const writer =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push({ level, message, fields });
  const log: Logger = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  };
  const shard = { index: 0, count: 1 };
  return {
    context: { id, version: '0', log, meter: numbers, clock, shard },
    clock,
    numbers,
    lines,
  };
}

/** Bytes by tenant. */
export class Account implements Ledger {
  readonly held = new Map<string, number>();

  get total(): number {
    return [...this.held.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  charge(tenant: string, bytes: number): void {
    this.held.set(tenant, (this.held.get(tenant) ?? 0) + bytes);
  }

  release(tenant: string, bytes: number): void {
    this.charge(tenant, -bytes);
  }
}

export interface BatchShape {
  readonly items?: number;
  readonly bytes?: number;
  readonly tenant?: string;
  readonly metadata?: Metadata;
  readonly signal?: Signal;
  readonly receivedAt?: number;
}

let written = 0;

/** A batch of one chunk, one byte per item unless told otherwise; every chunk is numbered. */
export function batch(shape: BatchShape = {}): Batch {
  const { items = 1, bytes = items, tenant = 'a', metadata = {}, signal = 'traces' } = shape;
  const chunk: Bytes = new Uint8Array(bytes).fill(written++ % 256);
  const origin = { receiver: 'otlp', tenant, receivedAt: shape.receivedAt ?? 1e9, metadata };
  return { signal, form: 'otlp', chunks: [chunk], byteLength: bytes, items, origin };
}

/** Cuts bytes that are one item each. */
export const splitBytes: Splitter = (_of, bytes, limit) => {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += limit) {
    const piece = bytes.slice(at, at + limit);
    pieces.push({ bytes: piece, items: piece.length });
  }
  return pieces;
};

/** Keeps what it is sent, and answers as it is told to. */
export class Backend implements Exporter {
  readonly sent: Batch[] = [];
  attempts = 0;
  underWay = 0;
  mostUnderWay = 0;
  answer: (batch: Batch, signal: AbortSignal) => Outcome | Promise<Outcome> = () => ACCEPTED;

  get items(): number {
    return this.sent.reduce((sum, sent) => sum + sent.items, 0);
  }

  async send(given: Batch, signal: AbortSignal): Promise<Outcome> {
    this.attempts += 1;
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      const outcome = await this.answer(given, signal);
      if (outcome.kind === 'accepted' || outcome.kind === 'partial') this.sent.push(given);
      return outcome;
    } finally {
      this.underWay -= 1;
    }
  }

  /** From now on requests hang until the answer function is replaced by calling the result. */
  hang(): (outcome: Outcome) => void {
    const gate = Promise.withResolvers<Outcome>();
    this.answer = () => gate.promise;
    return (outcome) => {
      this.answer = () => outcome;
      gate.resolve(outcome);
    };
  }
}

export const DOWN: Outcome & { kind: 'retry' } = {
  kind: 'retry',
  reason: 'unavailable',
  message: 'backend is down',
};

export const QUEUE: QueueConfig = {
  enabled: true,
  numConsumers: 10,
  size: 1000,
  sizer: 'requests',
  blockOnOverflow: false,
  waitForResult: false,
  batch: undefined,
};

export const BATCH: QueueBatchConfig = {
  flushTimeoutMs: 200,
  minSize: 100,
  maxSize: 0,
  sizer: 'items',
  metadataKeys: [],
};

/** Delivery settings: the usual defaults, without jitter, and `queue` on top. */
export function settings(queue: Partial<QueueConfig> = {}): DeliveryConfig {
  return {
    timeoutMs: 5000,
    retry: {
      enabled: true,
      initialIntervalMs: 5000,
      randomizationFactor: 0,
      multiplier: 1.5,
      maxIntervalMs: 30_000,
      maxElapsedTimeMs: 300_000,
    },
    queue: { ...QUEUE, ...queue },
  };
}
