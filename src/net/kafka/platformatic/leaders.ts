import { type Connection, kGetConnection, type Producer } from '@platformatic/kafka';
import { unlessAborted } from '../abort.ts';
import type { KafkaFault, PartitionRecords } from '../client.ts';
import { faultOfAbort, faultOfBroker, faultOfClose } from '../fault.ts';
import { faultOf } from './errors.ts';

/** Which node takes the records of a partition, and whether it takes any now. */
export class Leaders {
  readonly #client: Producer;
  readonly #brokers: readonly string[];
  /** When a node that throttles takes requests again. */
  readonly #throttled = new Map<number, number>();

  constructor(client: Producer, brokers: readonly string[]) {
    this.#client = client;
    this.#brokers = brokers;
  }

  /** Node that leads each partition of a topic, -1 where nobody does. */
  find(topic: string, signal: AbortSignal): Promise<number[] | KafkaFault> {
    return unlessAborted(this.#ask(topic), signal, () => faultOfAbort(`look up topic ${topic}`));
  }

  /** The node to send records to, by what `find` answered for their topic. */
  of({ topic, partition }: PartitionRecords, found: number[] | KafkaFault): number | KafkaFault {
    if (!Array.isArray(found)) return found;
    const what = `produce to ${topic}`;
    const leader = found[partition] ?? -1;
    if (leader < 0) {
      this.#client.clearMetadata();
      return faultOfBroker('LEADER_NOT_AVAILABLE', `${what}, partition ${partition}`);
    }
    const until = this.#throttled.get(leader);
    if (until === undefined) return leader;
    const afterMs = until - performance.now();
    if (afterMs <= 0) {
      this.#throttled.delete(leader);
      return leader;
    }
    const message = `cannot ${what}: node ${leader} throttles this client by its quota`;
    return { kind: 'retry', reason: 'throttled', message, afterMs };
  }

  /** A node asked to be left alone for `ms`; it would not read sooner anyway. */
  throttle(node: number, ms: number): void {
    if (ms > 0) this.#throttled.set(node, performance.now() + ms);
  }

  /** A connection to a node, logged in. */
  connection(node: number): Promise<Connection> {
    const broker = this.#client.currentMetadata?.brokers.get(node);
    if (broker === undefined) return Promise.reject(new Error(`node ${node} is gone`));
    return new Promise((resolve, reject) => {
      this.#client[kGetConnection](broker, (error, connection) => {
        if (connection === undefined || error !== null) reject(error ?? new Error('closed'));
        else resolve(connection);
      });
    });
  }

  async #ask(topic: string): Promise<number[] | KafkaFault> {
    const what = `look up topic ${topic}`;
    if (this.#client.closed) return faultOfClose(what);
    try {
      const { topics } = await this.#client.metadata({ topics: [topic] });
      const found = topics.get(topic);
      if (found !== undefined) return found.partitions.map(({ leader }) => leader);
      return faultOfBroker('UNKNOWN_TOPIC_OR_PARTITION', what);
    } catch (error) {
      return faultOf(error, what, this.#brokers);
    }
  }
}
