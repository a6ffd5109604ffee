import type { Outcome } from '../../../contract/outcome.ts';
import { pause } from '../../../net/kafka/abort.ts';
import type {
  IncomingRecord,
  KafkaFault,
  KafkaHeader,
  KafkaProducer,
  TopicPartition,
} from '../../../net/kafka/client.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** Where records go that can never be taken. */
export class DeadLetters {
  readonly #topic: string | undefined;
  readonly #producer: () => KafkaProducer;
  readonly #failed: (fault: KafkaFault) => void;

  /** Without a topic nothing is kept, and `producer` is never asked for. */
  constructor(
    topic: string | undefined,
    producer: () => KafkaProducer,
    failed: (fault: KafkaFault) => void,
  ) {
    this.#topic = topic;
    this.#producer = producer;
    this.#failed = failed;
  }

  /**
   * Writes a record as it was, with where it stood and why it was refused in its headers; tries
   * until it is written. Answers whether it was kept, or undefined when `signal` aborted before.
   */
  async write(
    record: IncomingRecord,
    place: TopicPartition,
    outcome: Outcome & { readonly kind: 'rejected' },
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const topic = this.#topic;
    if (topic === undefined) return false;
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const fault = await this.#attempt(topic, record, headersOf(record, place, outcome), signal);
      if (fault === undefined) return true;
      this.#failed(fault);
      // Nobody can take it, not even as a dead letter: the partition must go on.
      if (fault.kind !== 'retry') return false;
      await pause(Math.max(fault.afterMs ?? 0, wait), signal);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
    return undefined;
  }

  async #attempt(
    topic: string,
    record: IncomingRecord,
    headers: readonly KafkaHeader[],
    signal: AbortSignal,
  ): Promise<KafkaFault | undefined> {
    const producer = this.#producer();
    const count = await producer.partitions(topic, signal);
    if (typeof count !== 'number') return count;
    const partition = Number(record.offset % BigInt(Math.max(count, 1)));
    const value = record.value ?? new Uint8Array(0);
    const records = [{ key: record.key, value, headers }];
    const [fault] = await producer.send(
      [{ topic, partition, records, timestampMs: record.timestampMs }],
      signal,
    );
    return fault;
  }
}

function headersOf(
  record: IncomingRecord,
  { topic, partition }: TopicPartition,
  { reason, message }: Outcome & { readonly kind: 'rejected' },
): readonly KafkaHeader[] {
  const said = { topic, partition, offset: record.offset, reason, message };
  const added = Object.entries(said).map(
    ([name, value]): KafkaHeader => [`dead_letter.${name}`, Buffer.from(String(value))],
  );
  return [...record.headers, ...added];
}
