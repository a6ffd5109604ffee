import type { Field, ScalarType } from '../schema.ts';
import { findEnumNumber } from './keys.ts';
import type { JsonScanner } from './scanner.ts';

const QUOTE = 0x22;
const MAX_SHOWN = 32;

/**
 * Reads one JSON value as the number a protobuf scalar holds. 64-bit integers never pass through
 * a double: they are kept as two halves.
 */
export class ScalarReader {
  /** The halves of the last 64-bit integer, in two's complement. */
  high = 0;
  low = 0;
  readonly #scanner: JsonScanner;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  bool(): boolean {
    const scanner = this.#scanner;
    if (scanner.skipLiteral('true')) return true;
    if (scanner.skipLiteral('false')) return false;
    return this.#refuse('true or false');
  }

  /** A double, from a number or a string such as "NaN". */
  double(): number {
    const scanner = this.#scanner;
    if (scanner.peek() !== QUOTE) {
      this.#scanNumber('a number');
      return Number(scanner.text());
    }
    const at = scanner.position;
    scanner.scanString();
    const text = scanner.text();
    if (!/^(NaN|-?Infinity|-?\d+(\.\d+)?([eE][+-]?\d+)?)$/.test(text)) this.#refuse('a number', at);
    return Number(text);
  }

  /** An integer of at most 32 bits, within the range of its type; enums also by name. */
  int32(field: Field): number {
    const scanner = this.#scanner;
    const at = scanner.peek() === QUOTE ? scanner.position : -1;
    if (at >= 0 && field.type === 'enum') {
      scanner.scanString();
      const number = findEnumNumber(field, scanner.text());
      if (number !== undefined) return number;
      scanner.position = at;
    }
    const isUnsigned = field.type === 'uint32' || field.type === 'fixed32';
    this.#integer(isUnsigned ? 'an integer of 32 bits, not negative' : 'an integer of 32 bits');
    const value = (this.high | 0) * 4294967296 + this.low;
    const fits = isUnsigned ? value >= 0 && value <= 0xffffffff : value === (value | 0);
    if (!fits) this.#refuse('an integer of 32 bits', at < 0 ? scanner.start : at);
    return value;
  }

  /** An integer of 64 bits into `high` and `low`. */
  int64(type: ScalarType): void {
    const isUnsigned = type === 'uint64' || type === 'fixed64';
    const negative = this.#integer('an integer of 64 bits');
    const isZero = this.high === 0 && this.low === 0;
    const fits = isUnsigned ? !negative || isZero : isZero || this.high >>> 31 === Number(negative);
    if (!fits) this.#refuse('an integer in the range of its type', this.#scanner.start);
  }

  /** Answers whether it is negative. */
  #integer(expected: string): boolean {
    const scanner = this.#scanner;
    const at = scanner.position;
    if (scanner.peek() === QUOTE) scanner.scanString();
    else this.#scanNumber(expected);
    const { bytes, start, end } = scanner;
    const negative = bytes[start] === 0x2d;
    this.high = 0;
    this.low = 0;
    let index = negative ? start + 1 : start;
    if (index === end) this.#refuse(expected, at);
    for (; index < end; index++) {
      const digit = bytes[index]! - 0x30;
      if (digit < 0 || digit > 9) return this.#fraction(expected, at);
      const low = this.low * 10 + digit;
      this.high = this.high * 10 + Math.floor(low / 4294967296);
      this.low = low >>> 0;
      if (this.high > 0xffffffff) this.#refuse('an integer of at most 64 bits', at);
    }
    if (negative) this.#negate(at);
    return negative;
  }

  /** An integer written with a fraction or an exponent, such as 1.0 or 1e3. */
  #fraction(expected: string, at: number): boolean {
    const text = this.#scanner.text();
    const value = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value)) this.#refuse(expected, at);
    const magnitude = Math.abs(value);
    this.high = Math.floor(magnitude / 4294967296);
    this.low = magnitude >>> 0;
    if (value < 0) this.#negate(at);
    return value < 0;
  }

  #negate(at: number): void {
    if (this.high > 0x80000000 || (this.high === 0x80000000 && this.low > 0)) {
      this.#refuse('an integer in the range of its type', at);
    }
    this.high = (~this.high + (this.low === 0 ? 1 : 0)) >>> 0;
    this.low = (~this.low + 1) >>> 0;
  }

  #scanNumber(expected: string): void {
    const byte = this.#scanner.peek();
    if (byte !== 0x2d && (byte < 0x30 || byte > 0x39)) this.#refuse(expected);
    this.#scanner.scanNumber();
  }

  #refuse(expected: string, at = this.#scanner.position): never {
    const { bytes } = this.#scanner;
    const shown = bytes
      .toString('utf8', at, Math.min(bytes.length, at + MAX_SHOWN))
      .split(/[,}\]\n]/)[0];
    return this.#scanner.fail(`expected ${expected}, got ${shown}`, at);
  }
}
