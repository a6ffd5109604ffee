import type { Sequence } from '../record-batch.ts';

/** Sequence numbers of Kafka are 31 bits and start over. */
const SEQUENCES = 2 ** 31;

/**
 * Who an idempotent producer is, and how far it has counted in each partition. A broker stores the
 * records of a number once, and takes them in order only: a partition has one request under way.
 */
export class Identity {
  readonly #producerId: bigint;
  readonly #producerEpoch: number;
  readonly #next = new Map<string, number>();

  constructor(producerId: bigint, producerEpoch: number) {
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
  }

  /** The numbers of the next records of a partition. */
  sequence(partition: string): Sequence {
    const first = this.#next.get(partition) ?? 0;
    return { producerId: this.#producerId, producerEpoch: this.#producerEpoch, first };
  }

  /** `records` of the partition are stored. */
  advance(partition: string, records: number): void {
    this.#next.set(partition, ((this.#next.get(partition) ?? 0) + records) % SEQUENCES);
  }
}

/** One request at a time for each partition, in the order they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves when all of `partitions` are free, with what gives them back. */
  async take(partitions: readonly string[]): Promise<() => void> {
    const before = partitions.map((partition) => this.#last.get(partition));
    let giveBack = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      giveBack = resolve;
    });
    for (const partition of partitions) this.#last.set(partition, done);
    for (const turn of before) await turn;
    return () => {
      for (const partition of partitions) {
        if (this.#last.get(partition) === done) this.#last.delete(partition);
      }
      giveBack();
    };
  }
}
