import { FieldCursor } from '../../../wire/cursor.ts';
import { LENGTH_DELIMITED } from '../../../wire/varint.ts';
import { numberOf } from '../walk.ts';

const ID_BYTES = 16;

/** Where the fields stand that sampling needs. One is reused for any number of items. */
export class SampledFields {
  /** Where the 16 bytes of the trace id begin; -1 when there is none or it is all zeros. */
  traceId = -1;
  /** The trace_state field: its tag, its text and its end; -1 when there is none. */
  stateTag = -1;
  stateStart = -1;
  stateEnd = -1;
  /** Where a trace_state field goes that is not there yet. */
  stateAt = -1;
  readonly #cursor = new FieldCursor();

  /**
   * Reads a valid span from `start` to `end`.
   *
   * message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; … }
   */
  readSpan(bytes: Uint8Array, start: number, end: number): void {
    this.traceId = -1;
    this.stateTag = -1;
    this.stateAt = -1;
    let at = start;
    // A cursor of its own, without checks: 18 fields per span make this the cost of sampling.
    while (at < end) {
      const tagStart = at;
      const tag = bytes[at++]!;
      if (tag >= 0x80) {
        const second = bytes[at++]!;
        // slow path: a field number above 2,047, or a tag that is longer than it has to be
        if (second === 0 || second >= 0x80) return this.#readSpanSlowly(bytes, start, end);
      }
      const wireType = tag & 7;
      if (wireType === 2) {
        let length = bytes[at++]!;
        if (length >= 0x80) {
          length = (length & 0x7f) | (bytes[at]! << 7);
          // slow path: 16 KiB and more
          if (bytes[at++]! >= 0x80) return this.#readSpanSlowly(bytes, start, end);
        }
        if (tag === 0x0a) this.traceId = length === ID_BYTES ? at : -1;
        else if (tag === 0x1a) this.#state(tagStart, at, at + length);
        at += length;
      } else if (wireType === 0) at = behindVarint(bytes, at);
      else if (wireType === 1) at += 8;
      else if (wireType === 5) at += 4;
      else return this.#readSpanSlowly(bytes, start, end);
      if (tag > 0x1a && this.stateAt < 0) this.stateAt = tagStart;
    }
    if (this.stateAt < 0) this.stateAt = end;
    if (this.traceId >= 0 && isZero(bytes, this.traceId)) this.traceId = -1;
  }

  #state(tag: number, start: number, end: number): void {
    this.stateTag = tag;
    this.stateStart = start;
    this.stateEnd = end;
  }

  #readSpanSlowly(bytes: Uint8Array, start: number, end: number): void {
    this.traceId = -1;
    this.stateTag = -1;
    this.stateAt = start;
    const cursor = this.#cursor.enter(bytes, start, end);
    while (cursor.next()) {
      if (cursor.wireType !== LENGTH_DELIMITED) continue;
      if (cursor.number === TRACE_ID) this.#id(bytes, cursor);
      else if (cursor.number === TRACE_STATE) {
        this.#state(cursor.tagStart, cursor.start, cursor.end);
      }
    }
  }

  /**
   * Reads a valid log record: of it, only the trace id.
   *
   * message LogRecord { … repeated KeyValue attributes = 6; … bytes trace_id = 9; … }
   */
  readLogRecord(bytes: Uint8Array, start: number, end: number): void {
    this.traceId = -1;
    const cursor = this.#cursor.enter(bytes, start, end);
    while (cursor.next()) {
      const isId = cursor.number === LOG_TRACE_ID && cursor.wireType === LENGTH_DELIMITED;
      if (isId) this.#id(bytes, cursor);
    }
  }

  #id(bytes: Uint8Array, { start, end }: FieldCursor): void {
    this.traceId = end - start === ID_BYTES && !isZero(bytes, start) ? start : -1;
  }
}

const TRACE_ID = numberOf('Span', 'trace_id');
const TRACE_STATE = numberOf('Span', 'trace_state');
const LOG_TRACE_ID = numberOf('LogRecord', 'trace_id');

function behindVarint(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at]! >= 0x80) at++;
  return at + 1;
}

function isZero(bytes: Uint8Array, start: number): boolean {
  for (let at = start + ID_BYTES - 1; at >= start; at--) if (bytes[at] !== 0) return false;
  return true;
}

/**
 * Says of ranges that ascend whether some bytes occur in them. One search of the runtime over a
 * whole request answers for all its items: where the bytes do not occur, items cost nothing.
 */
export class Occurrences {
  readonly #sought: Uint8Array;
  #bytes = Buffer.alloc(0);
  #next = -1;

  constructor(sought: Uint8Array) {
    this.#sought = sought;
  }

  /** Looks at other bytes from now on; `within` may be asked from their beginning again. */
  begin(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#next = this.#bytes.indexOf(this.#sought);
  }

  /** Whether there are any at all. */
  get any(): boolean {
    return this.#next >= 0;
  }

  /** Whether the bytes occur between `start` and `end`. Starts never go back. */
  within(start: number, end: number): boolean {
    if (this.#next < 0 || this.#next >= end) return false;
    if (this.#next < start) this.#next = this.#bytes.indexOf(this.#sought, start);
    return this.#next >= 0 && this.#next < end;
  }
}
