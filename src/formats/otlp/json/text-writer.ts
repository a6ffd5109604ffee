import { Buffer } from 'node:buffer';
import type { Bytes } from '../../../contract/batch.ts';
import { readFixed32 } from '../../../wire/varint.ts';

const HEX = Buffer.from('0123456789abcdef');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BILLION = 1e9;
const PART = 4096;

/** The letter behind the backslash, for the characters that have a short escape. */
const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  [QUOTE]: QUOTE,
  [BACKSLASH]: BACKSLASH,
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
};

/** Builds a JSON text from pieces of protobuf, byte by byte. */
export class TextWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** The last byte written. */
  get last(): number {
    return this.#bytes[this.#length - 1] ?? 0;
  }

  /** One ASCII character. */
  character(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Text that is JSON already: punctuation, keys, numbers. */
  raw(text: Uint8Array): void {
    this.#reserve(text.length);
    this.#bytes.set(text, this.#length);
    this.#length += text.length;
  }

  ascii(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  /** The UTF-8 in `source` from `start` to `end` as a JSON string. */
  string(source: Uint8Array, start: number, end: number): void {
    this.character(QUOTE);
    // In parts, so that room for the worst case is little.
    for (let at = start; at < end; at += PART) this.#escape(source, at, Math.min(at + PART, end));
    this.character(QUOTE);
  }

  /** Bytes as a string of lower-case hex digits. */
  hex(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 2 + 2);
    const bytes = this.#bytes;
    let to = this.#length;
    bytes[to++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = source[at]!;
      bytes[to++] = HEX[byte >> 4]!;
      bytes[to++] = HEX[byte & 15]!;
    }
    bytes[to++] = QUOTE;
    this.#length = to;
  }

  /** Bytes as a string of base64. */
  base64(source: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(source.buffer, source.byteOffset + start, end - start);
    this.ascii(`"${text.toString('base64')}"`);
  }

  /** A double: a number, or one of the three strings for what JSON has no number for. */
  double(value: number): void {
    if (Number.isFinite(value)) this.ascii(Object.is(value, -0) ? '-0' : String(value));
    else this.ascii(`"${value}"`);
  }

  /** The eight little-endian bytes at `offset` as a string of decimal digits. */
  decimal64(source: Uint8Array, offset: number, isSigned: boolean): void {
    let low = readFixed32(source, offset);
    let high = readFixed32(source, offset + 4);
    this.#reserve(24);
    this.character(QUOTE);
    if (isSigned && high >= 0x80000000) {
      this.character(0x2d);
      high = (~high + (low === 0 ? 1 : 0)) >>> 0;
      low = (~low + 1) >>> 0;
    }
    if (high < 0x200000) this.ascii(String(high * 4294967296 + low));
    else this.#divided(high, low);
    this.character(QUOTE);
  }

  /** The text so far, in a buffer of its own. */
  finish(): Bytes {
    const text = new Uint8Array(this.#length);
    text.set(this.#bytes.subarray(0, this.#length));
    return text;
  }

  /** More than 2^53: divides by a billion, 16 bits at a time, so that no step is inexact. */
  #divided(high: number, low: number): void {
    let quotient = 0;
    let rest = 0;
    for (const part of [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff]) {
      const value = rest * 65536 + part;
      const digit = Math.floor(value / BILLION);
      rest = value - digit * BILLION;
      quotient = quotient * 65536 + digit;
    }
    this.ascii(String(quotient));
    this.ascii(String(rest).padStart(9, '0'));
  }

  #escape(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 6);
    const bytes = this.#bytes;
    let to = this.#length;
    for (let at = start; at < end; at++) {
      const byte = source[at]!;
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
        bytes[to++] = byte;
        continue;
      }
      bytes[to++] = BACKSLASH;
      const short = SHORT_ESCAPES[byte];
      if (short === undefined) {
        bytes.set([0x75, 0x30, 0x30, HEX[byte >> 4]!, HEX[byte & 15]!], to);
        to += 5;
      } else bytes[to++] = short;
    }
    this.#length = to;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
