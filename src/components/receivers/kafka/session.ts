import type { Clock } from '../../../contract/context.ts';
import type {
  CommitOffset,
  ConsumerEvents,
  FetchedRecords,
  KafkaConsumer,
  KafkaFault,
  TopicPartition,
} from '../../../net/kafka/client.ts';
import type { ReceiverCounts } from './counts.ts';
import type { Delivery } from './delivery.ts';
import { type GroupingOptions, groupRecords, type Route } from './group.ts';
import { PartitionReader } from './partition-reader.ts';

/** What one membership of the group works with. */
export interface SessionOptions {
  readonly consumer: KafkaConsumer;
  readonly routeOf: (topic: string) => Route | undefined;
  readonly grouping: GroupingOptions;
  readonly delivery: Delivery;
  readonly counts: ReceiverCounts;
  readonly clock: Clock;
  /** 0: commits with every outcome. */
  readonly commitIntervalMs: number;
  /** How long what is in hand may take when partitions move. */
  readonly revokeMs: number;
  readonly failed: (fault: KafkaFault) => void;
}

interface Assigned {
  readonly place: TopicPartition;
  readonly reader: PartitionReader;
  committed: bigint | undefined;
  highWatermark: bigint;
}

/** Groups of a partition under way at once, where their order does not matter. */
const WINDOW = 8;
const COMMIT_TIMEOUT_MS = 10_000;

/** One membership of the consumer group: its partitions, and how far each of them is done. */
export class Session implements ConsumerEvents {
  readonly #options: SessionOptions;
  readonly #partitions = new Map<string, Assigned>();
  #committing: Promise<void> | undefined;
  #cancelCommit: (() => void) | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  assigned(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) {
      const before = this.#partitions.get(keyOf(place));
      if (before !== undefined) void before.reader.close(AbortSignal.abort());
      this.#partitions.set(keyOf(place), this.#newPartition(place));
    }
    this.#options.counts.assigned(this.#partitions.size);
  }

  async revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    const leaving = partitions.flatMap((place) => this.#partitions.get(keyOf(place)) ?? []);
    const { revokeMs } = this.#options;
    await this.#close(leaving, lost ? AbortSignal.abort() : AbortSignal.timeout(revokeMs));
    if (!lost) await this.#commit();
    for (const { place } of leaving) {
      this.#partitions.delete(keyOf(place));
      this.#options.counts.lag(place, 0);
    }
    this.#options.counts.assigned(this.#partitions.size);
  }

  records(fetched: FetchedRecords): boolean {
    const partition = this.#partitions.get(keyOf(fetched));
    if (partition === undefined) return false;
    this.#options.counts.records(fetched.topic, fetched.records.length);
    partition.highWatermark = fetched.highWatermark;
    const goesOn = partition.reader.take(fetched);
    this.#showLag(partition, fetched.records[0]?.offset ?? fetched.highWatermark);
    return goesOn;
  }

  failed(fault: KafkaFault): void {
    this.#options.failed(fault);
  }

  /** Finishes what is in hand, commits it and leaves the group, by `deadline`. */
  async stop(deadline: AbortSignal): Promise<void> {
    const all = [...this.#partitions.values()];
    this.#options.consumer.pause(all.map(({ place }) => place));
    await this.#close(all, deadline);
    this.#cancelCommit?.();
    await this.#commit();
    await this.#options.consumer.close(deadline);
    for (const { place } of all) this.#options.counts.lag(place, 0);
    this.#partitions.clear();
  }

  async #close(partitions: readonly Assigned[], deadline: AbortSignal): Promise<void> {
    await Promise.all(partitions.map(({ reader }) => reader.close(deadline)));
  }

  #newPartition(place: TopicPartition): Assigned {
    const { routeOf, grouping, delivery, consumer } = this.#options;
    const route = routeOf(place.topic);
    const reader = new PartitionReader({
      window: route?.encoding === 'prometheus_remote_write' ? 1 : WINDOW,
      groupsOf: (records) =>
        route === undefined ? [] : groupRecords({ topic: place.topic, records }, route, grouping),
      deliver: (group, signal) => delivery.deliver(group, place, signal),
      progressed: (ready) => {
        this.#showLag(partition, undefined);
        if (ready) consumer.resume([place]);
        this.#commitSoon();
      },
    });
    const partition: Assigned = { place, reader, committed: undefined, highWatermark: 0n };
    return partition;
  }

  /** `first` is where a partition stands of which nothing is done yet. */
  #showLag({ place, reader, highWatermark }: Assigned, first: bigint | undefined): void {
    const position = reader.position ?? first;
    if (position === undefined) return;
    this.#options.counts.lag(place, Math.max(Number(highWatermark - position), 0));
  }

  #commitSoon(): void {
    const { clock, commitIntervalMs } = this.#options;
    this.#cancelCommit ??= clock.after(commitIntervalMs, () => {
      this.#cancelCommit = undefined;
      void this.#commit();
    });
  }

  /** Commits what is done and was not committed yet; one commit at a time. */
  async #commit(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
    this.#committing = this.#commitOnce();
    await this.#committing;
    this.#committing = undefined;
  }

  async #commitOnce(): Promise<void> {
    const moved: (readonly [Assigned, bigint])[] = [];
    for (const partition of this.#partitions.values()) {
      const { position } = partition.reader;
      if (position !== undefined && position !== partition.committed)
        moved.push([partition, position]);
    }
    if (moved.length === 0) return;
    const offsets: CommitOffset[] = moved.map(([{ place }, offset]) => ({ ...place, offset }));
    const signal = AbortSignal.timeout(COMMIT_TIMEOUT_MS);
    const fault = await this.#options.consumer.commit(offsets, signal);
    if (fault === undefined) {
      for (const [partition, offset] of moved) partition.committed = offset;
      return;
    }
    this.#options.failed(fault);
    this.#commitSoon();
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
