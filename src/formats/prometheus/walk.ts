import { FieldCursor } from '../../wire/cursor.ts';
import { LENGTH_DELIMITED } from '../../wire/varint.ts';
import { REQUEST, SERIES } from './schema.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Walks the series of a chunk in the `prometheus` form. Metadata in between is passed over.
 *
 * ```
 * tagStart  start              labelsEnd                    end
 *    ▼        ▼                    ▼                         ▼
 *    ├tag┬len─┼── labels, sorted ──┼ samples, histograms, … ─┤
 * ```
 */
export class SeriesCursor {
  tagStart = 0;
  start = 0;
  end = 0;
  /** Where the labels end, which begin at `start`. */
  labelsEnd = 0;
  readonly #fields = new FieldCursor();
  #bytes: Uint8Array = NOTHING;

  /** Stands in front of the first series of a valid chunk. */
  enter(chunk: Uint8Array): this {
    this.#bytes = chunk;
    this.#fields.enter(chunk);
    return this;
  }

  /** Steps to the next series. */
  next(): boolean {
    const fields = this.#fields;
    while (fields.next()) {
      if (fields.number !== REQUEST.timeseries) continue;
      this.tagStart = fields.tagStart;
      this.start = fields.start;
      this.end = fields.end;
      this.labelsEnd = endOfLabels(this.#bytes, fields.start, fields.end);
      return true;
    }
    return false;
  }
}

/** message Label { string name = 1; string value = 2; }, both there, in this order. */
const LABEL_TAG = 0x0a;

function endOfLabels(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === LABEL_TAG) {
    let length = bytes[at + 1]!;
    at += 2;
    if (length >= 0x80) {
      length &= 0x7f;
      for (let shift = 7; ; shift += 7) {
        const byte = bytes[at++]!;
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
    }
    at += length;
  }
  return at;
}

/** Walks the labels of a valid series of the form, in their order. */
export class LabelCursor {
  tagStart = 0;
  nameStart = 0;
  nameEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #limit = 0;

  /** `start` and `labelsEnd` of a `SeriesCursor`. */
  enter(bytes: Uint8Array, start: number, labelsEnd: number): this {
    this.#bytes = bytes;
    this.#position = start;
    this.#limit = labelsEnd;
    return this;
  }

  /** Steps to the next label. */
  next(): boolean {
    if (this.#position >= this.#limit) return false;
    this.tagStart = this.#position++;
    this.#length();
    this.#position++;
    const nameLength = this.#length();
    this.nameStart = this.#position;
    this.nameEnd = this.nameStart + nameLength;
    this.#position = this.nameEnd + 1;
    const valueLength = this.#length();
    this.valueStart = this.#position;
    this.valueEnd = this.valueStart + valueLength;
    this.#position = this.valueEnd;
    return true;
  }

  #length(): number {
    const bytes = this.#bytes;
    let value = bytes[this.#position++]!;
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; ; shift += 7) {
      const byte = bytes[this.#position++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

/** Walks the samples of a valid series of the form. Fields that are absent stand at -1: 0. */
export class SampleCursor {
  tagStart = 0;
  start = 0;
  end = 0;
  /** Where the eight bytes of the value are. */
  valueAt = -1;
  /** Where the varints of the times are, int64 milliseconds. */
  timestampAt = -1;
  startTimestampAt = -1;
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  #bytes: Uint8Array = NOTHING;

  /** `labelsEnd` and `end` of a `SeriesCursor`. */
  enter(bytes: Uint8Array, labelsEnd: number, end: number): this {
    this.#bytes = bytes;
    this.#fields.enter(bytes, labelsEnd, end);
    return this;
  }

  /** Steps to the next sample. */
  next(): boolean {
    const fields = this.#fields;
    while (fields.next()) {
      if (fields.number !== SERIES.sample) continue;
      this.tagStart = fields.tagStart;
      this.start = fields.start;
      this.end = fields.end;
      this.#look();
      return true;
    }
    return false;
  }

  #look(): void {
    const inner = this.#inner.enter(this.#bytes, this.start, this.end);
    this.valueAt = -1;
    this.timestampAt = -1;
    this.startTimestampAt = -1;
    while (inner.next()) {
      if (inner.number === 1) this.valueAt = inner.start;
      else if (inner.number === 2) this.timestampAt = inner.start;
      else if (inner.number === 3) this.startTimestampAt = inner.start;
    }
  }
}

/** What a chunk or a request holds. Items of a batch are samples and histograms. */
export interface Counts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  /** Metadata messages, of families and of series. */
  readonly metadata: number;
}

/** Counts a valid chunk of the form. */
export function countChunk(chunk: Uint8Array): Counts {
  const top = new FieldCursor().enter(chunk);
  const inner = new FieldCursor();
  let samples = 0;
  let histograms = 0;
  let exemplars = 0;
  let metadata = 0;
  while (top.next()) {
    if (top.wireType !== LENGTH_DELIMITED) continue;
    if (top.number === REQUEST.metadata) metadata++;
    if (top.number !== REQUEST.timeseries) continue;
    inner.enter(chunk, top.start, top.end);
    while (inner.next()) {
      if (inner.number === SERIES.sample) samples++;
      else if (inner.number === SERIES.histogram) histograms++;
      else if (inner.number === SERIES.exemplar) exemplars++;
      else if (inner.number === SERIES.metadata) metadata++;
    }
  }
  return { samples, histograms, exemplars, metadata };
}
