import { ConnectionError, ERROR } from '../protocol.ts';
import { decodeHuffman, maxDecodedLength } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';

/** A header field. Entries of the tables are shared by all requests that name them. */
export interface Field {
  readonly name: string;
  /** One character per byte. */
  readonly value: string;
  /** As RFC 7541 counts it: both lengths and 32. */
  readonly size: number;
  /** Whether name and value are made of characters that may be there. */
  readonly wellFormed: boolean;
}

/** Bytes of dynamic table we offer: the default, so nobody has to be told. */
const MAX_TABLE_BYTES = 4096;
const ENTRY_OVERHEAD = 32;
const RING = MAX_TABLE_BYTES / ENTRY_OVERHEAD;
/** Longest integer that means anything here; more is an attack or a bug. */
const MAX_INTEGER = 2 ** 24;
const SCRATCH = 4096;

/** Lower case, or a pseudo header; no control characters and no spaces around the value. */
const NAME = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

const STATIC: readonly Field[] = STATIC_TABLE.map(([name, value]) => fieldOf(name, value));
const STATIC_COUNT = STATIC.length;

function fieldOf(name: string, value: string): Field {
  return {
    name,
    value,
    size: name.length + value.length + ENTRY_OVERHEAD,
    wellFormed: NAME.test(name) && VALUE.test(value),
  };
}

/**
 * Decodes the header blocks of one connection, in their order, RFC 7541. Anything malformed is a
 * `ConnectionError` with COMPRESSION_ERROR: the tables of both ends differ from then on.
 */
export class HeaderDecoder {
  /** Changes whenever the table does: equal blocks mean the same while it stays. */
  generation = 0;
  readonly #ring: Field[] = [];
  #next = 0;
  #count = 0;
  #bytes = 0;
  #limit = MAX_TABLE_BYTES;
  #scratch: Buffer | undefined;
  #at = 0;

  /**
   * The fields of `block[start..end)`. Once they are larger than `maxBytes` or more than
   * `maxFields` the rest is decoded for the table's sake only and the answer is undefined.
   */
  decode(
    block: Buffer,
    { start, end }: { readonly start: number; readonly end: number },
    { maxBytes, maxFields }: { readonly maxBytes: number; readonly maxFields: number },
  ): Field[] | undefined {
    const fields: Field[] = [];
    let size = 0;
    this.#at = start;
    while (this.#at < end) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (size > 0) throw compression('a table size comes after a field');
        this.#resize(this.#readInteger(block, end, 5));
        continue;
      }
      const field =
        (first & 0x80) !== 0
          ? this.#entry(this.#readInteger(block, end, 7))
          : this.#readLiteral(block, end, first);
      size += field.size;
      if (size <= maxBytes && fields.length < maxFields) fields.push(field);
      else size = Number.POSITIVE_INFINITY;
    }
    return size <= maxBytes ? fields : undefined;
  }

  #readLiteral(block: Buffer, end: number, first: number): Field {
    const indexed = (first & 0x40) !== 0;
    const index = this.#readInteger(block, end, indexed ? 6 : 4);
    const name = index > 0 ? this.#entry(index).name : this.#readString(block, end);
    const field = fieldOf(name, this.#readString(block, end));
    if (indexed) this.#insert(field);
    return field;
  }

  /** An integer whose first byte leaves `prefix` bits. */
  #readInteger(block: Buffer, end: number, prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = (block[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let scale = 1; ; scale *= 128) {
      if (this.#at >= end) throw compression('an integer ends early');
      const byte = block[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (value > MAX_INTEGER || scale > MAX_INTEGER) throw compression('an integer is too large');
      if (byte < 0x80) return value;
    }
  }

  #readString(block: Buffer, end: number): string {
    if (this.#at >= end) throw compression('a string is missing');
    const huffman = (block[this.#at] ?? 0) >= 0x80;
    const length = this.#readInteger(block, end, 7);
    const start = this.#at;
    if (length > end - start) throw compression('a string ends early');
    this.#at = start + length;
    if (!huffman) return block.toString('latin1', start, this.#at);
    const needed = maxDecodedLength(length);
    let scratch = this.#scratch;
    if (scratch === undefined || scratch.length < needed) {
      scratch = Buffer.allocUnsafeSlow(Math.max(SCRATCH, needed));
      if (scratch.length === SCRATCH) this.#scratch = scratch;
    }
    const decoded = decodeHuffman(block, start, this.#at, scratch);
    if (decoded < 0) throw compression('a string is no Huffman code');
    return scratch.toString('latin1', 0, decoded);
  }

  #entry(index: number): Field {
    const entry =
      index <= STATIC_COUNT
        ? STATIC[index - 1]
        : index <= STATIC_COUNT + this.#count
          ? this.#ring[(this.#next - (index - STATIC_COUNT) + RING) % RING]
          : undefined;
    if (entry === undefined) throw compression(`there is no header ${index}`);
    return entry;
  }

  #insert(field: Field): void {
    this.generation++;
    this.#bytes += field.size;
    this.#evict();
    // An entry larger than the table empties it and is not kept.
    if (this.#bytes === 0 && field.size > this.#limit) return;
    this.#ring[this.#next] = field;
    this.#next = (this.#next + 1) % RING;
    this.#count++;
  }

  #resize(limit: number): void {
    if (limit > MAX_TABLE_BYTES) throw compression(`a table of ${limit} bytes was not offered`);
    this.generation++;
    this.#limit = limit;
    this.#evict();
  }

  /** Oldest entries go until the table fits. */
  #evict(): void {
    while (this.#bytes > this.#limit && this.#count > 0) {
      const oldest = this.#ring[(this.#next - this.#count + RING) % RING];
      this.#bytes -= oldest?.size ?? 0;
      this.#count--;
    }
    if (this.#count === 0 && this.#bytes > this.#limit) this.#bytes = 0;
  }
}

function compression(message: string): ConnectionError {
  return new ConnectionError(ERROR.compression, message);
}
