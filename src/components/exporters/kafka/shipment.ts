import type { Batch } from '../../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import type { KafkaFault } from '../../../net/kafka/client.ts';
import type { Parcel } from './parcel.ts';

/** Why items are lost; `reason` is a label of the dropped items. */
export interface Loss {
  readonly reason: string;
  readonly message: string;
}

/**
 * How far a batch has got, from one attempt to the next: what is written is not sent again, and
 * what is lost stays lost.
 */
export class Shipment {
  readonly #items: number;
  readonly #losses = new Map<string, Loss & { items: number }>();
  /** Records in one batch at most, as refusals taught. */
  maxRecords = Infinity;
  /** Records that are not written yet, in order. */
  left: readonly Parcel[];

  constructor({ items }: Batch, parcels: readonly Parcel[]) {
    this.#items = items;
    this.left = parcels;
  }

  /** `items` can never be written. */
  lose(items: number, { reason, message }: Loss): void {
    const known = this.#losses.get(reason);
    if (known === undefined) this.#losses.set(reason, { reason, message, items });
    else known.items += items;
  }

  /** What became of the batch, when nothing is left. */
  outcome(): Outcome {
    let rejected = 0;
    let most: (Loss & { items: number }) | undefined;
    for (const loss of this.#losses.values()) {
      rejected += loss.items;
      if (most === undefined || loss.items > most.items) most = loss;
    }
    if (most === undefined) return ACCEPTED;
    const { reason, message } = most;
    if (rejected >= this.#items) return { kind: 'rejected', reason, message, fault: 'too_large' };
    const sentence = `${rejected} of ${this.#items} items were not written: ${message}`;
    return { kind: 'partial', rejected, reason, message: sentence };
  }
}

/** A fault that the rest of a batch waits for. */
export function retryOf({ reason, message, afterMs }: KafkaFault): Outcome {
  return { kind: 'retry', reason, message, ...(afterMs === undefined ? {} : { afterMs }) };
}
