import { Consumer, type GroupAssignment, ListOffsetTimestamps } from '@platformatic/kafka';
import { pause, unlessAborted } from '../abort.ts';
import type {
  CommitOffset,
  ConsumerEvents,
  ConsumerOptions,
  KafkaConsumer,
  KafkaFault,
  TopicPartition,
} from '../client.ts';
import { faultOfAbort, faultOfClose } from '../fault.ts';
import { baseOptions, quiet } from './connect.ts';
import { faultOf } from './errors.ts';
import { Fetcher } from './fetcher.ts';

const REJOIN_MS = 500;
const NO_OFFSET = -1n;
const USER_DATA = Buffer.alloc(0);

/**
 * A member of a group on the membership of @platformatic/kafka. What is fetched, and when, is
 * decided by a `Fetcher`: the library's own stream buffers records and pauses as a whole.
 */
export class PlatformaticConsumer implements KafkaConsumer {
  readonly #options: ConsumerOptions;
  readonly #client: Consumer;
  readonly #stopped = new AbortController();
  #events: ConsumerEvents | undefined;
  #fetcher: Fetcher | undefined;
  #rejoining = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    const { groupInstanceId } = options;
    this.#client = quiet(
      new Consumer({
        ...baseOptions(options),
        groupId: options.groupId,
        sessionTimeout: options.sessionTimeoutMs,
        heartbeatInterval: options.heartbeatIntervalMs,
        rebalanceTimeout: options.rebalanceTimeoutMs,
        protocols: options.strategies.map((name) => ({ name, version: 1 })),
        autocommit: false,
        ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
        // Called before each join, which waits for it: the time to let go of partitions.
        protocolsMetadata: () => this.#beforeJoin().then(() => USER_DATA),
      }),
    );
  }

  async start(events: ConsumerEvents, signal: AbortSignal): Promise<KafkaFault | undefined> {
    this.#events = events;
    const what = `join group ${this.#options.groupId}`;
    this.#fetcher = new Fetcher(this.#client, this.#options, {
      events,
      first: (partition) => this.#firstOffset(partition),
    });
    this.#client.topics.trackAll(...this.#options.topics);
    this.#client.on('consumer:group:join', () => void this.#joined());
    this.#client.on('consumer:rejoin' as 'consumer:group:rejoin', () => this.#supervise());
    this.#client.on('consumer:heartbeat:error', ({ error }) => {
      events.failed(faultOf(error, 'keep up membership', this.#options.brokers));
    });
    return unlessAborted(this.#join(), signal, () => faultOfAbort(what));
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#fetcher?.setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#fetcher?.setPaused(partitions, false);
  }

  async commit(
    offsets: readonly CommitOffset[],
    signal: AbortSignal,
  ): Promise<KafkaFault | undefined> {
    const what = `commit offsets of group ${this.#options.groupId}`;
    const all = offsets.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset,
      leaderEpoch: -1,
    }));
    try {
      const committed = this.#client.commit({ offsets: all });
      return await unlessAborted(
        committed.then(() => undefined),
        signal,
        () => faultOfAbort(what),
      );
    } catch (error) {
      return faultOf(error, what, this.#options.brokers);
    }
  }

  async close(deadline: AbortSignal): Promise<void> {
    this.#stopped.abort();
    await this.#fetcher?.stop();
    const left = this.#client.close(true).catch(() => undefined);
    await unlessAborted(left, deadline, () => undefined);
  }

  /** Lets go of what the group took away, or, without cooperation, of everything. */
  async #beforeJoin(): Promise<void> {
    const fetcher = this.#fetcher;
    if (fetcher === undefined || this.#events === undefined) return;
    const kept = this.#isCooperative() ? keysOf(this.#client.assignments) : new Set<string>();
    const revoked = fetcher.partitions.filter((partition) => !kept.has(keyOf(partition)));
    if (revoked.length === 0) return;
    for (const partition of revoked) fetcher.remove(partition);
    const lost = this.#client.memberId === null;
    const limit = AbortSignal.any([
      this.#stopped.signal,
      AbortSignal.timeout(Math.floor(this.#options.rebalanceTimeoutMs / 2)),
    ]);
    await unlessAborted(this.#events.revoked(revoked, lost), limit, () => undefined);
  }

  async #joined(): Promise<void> {
    const fetcher = this.#fetcher;
    const { generationId } = this.#client;
    if (fetcher === undefined || this.#events === undefined) return;
    const own = keysOf(fetcher.partitions.map(asAssignment));
    const added = partitionsOf(this.#client.assignments).filter((each) => !own.has(keyOf(each)));
    for (;;) {
      try {
        const offsets = await this.#committed(added);
        if (this.#client.generationId !== generationId || this.#stopped.signal.aborted) return;
        added.forEach((partition, index) => fetcher.add(partition, offsets[index] ?? 0n));
        this.#events.assigned(added);
        fetcher.wake();
        return;
      } catch (error) {
        this.#events.failed(faultOf(error, 'look up committed offsets', this.#options.brokers));
        await pause(REJOIN_MS, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
      }
    }
  }

  /** Where each of `partitions` goes on. */
  async #committed(partitions: readonly TopicPartition[]): Promise<bigint[]> {
    if (partitions.length === 0) return [];
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, own]) => ({
      topic,
      partitions: own.map(({ partition }) => partition),
    }));
    const committed = await this.#client.listCommittedOffsets({ topics });
    return Promise.all(
      partitions.map(async (each) => {
        const offset = committed.get(each.topic)?.[each.partition] ?? NO_OFFSET;
        return offset === NO_OFFSET ? this.#firstOffset(each) : offset;
      }),
    );
  }

  async #firstOffset({ topic, partition }: TopicPartition): Promise<bigint> {
    const { EARLIEST, LATEST } = ListOffsetTimestamps;
    const timestamp = this.#options.initialOffset === 'earliest' ? EARLIEST : LATEST;
    const partitions = { [topic]: [partition] };
    const offsets = await this.#client.listOffsets({ topics: [topic], partitions, timestamp });
    return offsets.get(topic)?.[partition] ?? 0n;
  }

  /** The library joins again by itself, once; what fails then is tried again here. */
  #supervise(): void {
    if (this.#client.isActive() || this.#stopped.signal.aborted || this.#rejoining) return;
    this.#rejoining = true;
    void this.#rejoin().finally(() => (this.#rejoining = false));
  }

  async #rejoin(): Promise<void> {
    await pause(REJOIN_MS, this.#stopped.signal);
    await this.#join();
  }

  /** Tries to join until it is done, until it never can be, or until the end. */
  async #join(): Promise<KafkaFault | undefined> {
    const what = `join group ${this.#options.groupId}`;
    for (;;) {
      if (this.#stopped.signal.aborted) return faultOfClose(what);
      if (this.#client.isActive()) return undefined;
      try {
        await this.#client.joinGroup({});
        return undefined;
      } catch (error) {
        const fault = faultOf(error, what, this.#options.brokers);
        if (this.#stopped.signal.aborted) return faultOfClose(what);
        this.#events?.failed(fault);
        if (fault.kind === 'rejected') return fault;
      }
      await pause(REJOIN_MS, this.#stopped.signal);
    }
  }

  #isCooperative(): boolean {
    return this.#options.strategies[0] === 'cooperative-sticky';
  }
}

function partitionsOf(assignments: readonly GroupAssignment[] | null): TopicPartition[] {
  return (assignments ?? []).flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

function asAssignment({ topic, partition }: TopicPartition): GroupAssignment {
  return { topic, partitions: [partition] };
}

function keysOf(assignments: readonly GroupAssignment[] | null): Set<string> {
  return new Set(partitionsOf(assignments).map(keyOf));
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
