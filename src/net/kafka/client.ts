/**
 * What this program asks of a Kafka client, whichever library is behind it. The partitioner, the
 * sizes, the waiting and the retries are ours, so that both libraries write the same records to
 * the same places; a library carries bytes, speaks the protocol and keeps membership of groups.
 *
 * Nothing here rejects because of the network or a broker: what went wrong is a `KafkaFault`. Every
 * call that waits takes a signal, and lets go when it aborts, whatever the library is doing.
 */
import type { ClientTls } from '../client-tls.ts';

/** Libraries, as the setting `client` names them. */
export type KafkaClientName = 'platformatic' | 'kafkajs';

/** Codecs of record batches. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** How to log in. */
export type KafkaSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'OAUTHBEARER';
      /** Asked for each connection; rejects when there is no token. */
      readonly token: () => Promise<string>;
    };

/** Where a cluster is, and how to connect to it. */
export interface KafkaConnection {
  /** `host:port` of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Absent: plain text. */
  readonly tls?: ClientTls;
  readonly sasl?: KafkaSasl;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** What a producer is told beside the connection. */
export interface ProducerOptions extends KafkaConnection {
  /** Replicas that must have a record: all in sync, the leader, none (not even an answer). */
  readonly acks: -1 | 0 | 1;
  /** Records that a retry inside one `send` repeats are stored once. Wants `acks` -1. */
  readonly idempotent: boolean;
  readonly compression: KafkaCompression;
  /** Level of gzip or zstd; undefined is the library's. */
  readonly compressionLevel?: number;
  readonly allowAutoTopicCreation: boolean;
  /** Age at which what is known about topics and leaders is asked again. */
  readonly metadataMaxAgeMs: number;
}

/**
 * What went wrong, named by what to do next.
 *
 * - `retry`:     the same records may be taken later, not before `afterMs`.
 * - `too_large`: these records together are over the broker's limit for the topic.
 * - `rejected`:  the same records will never be taken.
 *
 * `reason` is a metric label, snake_case: the broker's own name of the error where it has one.
 */
export interface KafkaFault {
  readonly kind: 'retry' | 'too_large' | 'rejected';
  readonly reason: string;
  readonly message: string;
  readonly afterMs?: number;
}

/** Name and value. Names may repeat. */
export type KafkaHeader = readonly [name: string, value: Uint8Array];

/** A record to write. Its bytes must not change until `send` has resolved. */
export interface OutgoingRecord {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly headers: readonly KafkaHeader[];
}

/** Records for one partition, written as one record batch. */
export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
  /** Of all the records: milliseconds since the epoch, whole. */
  readonly timestampMs: number;
}

/** Writes records. Any number of sends may be under way. */
export interface KafkaProducer {
  /** How many partitions a topic has, as known; asked for where it is not, or too long ago. */
  partitions(topic: string, signal: AbortSignal): Promise<number | KafkaFault>;
  /**
   * Writes each group to its partition, as one attempt. Answers in the order of `groups`:
   * undefined where the group is written as `acks` demands.
   */
  send(
    groups: readonly PartitionRecords[],
    signal: AbortSignal,
  ): Promise<readonly (KafkaFault | undefined)[]>;
  /** Closes all connections, at once. What is under way ends as `retry`. */
  close(): Promise<void>;
}

/** What a consumer is told beside the connection. */
export interface ConsumerOptions extends KafkaConnection {
  readonly groupId: string;
  /** Static membership: a restart within the session keeps its partitions. */
  readonly groupInstanceId?: string;
  readonly topics: readonly string[];
  /** Where to start when the group has no offset yet, or it is out of range. */
  readonly initialOffset: 'earliest' | 'latest';
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** At least the session timeout. */
  readonly rebalanceTimeoutMs: number;
  /** How partitions are shared, the best liked first. */
  readonly strategies: readonly ('cooperative-sticky' | 'roundrobin')[];
  readonly minFetchBytes: number;
  readonly maxFetchBytes: number;
  readonly maxPartitionFetchBytes: number;
  readonly maxFetchWaitMs: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record as it was read. Its bytes are not written to again, and part of larger buffers. */
export interface IncomingRecord {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: readonly KafkaHeader[];
}

/** Records of one partition, in order. */
export interface FetchedRecords extends TopicPartition {
  readonly records: readonly IncomingRecord[];
  /**
   * Where the bytes of the records are, when that memory goes round: held once for who is told,
   * who releases it when done with all of them.
   */
  readonly memory?: Uint8Array<ArrayBuffer>;
  /** Offset behind the last record that is there to read: lag is what lies between. */
  readonly highWatermark: bigint;
}

/** The next offset to read of a partition, which is how far its records are done with. */
export interface CommitOffset extends TopicPartition {
  readonly offset: bigint;
}

/** What a consumer tells its holder. None of these may throw. */
export interface ConsumerEvents {
  /**
   * Partitions that are ours from now on. Records of them begin at the committed offset: those
   * that were read before and not committed come again.
   */
  assigned(partitions: readonly TopicPartition[]): void;
  /**
   * Partitions that go to another member. Where the library knows beforehand (`lost` is false),
   * commits of them are still taken until the promise resolves, within the rebalance timeout.
   */
  revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void>;
  /**
   * Called in order of offsets for each partition. The next fetch of the partition waits for the
   * answer; false puts it on hold until `resume`, with nothing fetched in the meantime.
   */
  records(fetched: FetchedRecords): boolean;
  /** Something failed; the consumer goes on by itself, trying again, unless it is `rejected`. */
  failed(fault: KafkaFault): void;
}

/** One member of a consumer group. */
export interface KafkaConsumer {
  /**
   * Joins the group and begins to read. Resolves when that is done; with the fault when it can
   * never be, or when `signal` aborts before, and then goes on trying until `close`.
   */
  start(events: ConsumerEvents, signal: AbortSignal): Promise<KafkaFault | undefined>;
  /** Fetches nothing more of these partitions until `resume`; membership is kept. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Moves the group's offsets. A partition that is no longer ours is a fault. */
  commit(offsets: readonly CommitOffset[], signal: AbortSignal): Promise<KafkaFault | undefined>;
  /** Leaves the group and closes all connections; once `deadline` aborts, without leaving. */
  close(deadline: AbortSignal): Promise<void>;
}

/** Names of all topics that are not internal. For patterns. */
export type ListTopics = (
  connection: KafkaConnection,
  signal: AbortSignal,
) => Promise<readonly string[] | KafkaFault>;

/** One of the libraries. */
export interface KafkaLibrary {
  createProducer(options: ProducerOptions): KafkaProducer;
  createConsumer(options: ConsumerOptions): KafkaConsumer;
  readonly listTopics: ListTopics;
}
