import { ownBytes } from './memory.ts';
import { copyRange } from './splice.ts';
import { FIXED32, FIXED64, LENGTH_DELIMITED, sizeOfVarint, VARINT, writeVarint } from './varint.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Builds one message, field by field. It writes what it is told, defaults too: leaving fields
 * out is the caller's decision.
 */
export class Writer {
  #bytes: Bytes;
  #view: DataView;
  #length = 0;
  readonly #open: number[] = [];

  constructor(capacity = 256) {
    this.#bytes = ownBytes(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** A varint of 0 to 2^53 - 1: uint32, bool as 0 or 1, enums that are not negative. */
  uint(number: number, value: number): this {
    this.#reserve(20);
    this.#tag(number, VARINT);
    this.#length = writeVarint(this.#bytes, this.#length, value);
    return this;
  }

  /** A varint of 64 bits: int64 and uint64, and int32 where it is negative. */
  int64(number: number, value: bigint): this {
    this.#reserve(20);
    this.#tag(number, VARINT);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
    return this;
  }

  /** A zigzag varint of 32 bits. */
  sint32(number: number, value: number): this {
    return this.uint(number, ((value << 1) ^ (value >> 31)) >>> 0);
  }

  fixed32(number: number, value: number): this {
    this.#reserve(20);
    this.#tag(number, FIXED32);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** fixed64 and sfixed64. */
  fixed64(number: number, value: bigint): this {
    this.#reserve(20);
    this.#tag(number, FIXED64);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
    return this;
  }

  double(number: number, value: number): this {
    this.#reserve(20);
    this.#tag(number, FIXED64);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
    return this;
  }

  /** A bytes field, or a message that is already encoded. */
  bytes(number: number, value: Uint8Array): this {
    this.#reserve(20 + value.length);
    this.#tag(number, LENGTH_DELIMITED);
    this.#length = writeVarint(this.#bytes, this.#length, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  string(number: number, value: string): this {
    this.#reserve(20 + value.length * 3);
    this.#tag(number, LENGTH_DELIMITED);
    const start = this.#length + sizeOfVarint(value.length);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(start));
    this.#place(start, written);
    return this;
  }

  /** Fields that are already encoded, tags included. */
  raw(fields: Uint8Array, start = 0, end = fields.length): this {
    this.#reserve(end - start);
    this.#length = copyRange(this.#bytes, this.#length, fields, [start, end]);
    return this;
  }

  /** Begins a message field; everything up to `close` is inside it. */
  open(number: number): this {
    this.#reserve(20);
    this.#tag(number, LENGTH_DELIMITED);
    this.#open.push(this.#length++);
    return this;
  }

  /** Ends the message field begun last. */
  close(): this {
    const at = this.#open.pop();
    if (at === undefined) throw new Error('bug: writer closed more messages than it opened');
    this.#reserve(10);
    const length = this.#length - at - 1;
    this.#length = at;
    this.#place(at + 1, length);
    return this;
  }

  /** The message, in a buffer of its own. The writer is empty and may be used again. */
  finish(): Bytes {
    if (this.#open.length > 0) throw new Error('bug: writer finished inside a message');
    const message = ownBytes(this.#length);
    copyRange(message, 0, this.#bytes, [0, this.#length]);
    this.#length = 0;
    return message;
  }

  /** Puts a length in front of the `length` bytes at `start`, moving them to where they fit. */
  #place(start: number, length: number): void {
    const payload = this.#length + sizeOfVarint(length);
    if (payload !== start) this.#bytes.copyWithin(payload, start, start + length);
    writeVarint(this.#bytes, this.#length, length);
    this.#length = payload + length;
  }

  #tag(number: number, wireType: number): void {
    this.#length = writeVarint(this.#bytes, this.#length, number * 8 + wireType);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = ownBytes(Math.max(needed, this.#bytes.length * 2));
    copyRange(grown, 0, this.#bytes, [0, this.#length]);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

const encoder = new TextEncoder();
