import { WireError } from './error.ts';
import type { ItemIndex } from './item-index.ts';
import { ACTION, MAX_DEPTH, NOTE_ITEM, NOTE_SOUND, type ShapeTable, STRIDE } from './shape.ts';
import { isValidUtf8 } from './utf8.ts';
import { FIXED32, FIXED64, GROUP_END, GROUP_START, LENGTH_DELIMITED, VARINT } from './varint.ts';

/** What was counted on the way through a message. */
export interface Tally {
  /** Messages that count as items. */
  readonly items: number;
  /** Items that are well-formed and yet not sound by the rule of their shape. */
  readonly unsound: number;
  /** Where the items stand, when it was asked for and can be said. Good until the next check. */
  readonly index?: ItemIndex;
}

/** Walks a message through every nested message and throws `WireError` on the first fault. */
export interface Checker {
  /**
   * `root` is the index of the outermost message. `bytes` are only read during the call. With
   * `isIndexed`, the index of items is noted on the way, by checkers that can.
   */
  check(root: number, bytes: Uint8Array, isIndexed?: boolean): Tally;
}

/**
 * The checker in TypeScript: the reference for the kernel, and its stand-in where WebAssembly
 * with SIMD does not exist. 0.98 ms for 512 spans (bench/micro/wire.ts), twelve times the kernel.
 */
export class ReferenceChecker implements Checker {
  readonly #entries: Uint16Array;
  readonly #notes: Uint16Array;
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #items = 0;
  #unsound = 0;

  constructor(table: ShapeTable) {
    this.#entries = table.entries;
    this.#notes = table.entries.subarray(table.messages * STRIDE);
  }

  check(root: number, bytes: Uint8Array): Tally {
    this.#bytes = bytes;
    this.#position = 0;
    this.#items = 0;
    this.#unsound = 0;
    try {
      this.#message(root, bytes.length, 0);
    } finally {
      this.#bytes = NOTHING;
    }
    return { items: this.#items, unsound: this.#unsound };
  }

  #message(message: number, end: number, depth: number): void {
    const bytes = this.#bytes;
    const entries = this.#entries;
    const base = message * STRIDE;
    let marks = 0;
    while (this.#position < end) {
      const at = this.#position;
      const tag = this.#short(at, end);
      const entry = tag < STRIDE ? entries[base + tag]! : (tag & 7) > 5 ? ACTION.bad : 0;
      switch (entry & 0xff) {
        case ACTION.bad:
          throw new WireError('bad tag', at);
        case ACTION.mismatch:
          throw new WireError('wrong wire type', at);
        case ACTION.nonzero64:
          this.#skip(8, at, end);
          marks = (marks & ~1) | (isZero64(bytes, this.#position - 8) ? 0 : 1);
          break;
        case ACTION.flag:
          marks = (marks & ~2) | ((bytes[this.#position]! & 1) << 1);
          this.#varint(at, end);
          break;
        case ACTION.present64:
          this.#skip(8, at, end);
          marks |= 4;
          break;
        default:
          if ((tag & 7) === LENGTH_DELIMITED) this.#delimited(entry, at, end, depth);
          else this.#value(tag, at, end, depth);
      }
    }
    const note = this.#notes[message]!;
    if (note & NOTE_ITEM) this.#items++;
    if (note & NOTE_SOUND && !((note >> (8 + marks)) & 1)) this.#unsound++;
  }

  // oxlint-disable-next-line max-params -- one call per field: an object would be an allocation
  #delimited(entry: number, at: number, limit: number, depth: number): void {
    const length = this.#short(at, limit);
    const start = this.#position;
    const end = start + length;
    if (end > limit) throw new WireError('truncated', at);
    switch (entry & 0xff) {
      case ACTION.message:
      case ACTION.pair:
        if (depth >= MAX_DEPTH) throw new WireError('nested too deeply', at);
        this.#message(entry >> 8, end, depth + 1);
        return;
      case ACTION.string:
      case ACTION.notedString:
        if (!isValidUtf8(this.#bytes, start, end)) throw new WireError('invalid utf-8', at);
        break;
      case ACTION.id:
      case ACTION.notedId:
        if (length !== 0 && length !== entry >> 8) throw new WireError('bad id length', at);
        break;
      case ACTION.packedVarint:
        while (this.#position < end) this.#varint(at, end);
        break;
      case ACTION.packedFixed64:
        if (length % 8 !== 0) throw new WireError('truncated', at);
        break;
      case ACTION.packedFixed32:
        if (length % 4 !== 0) throw new WireError('truncated', at);
        break;
      default:
    }
    this.#position = end;
  }

  /** Any field without a length, known or not. */
  #value(tag: number, at: number, end: number, depth: number): void {
    switch (tag & 7) {
      case VARINT:
        return this.#varint(at, end);
      case FIXED64:
        return this.#skip(8, at, end);
      case FIXED32:
        return this.#skip(4, at, end);
      case GROUP_START:
        return this.#group(tag >>> 3, at, end, depth + 1);
      default:
        throw new WireError('unbalanced group', at);
    }
  }

  #group(number: number, at: number, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new WireError('nested too deeply', at);
    while (this.#position < end) {
      const tag = this.#short(at, end);
      if (tag >>> 3 === 0 || (tag & 7) > 5) throw new WireError('bad tag', at);
      if ((tag & 7) === GROUP_END) {
        if (tag >>> 3 === number) return;
        throw new WireError('unbalanced group', at);
      }
      if ((tag & 7) === LENGTH_DELIMITED) this.#delimited(ACTION.unknown, at, end, depth);
      else this.#value(tag, at, end, depth);
    }
    throw new WireError('truncated', at);
  }

  #skip(size: number, at: number, end: number): void {
    this.#position += size;
    if (this.#position > end) throw new WireError('truncated', at);
  }

  #varint(at: number, end: number): void {
    const first = this.#position;
    for (let position = first; position < end; position++) {
      const byte = this.#bytes[position]!;
      if (position - first === 9 && byte > 1) throw new WireError('overlong varint', at);
      if (byte < 0x80) {
        this.#position = position + 1;
        return;
      }
    }
    throw new WireError('truncated', at);
  }

  /** A tag or a length: at most five bytes and 32 bits. */
  #short(at: number, end: number): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#position >= end) throw new WireError('truncated', at);
      const byte = this.#bytes[this.#position++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireError('overlong varint', at);
  }
}

function isZero64(bytes: Uint8Array, at: number): boolean {
  for (let next = at; next < at + 8; next++) if (bytes[next] !== 0) return false;
  return true;
}

const NOTHING = new Uint8Array(0);
