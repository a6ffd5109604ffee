import { payloadOf } from '../../../bench/load/payload.ts';
import type { Bytes } from '../../../src/contract/batch.ts';
import type {
  IncomingRecord,
  KafkaClientName,
  KafkaHeader,
  KafkaProducer,
} from '../../../src/net/kafka/client.ts';
import { loadKafkaLibrary } from '../../../src/net/kafka/library.ts';
import { eventually } from '../../ends/gateway.ts';
import { numbersIn } from '../../acceptance/ends/numbers.ts';
import type { Taken } from '../../ends/otlp-sink.ts';

const CONNECTION = { clientId: 'test', connectTimeoutMs: 5000, requestTimeoutMs: 10_000 };
const PATIENCE_MS = 30_000;

/** Writes records of a test, one by one, with the client of the product. */
export interface RecordWriter {
  write(
    topic: string,
    value: Uint8Array,
    options?: { readonly headers?: readonly KafkaHeader[]; readonly partition?: number },
  ): Promise<void>;
  close(): Promise<void>;
}

export async function recordWriter(
  brokers: readonly string[],
  client: KafkaClientName = 'platformatic',
): Promise<RecordWriter> {
  const producer: KafkaProducer = (await loadKafkaLibrary(client)).createProducer({
    ...CONNECTION,
    brokers,
    acks: -1,
    idempotent: false,
    compression: 'none',
    allowAutoTopicCreation: false,
    metadataMaxAgeMs: 60_000,
  });
  return {
    write: async (topic, value, { headers = [], partition = 0 } = {}) => {
      const records = [{ key: undefined, value, headers }];
      const group = { topic, partition, records, timestampMs: Date.now() };
      const [fault] = await producer.send([group], AbortSignal.timeout(PATIENCE_MS));
      if (fault !== undefined) throw new Error(fault.message);
    },
    close: () => producer.close(),
  };
}

/** The first `count` records of a topic, in a group of their own. */
export async function readRecords(
  brokers: readonly string[],
  topic: string,
  count: number,
): Promise<readonly IncomingRecord[]> {
  const consumer = (await loadKafkaLibrary('platformatic')).createConsumer({
    ...CONNECTION,
    brokers,
    groupId: `test-${topic}-${process.hrtime.bigint()}`,
    topics: [topic],
    initialOffset: 'earliest',
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 1000,
    rebalanceTimeoutMs: 10_000,
    strategies: ['cooperative-sticky'],
    minFetchBytes: 1,
    maxFetchBytes: 1 << 22,
    maxPartitionFetchBytes: 1 << 22,
    maxFetchWaitMs: 100,
  });
  const records: IncomingRecord[] = [];
  const faults: string[] = [];
  const events = {
    assigned: () => undefined,
    revoked: () => Promise.resolve(),
    records: (fetched: { readonly records: readonly IncomingRecord[] }) => {
      records.push(...fetched.records);
      return true;
    },
    failed: ({ message }: { readonly message: string }) => void faults.push(message),
  };
  const fault = await consumer.start(events, AbortSignal.timeout(PATIENCE_MS));
  if (fault !== undefined) throw new Error(fault.message);
  await eventually(
    () => records.length >= count,
    () => `${records.length} of ${count} records came; ${faults.join('; ')}`,
    PATIENCE_MS,
  );
  await consumer.close(AbortSignal.timeout(5000));
  return records;
}

/** A request of `items` spans that are numbered from `first` on. */
export function numbered(first: number, items: number): Bytes {
  const payload = payloadOf({ signal: 'traces', items, itemBytes: 200 });
  payload.number(first, Date.now());
  return new Uint8Array(payload.bytes);
}

/** Every number that a sink took, sorted, with those that came twice. */
export function numbersTaken(taken: readonly Taken[]): readonly number[] {
  return taken
    .flatMap(({ body }) => numbersIn(body, Date.now()).map(({ number }) => number))
    .toSorted((a, b) => a - b);
}

/** From `from` up to but not including `to`. */
export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
