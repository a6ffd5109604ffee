/** Where the spans of the Kafka bench end up, and which of them did. */
import type { IncomingRecord } from '../../src/net/kafka/client.ts';
import { loadKafkaLibrary } from '../../src/net/kafka/library.ts';
import { ageMs, MARK } from '../load/payload.ts';
import type { KafkaOptions } from './kafka.ts';
import type { Sink } from './processes.ts';

/** Numbers from the first to before the second. */
export type Range = readonly [number, number];

/** How the bench itself connects. */
export const CONNECTION = { clientId: 'bench', connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };
/** Largest batch of records that the broker takes. */
export const MESSAGE_BYTES = 8_000_000;

/** What arrived at an end since it was reset. */
export interface Arrived {
  /** Of `performance.now()`, when the last of it was seen. */
  readonly lastAt: number;
  readonly p50: number;
  readonly p99: number;
}

/** Where what a gateway passed on ends up. */
export interface End {
  open(): Promise<void>;
  reset(): Promise<void>;
  /** Resolves once nothing has arrived for a while. */
  settled(): Promise<Arrived>;
  /** How many of the numbered spans in these ranges have not come since the end was reset. */
  missing(ranges: readonly Range[]): Promise<number>;
  close(): Promise<void>;
}

/** The sink process behind a gateway that reads. */
export class SinkEnd implements End {
  readonly #sink: Sink;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  open(): Promise<void> {
    return this.#sink.reset(true);
  }

  reset(): Promise<void> {
    return this.#sink.reset(true);
  }

  async settled(): Promise<Arrived> {
    const quietMs = 1000;
    const { p50, p99 } = await this.#sink.settled(quietMs);
    return { p50, p99, lastAt: performance.now() - quietMs };
  }

  missing(ranges: readonly Range[]): Promise<number> {
    return this.#sink.missing(ranges);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const MARK_BYTES = Buffer.alloc(4);
MARK_BYTES.writeUInt32BE(MARK);

/** A reader of the topic that a gateway writes, in this process. */
export class TopicEnd implements End {
  readonly #place: KafkaOptions;
  readonly #spans: number;
  /** Number of the first span of each record. */
  #firsts = new Set<number>();
  #lastAt = 0;
  #ages: number[] = [];
  #close: () => Promise<void> = () => Promise.resolve();

  /** `spans` are in each record. */
  constructor(place: KafkaOptions, spans: number) {
    this.#place = place;
    this.#spans = spans;
  }

  async open(): Promise<void> {
    const { brokers, topic } = this.#place;
    const consumer = (await loadKafkaLibrary('platformatic')).createConsumer({
      ...CONNECTION,
      brokers,
      groupId: `${topic}-end`,
      topics: [topic],
      initialOffset: 'earliest',
      sessionTimeoutMs: 30_000,
      heartbeatIntervalMs: 3000,
      rebalanceTimeoutMs: 30_000,
      strategies: ['cooperative-sticky'],
      minFetchBytes: 1,
      maxFetchBytes: MESSAGE_BYTES * 2,
      maxPartitionFetchBytes: MESSAGE_BYTES,
      maxFetchWaitMs: 50,
    });
    const events = {
      assigned: () => undefined,
      revoked: () => Promise.resolve(),
      records: ({ records }: { readonly records: readonly IncomingRecord[] }) => {
        for (const record of records) this.#take(record);
        return true;
      },
      failed: ({ message }: { readonly message: string }) => console.error(message),
    };
    const fault = await consumer.start(events, AbortSignal.timeout(30_000));
    if (fault !== undefined) throw new Error(fault.message);
    this.#close = () => consumer.close(AbortSignal.timeout(5000));
  }

  reset(): Promise<void> {
    this.#firsts = new Set();
    this.#ages = [];
    return Promise.resolve();
  }

  async settled(): Promise<Arrived> {
    const quietMs = 1000;
    for (let last = -1; last !== this.#ages.length; ) {
      last = this.#ages.length;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    const ages = this.#ages.toSorted((a, b) => a - b);
    const at = (share: number) => ages[Math.floor(ages.length * share)] ?? 0;
    return { lastAt: this.#lastAt, p50: at(0.5), p99: at(0.99) };
  }

  missing(ranges: readonly Range[]): Promise<number> {
    let missing = 0;
    for (const [from, to] of ranges) {
      for (let first = from; first < to; first += this.#spans) {
        if (!this.#firsts.has(first)) missing += this.#spans;
      }
    }
    return Promise.resolve(missing);
  }

  close(): Promise<void> {
    return this.#close();
  }

  #take({ value }: IncomingRecord): void {
    if (value === undefined) return;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const first = bytes.indexOf(MARK_BYTES);
    this.#ages.push(ageMs(bytes.readUInt32BE(first + 4), Date.now()));
    this.#firsts.add(bytes.readUInt32BE(first + 8) * 2 ** 32 + bytes.readUInt32BE(first + 12));
    this.#lastAt = performance.now();
  }
}
