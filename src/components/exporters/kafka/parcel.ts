import type { Batch, Bytes } from '../../../contract/batch.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import { splitRequest } from '../../../formats/otlp/split.ts';
import { splitChunk } from '../../../formats/prometheus/split.ts';

/** Where records go: all that goes to one place with one key. */
export interface Address {
  readonly topic: string;
  readonly key?: Uint8Array;
  /** The partition, where it is no hash of the key. */
  readonly partition?: number;
}

/** A part of a batch for one address. */
export interface Cargo {
  readonly address: Address;
  readonly chunks: readonly Bytes[];
  readonly byteLength: number;
  readonly items: number;
}

/** A record that is ready, and what it was made of, should it have to be made smaller. */
export interface Parcel {
  readonly cargo: Cargo;
  readonly value: Uint8Array;
  /** One item, too large for its topic, on its way to the topic of dead letters. */
  readonly dead?: true;
}

/** How the value of a record is written. */
export type Encoding = 'otlp_proto' | 'otlp_json' | 'prometheus_remote_write';

/** What decides how bytes are divided. */
export type Kind = Pick<Batch, 'signal' | 'form'>;

/** Items as OTLP/JSON are up to this much larger than an even share of the whole. */
const UNEVEN = 0.8;

/**
 * Cargo as records of at most `maxBytes` each, by what they are once they are encoded. An item
 * that is larger alone is a record by itself.
 */
export function parcelsOf(cargo: Cargo, kind: Kind, of: Measure): Parcel[] {
  if (of.encoding === 'otlp_json') return jsonParcels(cargo, kind, of);
  return packed(cargo, kind, of.maxBytes).map((part) => ({ cargo: part, value: join(part) }));
}

/** How values are written, and how large they may be. */
export interface Measure {
  readonly encoding: Encoding;
  readonly maxBytes: number;
}

/** A parcel as two or more smaller ones; undefined when it holds one item only. */
export function halvesOf(parcel: Parcel, kind: Kind, encoding: Encoding): Parcel[] | undefined {
  const { cargo, value } = parcel;
  if (cargo.items <= 1) return undefined;
  const parts = parcelsOf(cargo, kind, { encoding, maxBytes: Math.ceil(value.length / 2) });
  return parts.length > 1 ? parts : undefined;
}

function jsonParcels(cargo: Cargo, kind: Kind, { encoding, maxBytes }: Measure): Parcel[] {
  const value = encodeJson(kind.signal, cargo.chunks);
  if (value.length <= maxBytes || cargo.items <= 1) return [{ cargo, value }];
  const share = Math.floor((maxBytes / value.length) * cargo.byteLength * UNEVEN);
  const parts = packed(cargo, kind, Math.max(1, share));
  if (parts.length === 1) return [{ cargo, value }];
  return parts.flatMap((part) => jsonParcels(part, kind, { encoding, maxBytes }));
}

/** Cargo in parts of at most `maxBytes`, in order; as few as that takes. */
function packed(cargo: Cargo, kind: Kind, maxBytes: number): Cargo[] {
  if (cargo.byteLength <= maxBytes) return [cargo];
  const parts: Cargo[] = [];
  let open = { chunks: new Array<Bytes>(), byteLength: 0, items: 0 };
  const close = (): void => {
    if (open.byteLength > 0) parts.push({ address: cargo.address, ...open });
    open = { chunks: [], byteLength: 0, items: 0 };
  };
  for (const chunk of cargo.chunks) {
    for (const { bytes, items } of split(kind, chunk, maxBytes)) {
      if (open.byteLength + bytes.length > maxBytes) close();
      open.chunks.push(bytes);
      open.byteLength += bytes.length;
      open.items += items;
    }
  }
  close();
  return parts;
}

function split({ signal, form }: Kind, chunk: Bytes, maxBytes: number) {
  const limits = { maxItems: 0, maxBytes };
  return form === 'otlp' ? splitRequest(signal, chunk, limits) : splitChunk(chunk, limits);
}

function join({ chunks, byteLength }: Cargo): Uint8Array {
  const only = chunks[0];
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, byteLength);
}
