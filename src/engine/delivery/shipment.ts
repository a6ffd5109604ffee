import type { Batch, Bytes, Origin } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { sharedMetadata } from '../queue/partition.ts';
import type { Lease } from '../queue/queue.ts';

/** One request to be sent, and the leases it is made of. */
export interface Shipment {
  readonly batch: Batch;
  readonly parts: readonly Part[];
  /** Chunks made for this shipment: let go of when it is settled. */
  readonly made: readonly Bytes[];
}

/** Chunks that stay together, and how much they are. */
export interface Load {
  readonly chunks: readonly Bytes[];
  readonly items: number;
  readonly byteLength: number;
}

/** What one lease contributed to a shipment. */
export interface Part extends Load {
  readonly claim: Claim;
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

  /** One more part to wait for. */
  part({ chunks, items, byteLength }: Load): Part {
    this.#open += 1;
    return { claim: this, chunks, items, byteLength };
  }

  /** Several parts, at least one, to wait for in place of one. */
  parts(loads: readonly Load[]): readonly Part[] {
    this.#open -= 1;
    return loads.map((load) => this.part(load));
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
  return { batch: lease.batch, parts: [new Claim(lease).part(lease.batch)], made: [] };
}

/** Several shipments of one partition as one request, in their order. */
export function joinShipments(shipments: readonly Shipment[], keys: readonly string[]): Shipment {
  const [first] = shipments;
  if (first === undefined) throw new Error('bug: no shipments to join');
  if (shipments.length === 1) return first;
  const { signal, form, origin } = first.batch;
  const parts = shipments.flatMap((shipment) => shipment.parts);
  const of = { signal, form, origin: commonOrigin(origin, keys) };
  return { batch: batchOfLoads(parts, of), parts, made: shipments.flatMap(({ made }) => made) };
}

/**
 * A shipment that nothing was made for as several, none of which has anything of another;
 * nothing where one would be empty.
 */
export function divideShipment(
  { batch, parts }: Shipment,
  divide: (batch: Batch) => readonly (Batch | undefined)[],
): readonly (Shipment | undefined)[] {
  const places: { readonly parts: Part[]; readonly made: Bytes[] }[] = [];
  for (const part of parts) {
    const { claim, chunks, items, byteLength } = part;
    const shares = [...divide({ ...batch, chunks, items, byteLength }).entries()];
    const filled = shares.flatMap(([place, share]) =>
      share === undefined ? [] : { place, share },
    );
    const parted = claim.parts(filled.map(({ share }) => share));
    for (const [index, { place, share }] of filled.entries()) {
      const at = (places[place] ??= { parts: [], made: [] });
      at.parts.push(parted[index]!);
      at.made.push(...share.chunks.filter((chunk) => !chunks.includes(chunk)));
    }
  }
  return Array.from(places, (at) => at && { batch: batchOfLoads(at.parts, batch), ...at });
}

/** What all that may travel together have in common, and the time of the first. */
export function commonOrigin(first: Origin, keys: readonly string[]): Origin {
  const { receiver, tenant, receivedAt, metadata } = first;
  return { receiver, tenant, receivedAt, metadata: sharedMetadata(metadata, keys) };
}

function batchOfLoads(
  loads: readonly Load[],
  { signal, form, origin }: Pick<Batch, 'signal' | 'form' | 'origin'>,
): Batch {
  let [items, byteLength] = [0, 0];
  for (const load of loads) {
    items += load.items;
    byteLength += load.byteLength;
  }
  return { signal, form, origin, items, byteLength, chunks: loads.flatMap(({ chunks }) => chunks) };
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
