import kafkajs, { type Admin, type IHeaders, type Message, type Producer } from 'kafkajs';
import { pause, unlessAborted } from '../abort.ts';
import type {
  KafkaFault,
  KafkaProducer,
  OutgoingRecord,
  PartitionRecords,
  ProducerOptions,
} from '../client.ts';
import { endsIdentity, faultOfAbort, faultOfClose } from '../fault.ts';
import { type Connected, connectKafkajs } from './connect.ts';
import { faultOf, nameOf } from './errors.ts';

const TYPES = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  lz4: kafkajs.CompressionTypes.LZ4,
  zstd: kafkajs.CompressionTypes.ZSTD,
} as const;

/** Unbounded in the library; this is what its peers have. */
const MAX_IN_FLIGHT = 5;
/** Within an attempt, so that a record whose answer was lost keeps its number. */
const IDEMPOTENT_RETRY = { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 };
const NEW_TOPIC_TRIES = 8;
const NEW_TOPIC_MS = 50;
const CLOSE_MS = 500;

interface Known {
  readonly partitions: number;
  readonly at: number;
}

/** One producer of the library, with what it is connected through. */
interface Life {
  readonly connected: Connected;
  readonly producer: Producer;
  readonly admin: Admin;
  /** Resolves once both are connected. */
  readonly ready: Promise<unknown>;
}

/**
 * A producer of kafkajs. Each partition is a call of its own, because the library says of a failed
 * call neither which partition failed nor which did not. A call that got no answer, or one that
 * says the numbers of an idempotent producer are out of order, ends this producer: the library
 * would go on with it, and fail for ever (https://github.com/tulios/kafkajs/issues/598).
 */
export class KafkajsProducer implements KafkaProducer {
  readonly #options: ProducerOptions;
  readonly #topics = new Map<string, Known>();
  #life: Life | undefined;
  #closed = false;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number | KafkaFault> {
    const known = this.#topics.get(topic);
    const now = performance.now();
    if (known !== undefined && now - known.at < this.#options.metadataMaxAgeMs) {
      return known.partitions;
    }
    const what = `look up topic ${topic}`;
    for (let tries = 1; ; tries++) {
      const found = await unlessAborted(this.#look(topic), signal, () => faultOfAbort(what));
      if (typeof found === 'number') {
        this.#topics.set(topic, { partitions: found, at: now });
        return found;
      }
      const isNew = /^(?:unknown_topic_or_partition|leader_not_available)$/.test(found.reason);
      const wait = isNew && this.#options.allowAutoTopicCreation && tries < NEW_TOPIC_TRIES;
      if (!wait || signal.aborted) return found;
      await pause(NEW_TOPIC_MS * tries, signal);
    }
  }

  async send(
    groups: readonly PartitionRecords[],
    signal: AbortSignal,
  ): Promise<readonly (KafkaFault | undefined)[]> {
    return Promise.all(groups.map((group) => this.#sendGroup(group, signal)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end(this.#life);
  }

  async #sendGroup(group: PartitionRecords, signal: AbortSignal): Promise<KafkaFault | undefined> {
    const { topic, partition } = group;
    const what = `produce to ${topic}, partition ${partition}`;
    if (this.#closed) return faultOfClose(what);
    const life = this.#live();
    const { acks, requestTimeoutMs, compression, idempotent } = this.#options;
    const sent = life.ready.then(() =>
      life.producer.send({
        topic,
        acks,
        timeout: requestTimeoutMs,
        compression: TYPES[compression],
        messages: messagesOf(group),
      }),
    );
    try {
      const answer = await unlessAborted(sent, signal, () => faultOfAbort(what));
      if (Array.isArray(answer)) return undefined;
      void this.#end(life);
      return answer;
    } catch (error) {
      if (this.#closed) return faultOfClose(what);
      const fault = faultOf(error, what, this.#options.brokers);
      const name = nameOf(error) ?? '';
      const lost = idempotent && fault.kind === 'retry';
      if (lost || endsIdentity(name) || fault.reason === 'connection_failed') void this.#end(life);
      return fault;
    }
  }

  async #look(topic: string): Promise<number | KafkaFault> {
    const what = `look up topic ${topic}`;
    if (this.#closed) return faultOfClose(what);
    const life = this.#live();
    try {
      await life.ready;
      const { topics } = await life.admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length ?? 0;
    } catch (error) {
      const fault = faultOf(error, what, this.#options.brokers);
      if (this.#closed) return faultOfClose(what);
      if (fault.reason === 'unknown_topic_or_partition') await this.#create(life, topic);
      else void this.#end(life);
      return fault;
    }
  }

  async #create({ admin }: Life, topic: string): Promise<void> {
    if (!this.#options.allowAutoTopicCreation) return;
    // Another may have created it, or may not be let: the next look tells.
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: false }).catch(() => undefined);
  }

  /** The producer in use; a new one where the last was ended. */
  #live(): Life {
    if (this.#life !== undefined) return this.#life;
    const { idempotent, metadataMaxAgeMs, allowAutoTopicCreation } = this.#options;
    const connected = connectKafkajs(this.#options);
    const producer = connected.kafka.producer({
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
      metadataMaxAge: metadataMaxAgeMs,
      allowAutoTopicCreation,
      idempotent,
      maxInFlightRequests: idempotent ? 1 : MAX_IN_FLIGHT,
      retry: idempotent ? IDEMPOTENT_RETRY : { retries: 0 },
    });
    const admin = connected.kafka.admin();
    const ready = Promise.all([producer.connect(), admin.connect()]);
    ready.catch(() => undefined);
    this.#life = { connected, producer, admin, ready };
    return this.#life;
  }

  async #end(life: Life | undefined): Promise<void> {
    if (life === undefined) return;
    if (this.#life === life) this.#life = undefined;
    const { producer, admin, connected } = life;
    const left = Promise.allSettled([producer.disconnect(), admin.disconnect()]);
    await unlessAborted(left, AbortSignal.timeout(CLOSE_MS), () => undefined);
    connected.destroy();
  }
}

function messagesOf({ records, partition, timestampMs }: PartitionRecords): Message[] {
  const timestamp = String(timestampMs);
  return records.map((record) => ({
    key: record.key === undefined ? null : bufferOf(record.key),
    value: bufferOf(record.value),
    headers: headersOf(record),
    partition,
    timestamp,
  }));
}

function headersOf({ headers }: OutgoingRecord): IHeaders {
  const all: IHeaders = {};
  for (const [name, value] of headers) {
    const known = all[name];
    const bytes = bufferOf(value);
    if (known === undefined) all[name] = bytes;
    else all[name] = [...(Array.isArray(known) ? known : [known]), bytes] as Buffer[];
  }
  return all;
}

/** A copy: the library reads its records whenever it comes to it, also after the signal. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes);
}
