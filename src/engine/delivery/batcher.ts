/**
 * Joins what may travel together and splits what is too large.
 *
 * Open parcels are keyed by form, tenant and metadata partition, so nothing of two tenants ever
 * meets. A parcel exists from its first part until it is shipped: a partition that receives
 * nothing costs nothing. A parcel is shipped when it reaches `min_size`, when the next part
 * would push it over `max_size`, or when its first part has waited for `flush_timeout`.
 */
import type { Batch, Bytes, Origin } from '../../contract/batch.ts';
import type { Clock } from '../../contract/context.ts';
import type { QueueBatchConfig } from '../config/config.ts';
import { partitionOf } from '../queue/partition.ts';
import type { Lease } from '../queue/queue.ts';
import { Claim, commonOrigin, type Load, type Part, type Shipment } from './shipment.ts';

/** Most parcels open at once; with one more, the oldest is shipped as it is. */
const MAX_OPEN = 1000;

/**
 * Cuts one encoded request into several of at most `limit` items or bytes each. A record that
 * is larger than the limit by itself stays whole.
 */
export type Splitter = (
  of: Pick<Batch, 'signal' | 'form'>,
  bytes: Bytes,
  limit: number,
  sizer: 'items' | 'bytes',
) => readonly Piece[];

export interface Piece {
  readonly bytes: Bytes;
  readonly items: number;
}

export interface BatcherOptions {
  readonly config: QueueBatchConfig;
  readonly split: Splitter;
  readonly clock: Clock;
  ship(shipment: Shipment): void;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #open = new Map<string, Parcel>();

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Partitions with something in them. */
  get open(): number {
    return this.#open.size;
  }

  /** Takes a lease over; it is settled with the shipments its batch ends up in. */
  add(lease: Lease): void {
    const { batch } = lease;
    const { maxSize } = this.#options.config;
    // Cut before anything is appended: a cut that fails leaves nothing behind.
    const loads = maxSize > 0 && this.#sizeOf(batch) > maxSize ? this.#cut(batch) : [batch];
    const claim = new Claim(lease);
    const parts = loads.map((load) => claim.part(load));
    const key = partitionOf(batch, this.#options.config.metadataKeys);
    for (const part of parts) this.#append(key, part, batch);
  }

  /** Ships everything that is open. */
  flush(): void {
    for (const key of this.#open.keys()) this.#ship(key);
  }

  #append(key: string, part: Part, batch: Batch): void {
    const { minSize, maxSize, flushTimeoutMs } = this.#options.config;
    const size = this.#sizeOf(part);
    let parcel = this.#open.get(key);
    if (parcel !== undefined && maxSize > 0 && parcel.size + size > maxSize) {
      this.#ship(key);
      parcel = undefined;
    }
    parcel ??= this.#openParcel(key, batch);
    parcel.add(part, size);
    if (parcel.size >= minSize || flushTimeoutMs === 0) this.#ship(key);
  }

  #openParcel(key: string, first: Batch): Parcel {
    const { config, clock } = this.#options;
    if (this.#open.size >= MAX_OPEN) this.#ship(this.#open.keys().next().value!);
    const parcel = new Parcel(first, config.metadataKeys);
    if (config.flushTimeoutMs > 0) {
      parcel.cancelFlush = clock.after(config.flushTimeoutMs, () => this.#ship(key));
    }
    this.#open.set(key, parcel);
    return parcel;
  }

  #ship(key: string): void {
    const parcel = this.#open.get(key);
    if (parcel === undefined) return;
    this.#open.delete(key);
    parcel.cancelFlush?.();
    this.#options.ship(parcel.seal());
  }

  #cut(batch: Batch): Load[] {
    const { maxSize, sizer } = this.#options.config;
    const loads: Load[] = [];
    for (const chunk of batch.chunks) {
      for (const piece of this.#options.split(batch, chunk, maxSize, sizer)) {
        const { bytes, items } = piece;
        loads.push({ chunks: [bytes], items, byteLength: bytes.length });
      }
    }
    return loads.length > 0 ? loads : [batch];
  }

  #sizeOf(load: Load): number {
    return this.#options.config.sizer === 'items' ? load.items : load.byteLength;
  }
}

/** One request in the making. */
class Parcel {
  size = 0;
  cancelFlush: (() => void) | undefined;
  readonly #first: Batch;
  readonly #origin: Origin;
  readonly #chunks: Bytes[] = [];
  readonly #parts: Part[] = [];
  #items = 0;
  #byteLength = 0;

  /** Of the origin only that remains which all that may join have in common, and the oldest time. */
  constructor(first: Batch, metadataKeys: readonly string[]) {
    this.#first = first;
    this.#origin = commonOrigin(first.origin, metadataKeys);
  }

  add(part: Part, size: number): void {
    for (const chunk of part.chunks) this.#chunks.push(chunk);
    this.#parts.push(part);
    this.#items += part.items;
    this.#byteLength += part.byteLength;
    this.size += size;
  }

  seal(): Shipment {
    const { signal, form } = this.#first;
    const batch: Batch = {
      signal,
      form,
      chunks: this.#chunks,
      byteLength: this.#byteLength,
      items: this.#items,
      origin: this.#origin,
    };
    return { batch, parts: this.#parts, made: [] };
  }
}
