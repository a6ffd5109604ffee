import { crc32c, Producer, Writer } from '@platformatic/kafka';
import { pause, unlessAborted } from '../abort.ts';
import type { KafkaFault, KafkaProducer, PartitionRecords, ProducerOptions } from '../client.ts';
import { endsIdentity, faultOfAbort, faultOfBroker, faultOfClose, isStale } from '../fault.ts';
import { encodeRecordBatch, releaseBatch } from '../record-batch.ts';
import { baseOptions, quiet } from './connect.ts';
import { faultOf, nameOfCode } from './errors.ts';
import { Identity, Turns } from './identity.ts';
import { Leaders } from './leaders.ts';
import { type EncodedBatch, produceApi, type ProduceResponse } from './produce.ts';
import { wireOf } from './wire.ts';

type Answer = KafkaFault | undefined;

/** What one partition answered; `sent` tells whether the records may be stored despite the fault. */
interface Result {
  readonly fault: Answer;
  readonly unknown?: boolean;
}

const WRITTEN: Result = { fault: undefined };
const REPEAT_MS = 100;
/** A leader that moves is found again soon, or not within this attempt. */
const MOVED = /^(?:not_leader_or_follower|leader_not_available|fenced_leader_epoch)$/;
const MOVED_TRIES = 5;
const NEW_TOPIC_TRIES = 8;
const NEW_TOPIC_MS = 50;

/**
 * A producer on the connections and the protocol of @platformatic/kafka. Record batches, what each
 * partition answered, sequence numbers and throttling are looked after here: the library's own
 * producer answers for all partitions at once and keeps what the broker said about throttling.
 */
export class PlatformaticProducer implements KafkaProducer {
  readonly #options: ProducerOptions;
  readonly #client: Producer;
  readonly #turns = new Turns();
  readonly #leaders: Leaders;
  #identity: Promise<Identity> | undefined;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#client = quiet(
      new Producer({
        ...baseOptions(options),
        metadataMaxAge: options.metadataMaxAgeMs,
        autocreateTopics: options.allowAutoTopicCreation,
      }),
    );
    // At once, as later the library may be in the middle of a response.
    this.#client.connections.on('connect', ({ connection }) => void wireOf(connection));
    this.#leaders = new Leaders(this.#client, options.brokers);
  }

  async partitions(topic: string, signal: AbortSignal): Promise<number | KafkaFault> {
    for (let tries = 1; ; tries++) {
      const found = await this.#leaders.find(topic, signal);
      if (Array.isArray(found)) return found.length;
      const created =
        this.#options.allowAutoTopicCreation && /unknown_topic|leader_not/.test(found.reason);
      if (!created || tries === NEW_TOPIC_TRIES || signal.aborted) return found;
      // The question itself made the broker create it.
      await pause(NEW_TOPIC_MS * tries, signal);
    }
  }

  async send(groups: readonly PartitionRecords[], signal: AbortSignal): Promise<readonly Answer[]> {
    if (!this.#options.idempotent) return this.#settle(groups, undefined, signal);
    const turns = this.#turns.take(groups.map(nameOfPartition));
    const giveBack = await unlessAborted(turns, signal, () => undefined);
    if (giveBack === undefined) {
      void turns.then((late) => late());
      return groups.map(() => faultOfAbort('produce'));
    }
    try {
      const identity = await this.#identify(signal);
      if (!(identity instanceof Identity)) return groups.map(() => identity);
      return await this.#settle(groups, identity, signal);
    } finally {
      giveBack();
    }
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => undefined);
  }

  /**
   * Repeats what a moving leader refused, a few times; and with an identity what may be stored
   * despite its fault, under the same numbers until the broker has said so or time is up.
   */
  async #settle(
    groups: readonly PartitionRecords[],
    identity: Identity | undefined,
    signal: AbortSignal,
  ): Promise<Answer[]> {
    const answers: Answer[] = groups.map(() => undefined);
    const doubtful = new Set<number>();
    let open = groups.map((_, index) => index);
    for (let tries = 1; ; tries++) {
      const asked = open.map((index) => groups[index]!);
      const results = await this.#attempt(asked, identity, signal);
      const again: number[] = [];
      results.forEach(({ fault, unknown }, at) => {
        const index = open[at]!;
        const group = groups[index]!;
        answers[index] = fault;
        if (identity !== undefined && unknown === true) doubtful.add(index);
        if (fault === undefined) {
          doubtful.delete(index);
          identity?.advance(nameOfPartition(group), group.records.length);
        } else if (fault.kind === 'retry') {
          const moved = tries < MOVED_TRIES && MOVED.test(fault.reason);
          if (doubtful.has(index) || moved) again.push(index);
        }
      });
      const over = signal.aborted || this.#client.closed;
      if (again.length === 0 || over) {
        // Nobody knows whether these numbers are used up.
        if (doubtful.size > 0) this.#identity = undefined;
        return answers;
      }
      open = again;
      await pause(REPEAT_MS, signal);
    }
  }

  /** One request to each leader; answers in the order of `groups`. */
  async #attempt(
    groups: readonly PartitionRecords[],
    identity: Identity | undefined,
    signal: AbortSignal,
  ): Promise<Result[]> {
    const results: Result[] = groups.map(() => WRITTEN);
    const byLeader = new Map<number, number[]>();
    const topics = new Set(groups.map(({ topic }) => topic));
    const known = new Map(
      await Promise.all(
        [...topics].map(async (topic) => [topic, await this.#leaders.find(topic, signal)] as const),
      ),
    );
    for (let index = 0; index < groups.length; index++) {
      const group = groups[index]!;
      const leader = this.#leaders.of(group, known.get(group.topic)!);
      if (typeof leader !== 'number') {
        results[index] = { fault: leader };
        continue;
      }
      const same = byLeader.get(leader);
      if (same === undefined) byLeader.set(leader, [index]);
      else same.push(index);
    }
    await Promise.all(
      [...byLeader].map(async ([leader, indexes]) => {
        const own = indexes.map((index) => groups[index]!);
        const lost = (): Result[] =>
          own.map(() => ({ fault: faultOfAbort(`produce to node ${leader}`), unknown: true }));
        const answered = await unlessAborted(
          this.#ask(leader, own, { identity, signal }),
          signal,
          lost,
        );
        indexes.forEach((index, at) => (results[index] = answered[at]!));
      }),
    );
    return results;
  }

  async #ask(
    leader: number,
    groups: readonly PartitionRecords[],
    { identity, signal }: { identity: Identity | undefined; signal: AbortSignal },
  ): Promise<Result[]> {
    const what = `produce to ${topicsOf(groups)}`;
    const batches: EncodedBatch[] = [];
    let written = false;
    try {
      const connection = await this.#leaders.connection(leader);
      const api = await produceApi(this.#client);
      for (const group of groups) {
        // The records are copied at once, and belong to somebody else after the signal.
        signal.throwIfAborted();
        batches.push(await this.#encode(group, identity));
      }
      written = true;
      const { acks, requestTimeoutMs } = this.#options;
      const response = await api(connection, acks, requestTimeoutMs, batches);
      return this.#read(leader, groups, response);
    } catch (error) {
      // The library throws the whole response when one partition of it failed.
      const { response } = error as { response?: ProduceResponse };
      if (response?.responses !== undefined) return this.#read(leader, groups, response);
      this.#client.clearMetadata();
      if (this.#client.closed) return groups.map(() => ({ fault: faultOfClose(what) }));
      const fault = faultOf(error, what, this.#options.brokers);
      return groups.map(() => ({ fault, unknown: written }));
    } finally {
      for (const { batch } of batches) releaseBatch(batch);
    }
  }

  async #encode(group: PartitionRecords, identity: Identity | undefined): Promise<EncodedBatch> {
    const { compression, compressionLevel } = this.#options;
    const { topic, partition, timestampMs } = group;
    const batch = await encodeRecordBatch(group.records, {
      compression,
      timestampMs,
      crc32c: checksum,
      ...(compressionLevel === undefined ? {} : { level: compressionLevel }),
      ...(identity === undefined ? {} : { sequence: identity.sequence(nameOfPartition(group)) }),
    });
    return { topic, partition, batch };
  }

  /** What each partition answered. Without a response, which `acks` 0 has not, all is well. */
  #read(
    leader: number,
    groups: readonly PartitionRecords[],
    response: ProduceResponse | undefined,
  ): Result[] {
    if (response === undefined) return groups.map(() => WRITTEN);
    this.#leaders.throttle(leader, response.throttleTimeMs);
    const codes = new Map<string, readonly [number, string | null | undefined]>();
    for (const { name, partitionResponses } of response.responses) {
      for (const { index, errorCode, errorMessage } of partitionResponses) {
        codes.set(nameOfPartition({ topic: name, partition: index }), [errorCode, errorMessage]);
      }
    }
    return groups.map((group) => {
      const [code, said] = codes.get(nameOfPartition(group)) ?? [-1, null];
      return this.#resultOf(group, nameOfCode(code), said);
    });
  }

  #resultOf(
    { topic, partition }: PartitionRecords,
    error: string | undefined,
    said: string | null | undefined,
  ) {
    if (error === undefined || error === 'DUPLICATE_SEQUENCE_NUMBER') return WRITTEN;
    if (isStale(error)) this.#client.clearMetadata();
    if (endsIdentity(error)) this.#identity = undefined;
    const fault = faultOfBroker(error, `produce to ${topic}, partition ${partition}`, said);
    // These come after the record was appended to the leader's log.
    const unknown = error === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' || error === 'REQUEST_TIMED_OUT';
    return { fault, unknown };
  }

  /** Waits for a cluster that has just started and gives out no numbers yet. */
  async #identify(signal: AbortSignal): Promise<Identity | KafkaFault> {
    const what = 'get a producer id';
    for (;;) {
      this.#identity ??= this.#newIdentity();
      const asked = this.#identity;
      const answer = asked.catch((error: unknown) => {
        if (this.#identity === asked) this.#identity = undefined;
        return faultOf(error, what, this.#options.brokers);
      });
      const identity = await unlessAborted(answer, signal, () => faultOfAbort(what));
      const early = !(identity instanceof Identity) && identity.reason.startsWith('coordinator_');
      if (!early || signal.aborted) return identity;
      await pause(REPEAT_MS, signal);
    }
  }

  async #newIdentity(): Promise<Identity> {
    const { producerId, producerEpoch } = await this.#client.initIdempotentProducer({});
    return new Identity(producerId, producerEpoch);
  }
}

function nameOfPartition({ topic, partition }: Pick<PartitionRecords, 'topic' | 'partition'>) {
  return `${topic}/${partition}`;
}

function topicsOf(groups: readonly PartitionRecords[]): string {
  return [...new Set(groups.map(({ topic }) => topic))].join(', ');
}

/** The library copies plain arrays before it computes, and its own buffers not. */
function checksum(bytes: Buffer): number {
  return crc32c(Writer.create().append(bytes).dynamicBuffer);
}
