import { WireError } from './error.ts';
import { FIXED32, FIXED64, GROUP_END, GROUP_START, LENGTH_DELIMITED, VARINT } from './varint.ts';

const MAX_GROUP_DEPTH = 100;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Where one field stands in the bytes around it; a `FieldCursor` is one, until it moves on. */
export interface FieldRange {
  readonly tagStart: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Walks the fields of one message without decoding it: one cursor per depth, reused. Reads
 * nothing outside the message and allocates nothing per field.
 *
 * ```
 * tagStart     start          end
 *    ▼           ▼             ▼
 *    ├ tag ┬ len ┼── payload ──┤
 * ```
 */
export class FieldCursor {
  /** Of the current field. */
  number = 0;
  wireType = 0;
  /** Where the field begins. */
  tagStart = 0;
  /** Where its payload begins: behind the tag, and behind the length if it has one. */
  start = 0;
  /** Where the field ends. A group ends behind its end tag. */
  end = 0;
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #limit = 0;

  /** Stands in front of the first field of the message in `bytes` from `start` to `end`. */
  enter(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.#bytes = bytes;
    this.#position = start;
    this.#limit = end;
    return this;
  }

  /** Steps to the next field. False at the end; throws `WireError` on bytes that are no field. */
  next(): boolean {
    const at = this.#position;
    if (at >= this.#limit) return false;
    this.tagStart = at;
    const byte = this.#bytes[at]!;
    // fast path: a field number below 16
    if (byte < 0x80) this.#position = at + 1;
    const tag = byte < 0x80 ? byte : this.#short();
    this.number = tag >>> 3;
    if (this.number === 0) throw new WireError('bad tag', at);
    const wireType = tag & 7;
    this.wireType = wireType;
    if (wireType === LENGTH_DELIMITED) {
      const length = this.#short();
      this.start = this.#position;
      this.end = this.#position + length;
    } else {
      this.start = this.#position;
      this.end = this.#endOf(wireType);
    }
    if (this.end > this.#limit) throw new WireError('truncated', at);
    this.#position = this.end;
    return true;
  }

  #endOf(wireType: number): number {
    switch (wireType) {
      case VARINT:
        return this.#skipVarint();
      case FIXED64:
        return this.#position + 8;
      case FIXED32:
        return this.#position + 4;
      case GROUP_START:
        return this.#skipGroup(this.number, 0);
      case GROUP_END:
        throw new WireError('unbalanced group', this.tagStart);
      default:
        throw new WireError('bad tag', this.tagStart);
    }
  }

  /** A tag or a length: at most five bytes and 32 bits. */
  #short(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#position >= this.#limit) throw new WireError('truncated', this.tagStart);
      const byte = this.#bytes[this.#position++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireError('overlong varint', this.tagStart);
  }

  #skipVarint(): number {
    const bytes = this.#bytes;
    const first = this.#position;
    for (let at = first; at < this.#limit; at++) {
      const byte = bytes[at]!;
      if (at - first === 9 && byte > 1) throw new WireError('overlong varint', this.tagStart);
      if (byte < 0x80) return at + 1;
    }
    throw new WireError('truncated', this.tagStart);
  }

  #skipGroup(number: number, depth: number): number {
    if (depth >= MAX_GROUP_DEPTH) throw new WireError('nested too deeply', this.tagStart);
    while (this.#position < this.#limit) {
      const tag = this.#short();
      const wireType = tag & 7;
      if (tag >>> 3 === 0) throw new WireError('bad tag', this.tagStart);
      if (wireType === GROUP_END) {
        if (tag >>> 3 !== number) throw new WireError('unbalanced group', this.tagStart);
        return this.#position;
      }
      if (wireType === GROUP_START) this.#skipGroup(tag >>> 3, depth + 1);
      else if (wireType === LENGTH_DELIMITED) this.#position = this.#short() + this.#position;
      else this.#position = this.#endOf(wireType);
      if (this.#position > this.#limit) throw new WireError('truncated', this.tagStart);
    }
    throw new WireError('truncated', this.tagStart);
  }
}
