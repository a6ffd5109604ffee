import type { Batch } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import type { Lease } from '../queue/queue.ts';

/** One request to be sent, and the leases it is made of. */
export interface Shipment {
  readonly batch: Batch;
  readonly parts: readonly Part[];
}

/** What one lease contributed to a shipment. */
export interface Part {
  readonly claim: Claim;
  readonly items: number;
}

/** A lease under delivery, whole or in parts: settles it when the last part has an outcome. */
export class Claim {
  readonly lease: Lease;
  #open = 0;
  #lost = 0;
  #refusal: (Outcome & { kind: 'partial' | 'rejected' }) | undefined;
  #retry: Outcome | undefined;
  #unsent = false;

  constructor(lease: Lease) {
    this.lease = lease;
  }

  /** One more part of `items` to wait for. */
  part(items: number): Part {
    this.#open += 1;
    return { claim: this, items };
  }

  /**
   * A part has its outcome: `lost` items of it will never arrive; `unsent` when it was not
   * tried to the end and the queue should keep it if it can.
   */
  settle(outcome: Outcome, lost: number, unsent: boolean): void {
    this.#lost += lost;
    if (unsent) this.#unsent = true;
    if (outcome.kind === 'retry') this.#retry = outcome;
    else if (outcome.kind !== 'accepted' && (lost > 0 || outcome.kind === 'rejected')) {
      this.#refusal = outcome;
    }
    this.#open -= 1;
    if (this.#open === 0) this.#finish();
  }

  #finish(): void {
    const { lease } = this;
    const retry = this.#retry;
    if (retry !== undefined && retry.kind === 'retry') {
      if (this.#unsent) lease.settle(retry);
      else lease.settle({ kind: 'rejected', reason: retry.reason, message: retry.message }, retry);
      return;
    }
    const refusal = this.#refusal;
    if (refusal === undefined) return lease.settle(ACCEPTED);
    if (refusal.kind === 'rejected' && this.#lost >= lease.batch.items)
      return lease.settle(refusal);
    const { reason, message } = refusal;
    lease.settle({ kind: 'partial', rejected: this.#lost, reason, message });
  }
}

/** A shipment of one whole lease. */
export function shipmentOf(lease: Lease): Shipment {
  return { batch: lease.batch, parts: [new Claim(lease).part(lease.batch.items)] };
}

/**
 * Settles every part of a shipment. Which items a backend refused of a merged request is not
 * known: the parts share the loss in proportion, and their shares sum up to it.
 */
export function settleShipment(shipment: Shipment, outcome: Outcome, unsent: boolean): void {
  let lost = lostItems(shipment.batch, outcome);
  let items = shipment.batch.items;
  for (const part of shipment.parts) {
    const share = items > 0 ? Math.round((lost * part.items) / items) : 0;
    part.claim.settle(outcome, share, unsent);
    lost -= share;
    items -= part.items;
  }
}

/** How many items of `batch` are lost for good with this outcome. */
export function lostItems(batch: Batch, outcome: Outcome): number {
  if (outcome.kind === 'rejected') return batch.items;
  if (outcome.kind !== 'partial') return 0;
  return Math.max(0, Math.min(outcome.rejected, batch.items));
}
