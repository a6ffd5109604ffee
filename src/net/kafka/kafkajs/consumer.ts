import kafkajs, { type Consumer, type EachBatchPayload, type KafkaMessage } from 'kafkajs';
import { pause, unlessAborted } from '../abort.ts';
import type {
  CommitOffset,
  ConsumerEvents,
  ConsumerOptions,
  IncomingRecord,
  KafkaConsumer,
  KafkaFault,
  KafkaHeader,
  TopicPartition,
} from '../client.ts';
import { faultOfAbort, faultOfClose } from '../fault.ts';
import { type Connected, connectKafkajs } from './connect.ts';
import { faultOf } from './errors.ts';

const RESTART_MS = 1000;
/** Of the library, within which it deals with leaders that move; then it is started anew. */
const RETRY = { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 };

/**
 * A member of a group on kafkajs, which knows rebalances without cooperation only and says nothing
 * before it joins again: all partitions are lost, and those that are assigned begin again at the
 * committed offsets.
 */
export class KafkajsConsumer implements KafkaConsumer {
  readonly #options: ConsumerOptions;
  readonly #stopped = new AbortController();
  #connected: Connected | undefined;
  #consumer: Consumer | undefined;
  #events: ConsumerEvents | undefined;
  #own: readonly TopicPartition[] = [];

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  async start(events: ConsumerEvents, signal: AbortSignal): Promise<KafkaFault | undefined> {
    this.#events = events;
    const what = `join group ${this.#options.groupId}`;
    return unlessAborted(this.#runUntilJoined(), signal, () => faultOfAbort(what));
  }

  pause(partitions: readonly TopicPartition[]): void {
    if (this.#own.length > 0) this.#consumer?.pause(grouped(partitions));
  }

  resume(partitions: readonly TopicPartition[]): void {
    if (this.#own.length > 0) this.#consumer?.resume(grouped(partitions));
  }

  async commit(
    offsets: readonly CommitOffset[],
    signal: AbortSignal,
  ): Promise<KafkaFault | undefined> {
    const what = `commit offsets of group ${this.#options.groupId}`;
    const consumer = this.#consumer;
    if (consumer === undefined) return faultOfAbort(what);
    const all = offsets.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: String(offset),
    }));
    try {
      const committed = consumer.commitOffsets(all).then(() => undefined);
      return await unlessAborted(committed, signal, () => faultOfAbort(what));
    } catch (error) {
      return faultOf(error, what, this.#options.brokers);
    }
  }

  async close(deadline: AbortSignal): Promise<void> {
    this.#stopped.abort();
    const left = this.#consumer?.disconnect().catch(() => undefined) ?? Promise.resolve();
    await unlessAborted(left, deadline, () => undefined);
    this.#connected?.destroy();
  }

  /** Resolves when the group was joined. */
  async #run(): Promise<undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const options = this.#options;
    const connected = connectKafkajs(options);
    const consumer = connected.kafka.consumer({
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      minBytes: options.minFetchBytes,
      maxBytes: options.maxFetchBytes,
      maxBytesPerPartition: options.maxPartitionFetchBytes,
      maxWaitTimeInMs: options.maxFetchWaitMs,
      allowAutoTopicCreation: false,
      partitionAssigners: [kafkajs.PartitionAssigners.roundRobin],
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#connected = connected;
    this.#consumer = consumer;
    let hasJoined = false;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      hasJoined = true;
      this.#joined(payload.memberAssignment);
      resolve(undefined);
    });
    consumer.on(consumer.events.REBALANCING, () => this.#lose());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      reject(payload.error);
      if (hasJoined) void this.#restart(consumer, connected, payload.error);
      else connected.destroy();
    });
    await consumer.connect();
    const fromBeginning = options.initialOffset === 'earliest';
    await consumer.subscribe({ topics: [...options.topics], fromBeginning });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: (payload) => Promise.resolve(this.#take(payload)),
    });
    return promise;
  }

  #joined(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#lose();
    this.#own = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    // What was on hold stays so in the library, also over a rebalance.
    this.#consumer?.resume(grouped(this.#own));
    this.#events?.assigned(this.#own);
  }

  #lose(): void {
    const lost = this.#own;
    this.#own = [];
    if (lost.length > 0) void this.#events?.revoked(lost, true);
  }

  async #restart(consumer: Consumer, connected: Connected, error: Error): Promise<void> {
    if (this.#consumer !== consumer || this.#stopped.signal.aborted) return;
    this.#lose();
    this.#consumer = undefined;
    this.#events?.failed(faultOf(error, 'consume', this.#options.brokers));
    await consumer.disconnect().catch(() => undefined);
    connected.destroy();
    await pause(RESTART_MS, this.#stopped.signal);
    await this.#runUntilJoined();
  }

  /** Tries until the group is joined, until it never can be, or until the end. */
  async #runUntilJoined(): Promise<KafkaFault | undefined> {
    const what = `join group ${this.#options.groupId}`;
    while (!this.#stopped.signal.aborted) {
      try {
        return await this.#run();
      } catch (error) {
        const fault = faultOf(error, what, this.#options.brokers);
        if (this.#stopped.signal.aborted) break;
        this.#events?.failed(fault);
        if (fault.kind === 'rejected') return fault;
      }
      await pause(RESTART_MS, this.#stopped.signal);
    }
    return faultOfClose(what);
  }

  #take(payload: EachBatchPayload): void {
    const { batch } = payload;
    const { topic, partition } = batch;
    const records = batch.messages.map(recordOf);
    const highWatermark = BigInt(batch.highWatermark);
    const goOn = this.#events?.records({ topic, partition, records, highWatermark }) ?? false;
    if (!goOn) payload.pause();
  }
}

function recordOf(message: KafkaMessage): IncomingRecord {
  const headers: KafkaHeader[] = [];
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined) headers.push([name, Buffer.from(each)]);
    }
  }
  return {
    offset: BigInt(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key ?? undefined,
    value: message.value ?? undefined,
    headers,
  };
}

function grouped(partitions: readonly TopicPartition[]) {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.map(({ partition }) => partition),
  }));
}
