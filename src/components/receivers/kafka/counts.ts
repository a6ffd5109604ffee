import type { Counter, Gauge, Meter } from '../../../contract/context.ts';
import type { TopicPartition } from '../../../net/kafka/client.ts';

/** What the receiver says of itself beside what admission counts. */
export class ReceiverCounts {
  readonly #meter: Meter;
  readonly #records = new Map<string, Counter>();
  readonly #lag = new Map<string, Gauge>();
  readonly #assigned: Gauge;
  readonly #rebalances: Counter;

  constructor(meter: Meter) {
    this.#meter = meter;
    this.#assigned = meter.gauge(
      'kafka_receiver_assigned_partitions',
      'Partitions that this receiver reads.',
    );
    this.#rebalances = meter.counter(
      'kafka_receiver_rebalances',
      'Times that partitions were given to this receiver or taken from it.',
    );
  }

  records(topic: string, count: number): void {
    let counter = this.#records.get(topic);
    if (counter === undefined) {
      counter = this.#meter.counter('kafka_receiver_records', 'Records that were read.', { topic });
      this.#records.set(topic, counter);
    }
    counter.add(count);
  }

  /** Records between what is done and the end of the partition. */
  lag(place: TopicPartition, records: number): void {
    const key = `${place.topic} ${place.partition}`;
    let gauge = this.#lag.get(key);
    if (gauge === undefined) {
      gauge = this.#meter.gauge(
        'kafka_receiver_partition_lag',
        'Records of a partition that are not done yet; 0 where another member reads it.',
        { topic: place.topic, partition: String(place.partition) },
      );
      this.#lag.set(key, gauge);
    }
    gauge.set(records);
  }

  assigned(partitions: number): void {
    this.#assigned.set(partitions);
    this.#rebalances.add(1);
  }

  /** A refusal that the partition waits out. */
  waited(reason: string): void {
    this.#meter
      .counter('kafka_receiver_waits', 'Times that a partition waited before it tried again.', {
        reason,
      })
      .add(1);
  }

  /** A record that can never be taken. */
  poison(reason: string, kept: boolean): void {
    this.#meter
      .counter('kafka_receiver_poison_records', 'Records that can never be taken, by their end.', {
        reason,
        end: kept ? 'dead_letter' : 'dropped',
      })
      .add(1);
  }

  failed(reason: string): void {
    this.#meter
      .counter('kafka_receiver_errors', 'Errors of the brokers or on the way to them.', { reason })
      .add(1);
  }
}
