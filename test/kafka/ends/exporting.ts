/** The exporter under test, and what it has written read back. */
import type { Batch, Signal } from '../../../src/contract/batch.ts';
import type { Outcome } from '../../../src/contract/outcome.ts';
import kafka from '../../../src/components/exporters/kafka/index.ts';
import type {
  ConsumerEvents,
  FetchedRecords,
  IncomingRecord,
  KafkaClientName,
  KafkaConnection,
} from '../../../src/net/kafka/client.ts';
import { loadKafkaLibrary } from '../../../src/net/kafka/library.ts';
import { exporterContext } from '../../ends/exporter.ts';
import { eventually } from '../../ends/gateway.ts';

export const CLIENTS: readonly KafkaClientName[] = ['platformatic', 'kafkajs'];

const ATTEMPT_MS = 10_000;
/** As long as a broker may take to find its feet. */
const PATIENCE_MS = 25_000;

/** An exporter of its own thread of attempts. */
export interface Exporting {
  readonly warnings: string[];
  /** One attempt. */
  attempt(batch: Batch, timeoutMs?: number): Promise<Outcome>;
  /** Attempts until the outcome is no `retry`. */
  deliver(batch: Batch): Promise<Outcome>;
  stop(): Promise<void>;
}

/** Starts the exporter with a section as an operator writes it. */
export async function startExporter(section: object): Promise<Exporting> {
  const warnings: string[] = [];
  const context = { ...exporterContext(warnings), timeoutMs: ATTEMPT_MS };
  const exporter = kafka.create(kafka.schema.parse(section), context);
  await exporter.start?.();
  const attempt = (batch: Batch, timeoutMs = ATTEMPT_MS) =>
    exporter.send(batch, AbortSignal.timeout(timeoutMs));
  return {
    warnings,
    attempt,
    deliver: async (batch) => {
      let outcome = await attempt(batch);
      await eventually(
        async () => {
          if (outcome.kind === 'retry') outcome = await attempt(batch);
          return outcome.kind !== 'retry';
        },
        () => JSON.stringify(outcome),
        PATIENCE_MS,
      );
      return outcome;
    },
    stop: () => exporter.stop?.(AbortSignal.timeout(1000)) ?? Promise.resolve(),
  };
}

/** A record and where it was. */
export interface Found extends IncomingRecord {
  readonly partition: number;
}

/** The first `count` records of a topic, read by a group of its own. */
export async function readBack(
  client: KafkaClientName,
  { brokers, tls, sasl }: Pick<KafkaConnection, 'brokers' | 'tls' | 'sasl'>,
  of: { readonly topic: string; readonly count: number },
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const faults: string[] = [];
  const consumer = (await loadKafkaLibrary(client)).createConsumer({
    clientId: 'test',
    connectTimeoutMs: 5000,
    requestTimeoutMs: 10_000,
    brokers,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
    groupId: `read-${of.topic}-${process.hrtime.bigint()}`,
    topics: [of.topic],
    initialOffset: 'earliest',
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 1000,
    rebalanceTimeoutMs: 10_000,
    strategies: ['roundrobin'],
    minFetchBytes: 1,
    maxFetchBytes: 1 << 24,
    maxPartitionFetchBytes: 1 << 23,
    maxFetchWaitMs: 100,
  });
  const events: ConsumerEvents = {
    assigned: () => undefined,
    revoked: () => Promise.resolve(),
    records: ({ partition, records }: FetchedRecords) => {
      for (const record of records) found.push({ ...record, partition });
      return true;
    },
    failed: ({ message }) => void faults.push(message),
  };
  try {
    await consumer.start(events, AbortSignal.timeout(PATIENCE_MS));
    await eventually(
      () => found.length >= of.count,
      () => `${found.length} of ${of.count} records of ${of.topic}; ${faults.join('; ')}`,
      PATIENCE_MS,
    );
    return found.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
  } finally {
    await consumer.close(AbortSignal.timeout(2000));
  }
}

/** A batch of some chunks. */
export function batchOfChunks(
  signal: Signal,
  chunks: Batch['chunks'],
  of: Partial<Batch> & { readonly items: number },
): Batch {
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const origin = {
    receiver: 'otlp',
    tenant: 'acme',
    receivedAt: 1_700_000_000_000.5,
    metadata: {},
  };
  return { signal, form: 'otlp', origin, ...of, chunks, byteLength };
}

/** Headers of a record as text. */
export function headersOf({ headers }: IncomingRecord): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, Buffer.from(value).toString()]));
}
