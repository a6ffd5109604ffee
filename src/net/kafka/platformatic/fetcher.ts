import {
  type Base,
  type Broker,
  ConnectionPool,
  type Consumer,
  FetchIsolationLevels,
  IS_CONTROL,
} from '@platformatic/kafka';
import { pause } from '../abort.ts';
import type { ConsumerEvents, ConsumerOptions, IncomingRecord, TopicPartition } from '../client.ts';
import { faultOfBroker, isStale } from '../fault.ts';
import { baseOptions, quietPool } from './connect.ts';
import { faultOf, nameOfCode } from './errors.ts';
import { WholeMessages } from './whole-messages.ts';
import { releaseBytes, retainBytes } from '../../../wire/memory.ts';

/** A partition that is ours, and how far it was read. */
interface Position extends TopicPartition {
  offset: bigint;
  paused: boolean;
}

/** What one broker is asked for. */
interface Question {
  readonly node: number;
  readonly broker: Broker | undefined;
  /** Names of topics by their ids. */
  readonly names: ReadonlyMap<string, string>;
  readonly wanted: ReadonlyMap<string, readonly Position[]>;
}

type Response = Awaited<ReturnType<Consumer['fetch']>>;
type FetchedPartition = Response['responses'][number]['partitions'][number];

const AGAIN_MS = 200;
const NO_BYTES = new Uint8Array(0);

/** Where a partition is read from when its offset is none that there is. */
export type FirstOffset = (partition: TopicPartition) => Promise<bigint>;

/**
 * Reads the partitions of a member: one request at a time for each broker, over connections of
 * their own, because a broker that waits for records answers nothing else on the connection.
 */
export class Fetcher {
  readonly #consumer: Consumer;
  readonly #options: ConsumerOptions;
  readonly #events: ConsumerEvents;
  readonly #first: FirstOffset;
  readonly #pool: ConnectionPool;
  readonly #messages: WholeMessages;
  readonly #positions = new Map<string, Position>();
  readonly #asked = new Set<number>();
  readonly #stopped = new AbortController();
  #resting = false;

  constructor(
    consumer: Consumer,
    options: ConsumerOptions,
    of: { readonly events: ConsumerEvents; readonly first: FirstOffset },
  ) {
    this.#consumer = consumer;
    this.#options = options;
    this.#events = of.events;
    this.#first = of.first;
    this.#pool = quietPool(new ConnectionPool(options.clientId, baseOptions(options)));
    this.#messages = new WholeMessages(this.#pool);
  }

  /** The partitions that are read. */
  get partitions(): TopicPartition[] {
    return [...this.#positions.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  add(partition: TopicPartition, offset: bigint): void {
    const { topic, partition: index } = partition;
    this.#positions.set(keyOf(partition), { topic, partition: index, offset, paused: false });
  }

  remove(partition: TopicPartition): void {
    this.#positions.delete(keyOf(partition));
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const position = this.#positions.get(keyOf(partition));
      if (position !== undefined) position.paused = paused;
    }
    if (!paused) this.wake();
  }

  /** Asks every broker that is not asked already and leads a partition to be read. */
  wake(): void {
    if (this.#stopped.signal.aborted) return;
    void this.#topicsKnown().then((leaders) => {
      for (const node of leaders) if (!this.#asked.has(node)) void this.#ask(node);
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#positions.clear();
    await this.#pool.close().catch(() => undefined);
  }

  /** Nodes that lead partitions to be read. */
  async #topicsKnown(): Promise<Set<number>> {
    const leaders = new Set<number>();
    try {
      const { topics } = await this.#metadata();
      for (const { topic, partition, paused } of this.#positions.values()) {
        const leader = topics.get(topic)?.partitions[partition]?.leader ?? -1;
        if (!paused && leader >= 0) leaders.add(leader);
        if (leader < 0) this.#consumer.clearMetadata();
      }
      if (leaders.size === 0 && this.#waiting()) await this.#later();
    } catch (error) {
      this.#events.failed(faultOf(error, 'look up leaders', this.#options.brokers));
      await this.#later();
    }
    return leaders;
  }

  #metadata(): ReturnType<Base['metadata']> {
    return this.#consumer.metadata({ topics: [...this.#options.topics] });
  }

  #waiting(): boolean {
    return [...this.#positions.values()].some(({ paused }) => !paused);
  }

  async #later(): Promise<void> {
    if (this.#resting) return;
    this.#resting = true;
    await pause(AGAIN_MS, this.#stopped.signal);
    this.#resting = false;
    this.wake();
  }

  async #ask(node: number): Promise<void> {
    this.#asked.add(node);
    let again = true;
    try {
      const { topics, brokers } = await this.#metadata();
      const names = new Map<string, string>();
      const wanted = new Map<string, Position[]>();
      for (const position of this.#positions.values()) {
        const known = topics.get(position.topic);
        if (position.paused || known?.partitions[position.partition]?.leader !== node) continue;
        names.set(known.id, position.topic);
        wanted.set(known.id, [...(wanted.get(known.id) ?? []), position]);
      }
      if (wanted.size === 0) again = false;
      else again = await this.#fetch({ node, broker: brokers.get(node), names, wanted });
    } catch (error) {
      if (!this.#stopped.signal.aborted) {
        this.#consumer.clearMetadata();
        this.#events.failed(faultOf(error, 'fetch', this.#options.brokers));
      }
      again = false;
    } finally {
      this.#asked.delete(node);
    }
    if (again) this.wake();
    else if (this.#waiting()) await this.#later();
  }

  /** False when the broker is asked again after a pause only. */
  async #fetch(question: Question): Promise<boolean> {
    const asked = new Map<string, bigint>();
    for (const position of [...question.wanted.values()].flat()) {
      asked.set(keyOf(position), position.offset);
    }
    const response = await this.#request(question);
    const memory = this.#messages.take(question.broker);
    let sound = true;
    for (const { topicId, partitions } of response.responses) {
      const topic = question.names.get(topicId);
      if (topic === undefined) continue;
      for (const each of partitions) {
        const position = this.#positions.get(keyOf({ topic, partition: each.partitionIndex }));
        // Reassigned, moved or put on hold while the request was under way.
        if (position === undefined || position.paused) continue;
        if (asked.get(keyOf(position)) !== position.offset) continue;
        sound = (await this.#take(position, each, memory)) && sound;
      }
    }
    if (memory !== undefined) releaseBytes(memory);
    return sound;
  }

  async #request({ node, wanted }: Question): Promise<Response> {
    const { maxPartitionFetchBytes, minFetchBytes, maxFetchBytes, maxFetchWaitMs } = this.#options;
    const topics = [...wanted].map(([topicId, positions]) => ({
      topicId,
      partitions: positions.map(({ partition, offset }) => ({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: offset,
        lastFetchedEpoch: -1,
        partitionMaxBytes: maxPartitionFetchBytes,
      })),
    }));
    const request = {
      node,
      topics,
      minBytes: minFetchBytes,
      maxBytes: maxFetchBytes,
      maxWaitTime: maxFetchWaitMs,
      isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      connectionPool: this.#pool,
    };
    return this.#consumer.fetch(request).catch((error: unknown) => {
      // One partition that failed does not spoil what the others answered.
      const { response: partly } = error as { response?: Response };
      if (partly?.responses === undefined) throw error;
      return partly;
    });
  }

  /** False when the partition failed and is asked again after a pause only. */
  async #take(
    position: Position,
    fetched: FetchedPartition,
    memory: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<boolean> {
    const error = nameOfCode(fetched.errorCode);
    if (error === 'OFFSET_OUT_OF_RANGE') {
      position.offset = await this.#first(position);
      return true;
    }
    if (error !== undefined) {
      if (isStale(error)) this.#consumer.clearMetadata();
      const { topic, partition } = position;
      this.#events.failed(faultOfBroker(error, `fetch ${topic}, partition ${partition}`));
      return false;
    }
    const { records, next } = recordsOf(fetched, position.offset);
    position.offset = next;
    if (records.length === 0) return true;
    const { topic, partition } = position;
    const { highWatermark } = fetched;
    const given = memory === undefined ? {} : { memory };
    if (memory !== undefined) retainBytes(memory);
    const goesOn = this.#events.records({ topic, partition, records, highWatermark, ...given });
    if (!goesOn) position.paused = true;
    return true;
  }
}

/** Records from `offset` on, and the offset behind the last. */
function recordsOf(fetched: FetchedPartition, offset: bigint) {
  const records: IncomingRecord[] = [];
  let next = offset;
  for (const batch of fetched.records ?? []) {
    const behind = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (behind > next) next = behind;
    if ((batch.attributes & IS_CONTROL) !== 0) continue;
    for (const record of batch.records) {
      const at = batch.firstOffset + BigInt(record.offsetDelta);
      if (at < offset) continue;
      records.push({
        offset: at,
        timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
        key: record.key ?? undefined,
        value: record.value ?? undefined,
        headers: record.headers.map(([name, value]) => [String(name ?? ''), value ?? NO_BYTES]),
      });
    }
  }
  return { records, next };
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
