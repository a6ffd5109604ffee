import type {
  KafkaFault,
  KafkaHeader,
  KafkaProducer,
  OutgoingRecord,
  PartitionRecords,
} from '../../../net/kafka/client.ts';
import { type KeyHasher, partitionOf } from '../../../net/kafka/partitioner.ts';
import { sizeOfRecord } from '../../../net/kafka/record-batch.ts';
import type { Limits } from './limits.ts';
import type { Parcel } from './parcel.ts';

/** What all rounds of an attempt share. */
export interface Sending {
  readonly producer: KafkaProducer;
  readonly headers: readonly KafkaHeader[];
  readonly signal: AbortSignal;
}

export interface RoundOptions extends Sending {
  readonly limits: Limits;
  /** Most records in one batch of records. */
  readonly maxRecords: number;
  /** Most bytes of all records together. */
  readonly maxBytes: number;
  /** `none`: keys decide nothing. */
  readonly hasher: KeyHasher | 'none';
  readonly timestampMs: number;
  /** Headers of one parcel beside those of all. */
  readonly headersOf: (parcel: Parcel) => readonly KafkaHeader[];
}

/** What became of a parcel: written, left for the next round, or a fault. */
export interface Result {
  readonly parcel: Parcel;
  readonly fault: KafkaFault | 'later' | undefined;
  /** Records that were refused together with it, itself included. */
  readonly together: number;
}

interface Group {
  readonly topic: string;
  readonly partition: number;
  readonly parcels: Parcel[];
  readonly records: OutgoingRecord[];
  bytes: number;
  full: boolean;
}

/** One go at the records of a batch: at most one batch of records for each partition. */
export class Round {
  readonly #options: RoundOptions;
  readonly #groups = new Map<string, Group>();
  readonly #counts = new Map<string, number | KafkaFault>();
  #bytes = 0;

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  /** Sends what fits; `turn` is where records without a key begin. Answers in the order given. */
  async send(parcels: readonly Parcel[], turn: number): Promise<Result[]> {
    const fates = new Map<Parcel, Omit<Result, 'parcel'>>();
    let next = turn;
    for (const parcel of parcels) {
      const { topic } = parcel.cargo.address;
      const count = this.#counts.get(topic) ?? (await this.#countOf(topic));
      if (typeof count !== 'number') {
        fates.set(parcel, { fault: count, together: 1 });
        continue;
      }
      const group = this.#groupOf(topic, this.#partitionOf(parcel, count, next++));
      if (!this.#put(parcel, group)) fates.set(parcel, { fault: 'later', together: 1 });
    }
    const groups = [...this.#groups.values()].filter(({ parcels: own }) => own.length > 0);
    const answers = await this.#sendGroups(groups);
    groups.forEach(({ parcels: own }, index) => {
      const fault = answers[index];
      for (const parcel of own) fates.set(parcel, { fault, together: own.length });
    });
    return parcels.map((parcel) => ({ parcel, ...fates.get(parcel)! }));
  }

  #sendGroups(groups: readonly Group[]): Promise<readonly (KafkaFault | undefined)[]> {
    if (groups.length === 0) return Promise.resolve([]);
    const { producer, signal, timestampMs } = this.#options;
    const all = groups.map(({ topic, partition, records }): PartitionRecords => {
      return { topic, partition, records, timestampMs };
    });
    return producer.send(all, signal);
  }

  async #countOf(topic: string): Promise<number | KafkaFault> {
    const count = await this.#options.producer.partitions(topic, this.#options.signal);
    this.#counts.set(topic, count);
    return count;
  }

  #partitionOf({ cargo }: Parcel, count: number, turn: number): number {
    const { key, partition } = cargo.address;
    if (partition !== undefined) return partition % count;
    const { hasher } = this.#options;
    if (key === undefined || hasher === 'none') return turn % count;
    return partitionOf(key, count, hasher);
  }

  #groupOf(topic: string, partition: number): Group {
    const name = `${topic}/${partition}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = { topic, partition, parcels: [], records: [], bytes: 0, full: false };
    this.#groups.set(name, group);
    return group;
  }

  /** False when it has to wait: a group that was full once takes nothing more, to keep the order. */
  #put(parcel: Parcel, group: Group): boolean {
    const { limits, maxRecords, maxBytes, headers, headersOf } = this.#options;
    const own = headersOf(parcel);
    const record = {
      key: parcel.cargo.address.key,
      value: parcel.value,
      headers: own.length === 0 ? headers : [...headers, ...own],
    };
    const size = sizeOfRecord(record);
    const isFirst = group.records.length === 0;
    const fits = group.bytes + size <= limits.of(group.topic) && group.records.length < maxRecords;
    const fitsAll = this.#bytes + size <= maxBytes || this.#bytes === 0;
    if (group.full || !fitsAll || (!fits && !isFirst)) {
      group.full = true;
      return false;
    }
    group.parcels.push(parcel);
    group.records.push(record);
    group.bytes += size;
    this.#bytes += size;
    return true;
  }
}
