import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { type KeyMark, keyMarkOf } from '../../../wire/item-index.ts';
import { LENGTH_DELIMITED } from '../../../wire/varint.ts';
import { numberOf, type RequestWalk } from '../walk.ts';

const ID_BYTES = 16;
/** Longer keys are never sought by their length. */
const MAX_KEY = 127;
/** The place in a key by which it is told from others of its length. */
const TELLING = 1;
const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;
const NONE = 0;
const ANY = 256;

// message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; … repeated KeyValue attributes = 9; … }
// message LogRecord { … repeated KeyValue attributes = 6; … bytes trace_id = 9; bytes span_id = 10; … }
const NUMBERS = {
  traces: {
    id: numberOf('Span', 'trace_id'),
    attributes: numberOf('Span', 'attributes'),
    state: numberOf('Span', 'trace_state'),
  },
  logs: {
    id: numberOf('LogRecord', 'trace_id'),
    attributes: numberOf('LogRecord', 'attributes'),
    state: NONE,
  },
} as const;

/**
 * Where the fields of a span or a log record stand that sampling needs. One is reused for any
 * number of items. What the index of the items says is believed; without one the item is scanned,
 * which takes 80 ns for a span of 18 fields (bench/micro/sampling.ts).
 */
export class SampledFields {
  /** Where the 16 bytes of the trace id begin; -1 when there is none or it is all zeros. */
  traceId = -1;
  /** The trace_state field: its tag, its text and its end; -1 when there is none. */
  stateTag = -1;
  stateStart = -1;
  stateEnd = -1;
  /** Whether one of the sought attributes may be there; when not, none is. */
  mayHaveSought = false;
  readonly #numbers: (typeof NUMBERS)[keyof typeof NUMBERS];
  readonly #idTag: number;
  readonly #attributesTag: number;
  readonly #stateTag: number;
  // By the length of a key: the byte that a sought one has at its telling place, ANY, or NONE.
  readonly #telling = new Uint16Array(256).fill(ANY, MAX_KEY + 1);
  readonly #marks: readonly KeyMark[];
  readonly #cursor = new FieldCursor();

  /** `sought` are keys of attributes. */
  constructor(signal: keyof typeof NUMBERS, sought: readonly Uint8Array[]) {
    this.#numbers = NUMBERS[signal];
    this.#idTag = this.#numbers.id * 8 + LENGTH_DELIMITED;
    this.#attributesTag = this.#numbers.attributes * 8 + LENGTH_DELIMITED;
    this.#stateTag = this.#numbers.state * 8 + LENGTH_DELIMITED;
    this.#marks = sought.map(keyMarkOf);
    for (const key of sought) {
      if (key.length > MAX_KEY) throw new Error(`bug: a key of ${key.length} bytes is sought`);
      const known = this.#telling[key.length];
      const telling = key[TELLING] ?? ANY;
      this.#telling[key.length] = known === NONE || known === telling ? telling : ANY;
    }
  }

  /** Reads a valid item, on which the index of the walk stands, if it has one. */
  read({ start, end }: FieldRange, { bytes, index }: RequestWalk): void {
    // Marks of keys may be those of others: then the item itself is looked at.
    if (index === undefined || index.mayHave(this.#marks)) return this.#scan(bytes, start, end);
    const { idAt, textAt } = index;
    this.mayHaveSought = false;
    this.traceId = idAt === 0 || isZero(bytes, idAt) ? -1 : idAt;
    this.stateTag = -1;
    if (textAt !== 0) this.#stateFrom(bytes, textAt);
  }

  /** Where a trace_state field goes that is not there yet: before the first field of a higher number. */
  stateAt(bytes: Uint8Array, start: number, end: number): number {
    const cursor = this.#cursor.enter(bytes, start, end);
    while (cursor.next()) if (cursor.number > this.#numbers.state) return cursor.tagStart;
    return end;
  }

  #scan(bytes: Uint8Array, start: number, end: number): void {
    const attributesTag = this.#attributesTag;
    const idTag = this.#idTag;
    const stateTag = this.#stateTag;
    let traceId = -1;
    this.stateTag = -1;
    this.mayHaveSought = false;
    let at = start;
    // A cursor of its own, without checks: its steps are most of what sampling costs.
    while (at < end) {
      const tagStart = at;
      const tag = bytes[at++]!;
      if (tag >= 0x80) {
        const second = bytes[at++]!;
        // slow path: a field number above 2,047, or a tag that is longer than it has to be
        if (second === 0 || second >= 0x80) return this.#readSlowly(bytes, start, end);
      }
      const wireType = tag & 7;
      if (tag === attributesTag) {
        at = this.#readAttributes(bytes, tagStart, end);
        if (at < 0) return this.#readSlowly(bytes, start, end);
      } else if (wireType === LENGTH_DELIMITED) {
        let length = bytes[at++]!;
        if (length >= 0x80) {
          length = (length & 0x7f) | (bytes[at]! << 7);
          // slow path: 16 KiB and more
          if (bytes[at++]! >= 0x80) return this.#readSlowly(bytes, start, end);
        }
        if (tag === idTag) traceId = length === ID_BYTES ? at : -1;
        else if (tag === stateTag) this.#state(tagStart, at, at + length);
        at += length;
      } else if (wireType === 0) {
        while (bytes[at]! >= 0x80) at++;
        at++;
      } else if (wireType === 1) at += 8;
      else if (wireType === 5) at += 4;
      else return this.#readSlowly(bytes, start, end);
    }
    this.traceId = traceId >= 0 && isZero(bytes, traceId) ? -1 : traceId;
  }

  /** Steps over attributes that follow each other; answers the offset behind, -1 to go slowly. */
  #readAttributes(bytes: Uint8Array, start: number, end: number): number {
    const tag = this.#attributesTag;
    const telling = this.#telling;
    let at = start;
    do {
      let length = bytes[at + 1]!;
      at += 2;
      if (length >= 0x80) {
        length = (length & 0x7f) | (bytes[at]! << 7);
        if (bytes[at++]! >= 0x80) return -1;
      }
      const next = at + length;
      // Anything but one key, told by its length, and then one short value is suspect.
      const keyLength = bytes[at + 1]!;
      const value = at + 2 + keyLength;
      const told = telling[keyLength]!;
      if (bytes[value] !== VALUE_TAG || value + 2 + bytes[value + 1]! !== next) {
        if (told !== NONE || !isPair(bytes, at, next)) this.mayHaveSought = true;
      } else if (told !== NONE && (told === ANY || bytes[at + 2 + TELLING] === told)) {
        this.mayHaveSought = true;
      }
      at = next;
    } while (at < end && bytes[at] === tag);
    return at;
  }

  #state(tag: number, start: number, end: number): void {
    this.stateTag = tag;
    this.stateStart = start;
    this.stateEnd = end;
  }

  #stateFrom(bytes: Uint8Array, tagStart: number): void {
    const cursor = this.#cursor.enter(bytes, tagStart);
    cursor.next();
    this.#state(cursor.tagStart, cursor.start, cursor.end);
  }

  #readSlowly(bytes: Uint8Array, start: number, end: number): void {
    this.traceId = -1;
    this.stateTag = -1;
    this.mayHaveSought = true;
    const { id, state } = this.#numbers;
    const cursor = this.#cursor.enter(bytes, start, end);
    while (cursor.next()) {
      if (cursor.wireType !== LENGTH_DELIMITED) continue;
      if (cursor.number === id) {
        const isId = cursor.end - cursor.start === ID_BYTES && !isZero(bytes, cursor.start);
        this.traceId = isId ? cursor.start : -1;
      } else if (cursor.number === state) {
        this.#state(cursor.tagStart, cursor.start, cursor.end);
      }
    }
  }
}

/**
 * Whether an attribute is one key of less than 128 bytes and one value, in this order.
 *
 * message KeyValue { string key = 1; AnyValue value = 2; }
 */
function isPair(bytes: Uint8Array, start: number, end: number): boolean {
  const value = start + 2 + bytes[start + 1]!;
  if (bytes[start] !== KEY_TAG || bytes[start + 1]! > MAX_KEY || value >= end) return false;
  const length = bytes[value + 1]!;
  const isShort = length < 0x80;
  const behind = isShort
    ? value + 2 + length
    : value + 3 + ((length & 0x7f) | (bytes[value + 2]! << 7));
  return bytes[value] === VALUE_TAG && behind === end;
}

function isZero(bytes: Uint8Array, start: number): boolean {
  for (let at = start + ID_BYTES - 1; at >= start; at--) if (bytes[at] !== 0) return false;
  return true;
}
