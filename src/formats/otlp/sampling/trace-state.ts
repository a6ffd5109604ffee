import { copyRange } from '../../../wire/splice.ts';
import { DIGITS, Bits56 } from './threshold.ts';

// tracestate = member *( OWS "," OWS member ); member = key "=" value; at most 32 of them
// ot value   = pair *( ";" pair ); pair = key ":" value; keys [a-z][a-z0-9]*, at most 256 characters
const MAX_MEMBERS = 32;
const MAX_VALUE = 256;
const MAX_KEY = 256;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
const TAG = 0x1a;
const VENDOR = Buffer.from('ot=');
const NAME = Buffer.from('th:');
const [O, T, H, R, V] = [0x6f, 0x74, 0x68, 0x72, 0x76];

/**
 * What a tracestate says about sampling, read on its bytes and written back with another
 * threshold. Members of other vendors, and keys of `ot` besides `th`, are never touched.
 */
export class TraceState {
  /** Not a tracestate at all, or one that says `ot`, `th` or `rv` twice: left as it is. */
  malformed = false;
  hasThreshold = false;
  readonly threshold = new Bits56();
  hasRandomness = false;
  readonly randomness = new Bits56();
  /** Whether `th` or `rv` is there with a value that is none; it counts as absent. */
  invalidThreshold = false;
  invalidRandomness = false;
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  #members = 0;
  // The ot member without its whitespace, and in it the pair of th; -1 when absent.
  #vendorStart = -1;
  #vendorEnd = -1;
  #pairStart = -1;
  #hasPairRandomness = false;

  /** Reads the tracestate from `start` to `end`. The bytes are looked at until the last `write`. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#members = 0;
    this.#vendorStart = -1;
    this.#pairStart = -1;
    this.#hasPairRandomness = false;
    this.hasThreshold = false;
    this.hasRandomness = false;
    this.invalidThreshold = false;
    this.invalidRandomness = false;
    this.malformed = !this.#readMembers();
    if (this.malformed) {
      this.hasThreshold = false;
      this.hasRandomness = false;
    }
  }

  /**
   * The whole trace_state field of a span, tag included, with these digits as `th`; without
   * `th` when there are none, and empty when nothing is left. The `ot` member comes first.
   * Undefined when there is no room for it: the tracestate has to stay as it is.
   */
  write(digits: Uint8Array | undefined): Uint8Array | undefined {
    const isNew = this.#vendorStart < 0;
    if (isNew && digits !== undefined && this.#members >= MAX_MEMBERS) return undefined;
    const field = Buffer.allocUnsafe(this.#end - this.#start + DIGITS + 16);
    const head = 4;
    let at = this.#writeVendor(field, head, digits);
    if (at - head - VENDOR.length > MAX_VALUE) return undefined;
    at = this.#writeOthers(field, at, head);
    if (at === head) return NOTHING;
    return withHead(field, head, at);
  }

  #writeVendor(field: Uint8Array, from: number, digits: Uint8Array | undefined): number {
    let at = copyRange(field, from, VENDOR, [0, VENDOR.length]);
    const body = at;
    if (digits !== undefined && this.#pairStart < 0) at = writePair(field, at, digits);
    if (this.#vendorStart >= 0) {
      const bytes = this.#bytes;
      for (let start = this.#vendorStart + VENDOR.length; start < this.#vendorEnd; ) {
        const end = findByte(bytes, start, this.#vendorEnd, SEMICOLON);
        const isPair = start === this.#pairStart;
        if (!isPair || digits !== undefined) {
          if (at > body) field[at++] = SEMICOLON;
          at = isPair
            ? writePair(field, at, digits ?? NOTHING)
            : copyRange(field, at, bytes, [start, end]);
        }
        start = end + 1;
      }
    }
    return at === body ? from : at;
  }

  #writeOthers(field: Uint8Array, from: number, head: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (let start = this.#start; start < this.#end; ) {
      const comma = findByte(bytes, start, this.#end, COMMA);
      const first = skipSpace(bytes, start, comma);
      const last = trimSpace(bytes, first, comma);
      if (last > first && first !== this.#vendorStart) {
        if (at > head) field[at++] = COMMA;
        at = copyRange(field, at, bytes, [first, last]);
      }
      start = comma + 1;
    }
    return at;
  }

  #readMembers(): boolean {
    const bytes = this.#bytes;
    for (let start = this.#start; start < this.#end; ) {
      const comma = findByte(bytes, start, this.#end, COMMA);
      const first = skipSpace(bytes, start, comma);
      const last = trimSpace(bytes, first, comma);
      start = comma + 1;
      if (first === last) continue;
      if (++this.#members > MAX_MEMBERS || !this.#readMember(first, last)) return false;
    }
    return true;
  }

  #readMember(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const equals = findByte(bytes, start, end, EQUALS);
    if (!isKey(bytes, start, equals) || !isValue(bytes, equals + 1, end)) return false;
    if (equals - start !== 2 || bytes[start] !== O || bytes[start + 1] !== T) return true;
    if (this.#vendorStart >= 0) return false;
    this.#vendorStart = start;
    this.#vendorEnd = end;
    return this.#readPairs(equals + 1, end);
  }

  #readPairs(from: number, limit: number): boolean {
    const bytes = this.#bytes;
    if (bytes[limit - 1] === SEMICOLON) return false;
    for (let start = from; start < limit; ) {
      const end = findByte(bytes, start, limit, SEMICOLON);
      const colon = findByte(bytes, start, end, COLON);
      if (colon === end || !isPairKey(bytes, start, colon)) return false;
      if (!isPairValue(bytes, colon + 1, end)) return false;
      if (colon - start === 2 && !this.#readPair(start, colon + 1, end)) return false;
      start = end + 1;
    }
    return true;
  }

  #readPair(start: number, value: number, end: number): boolean {
    const bytes = this.#bytes;
    if (bytes[start] === T && bytes[start + 1] === H) {
      if (this.#pairStart >= 0) return false;
      this.#pairStart = start;
      this.hasThreshold = this.threshold.readHex(bytes, value, end);
      this.invalidThreshold = !this.hasThreshold;
    } else if (bytes[start] === R && bytes[start + 1] === V) {
      if (this.#hasPairRandomness) return false;
      this.#hasPairRandomness = true;
      this.hasRandomness = end - value === DIGITS && this.randomness.readHex(bytes, value, end);
      this.invalidRandomness = !this.hasRandomness;
    }
    return true;
  }
}

/** The trace_state field of a span that had none, tag included, with these digits as `th`. */
export function newTraceState(digits: Uint8Array): Uint8Array {
  const field = Buffer.alloc(4 + VENDOR.length + NAME.length + DIGITS);
  const body = copyRange(field, 4, VENDOR, [0, VENDOR.length]);
  return withHead(field, 4, writePair(field, body, digits));
}

/** Puts tag and length right in front of what stands from `head` to `end`. */
function withHead(field: Uint8Array, head: number, end: number): Uint8Array {
  const length = end - head;
  const sizes = length < 0x80 ? 1 : length < 0x4000 ? 2 : 3;
  let at = head - sizes;
  field[at - 1] = TAG;
  for (let rest = length; at < head; at++, rest >>>= 7) {
    field[at] = (rest & 0x7f) | (at < head - 1 ? 0x80 : 0);
  }
  return field.subarray(head - sizes - 1, end);
}

function writePair(field: Uint8Array, at: number, digits: Uint8Array): number {
  const behind = copyRange(field, at, NAME, [0, NAME.length]);
  return copyRange(field, behind, digits, [0, digits.length]);
}

/** Where `byte` is first, or `end`. */
function findByte(bytes: Uint8Array, start: number, end: number, byte: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

function trimSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(bytes[at - 1])) at--;
  return at;
}

function isLowerOrDigit(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
}

/** [a-z0-9][a-z0-9_*@/-]*, the loosest of the forms that W3C has given keys. */
function isKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > MAX_KEY || !isLowerOrDigit(bytes[start]!)) return false;
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]!;
    if (!isLowerOrDigit(byte) && !KEY_MARKS.includes(byte)) return false;
  }
  return true;
}

const KEY_MARKS = [...Buffer.from('_-*/@')];

function isValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (end <= start || end - start > MAX_VALUE) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte > 0x7e || byte === EQUALS) return false;
  }
  return true;
}

function isPairKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || bytes[start]! < 0x61) return false;
  for (let at = start; at < end; at++) if (!isLowerOrDigit(bytes[at]!)) return false;
  return true;
}

function isPairValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    const isUpper = byte >= 0x41 && byte <= 0x5a;
    if (!isLowerOrDigit(byte) && !isUpper && !VALUE_MARKS.includes(byte)) return false;
  }
  return true;
}

const VALUE_MARKS = [...Buffer.from('._-')];

const NOTHING: Uint8Array = new Uint8Array(0);
