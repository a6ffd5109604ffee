import { randomInt } from 'node:crypto';
import type { Bytes } from '../../../contract/batch.ts';
import { copyRange } from '../../../wire/splice.ts';
import { sizeOfVarint, writeVarint } from '../../../wire/varint.ts';
import { areEqual, hashRange } from '../ranges.ts';
import { grown, place, type SeriesMemory, viewOf } from './series-memory.ts';

const SERIES_TAG = 0x0a;
const SAMPLE_TAG = 0x12;
const VALUE_TAG = 0x09;
const TIME_TAG = 0x10;
/** A sample: a tag and 8 bytes, a tag and 6 bytes. */
const SAMPLE_BYTES = 16;
/** In front of a value: tag and length of the sample, tag of the value. */
const BEFORE_VALUE = 3;
/** From a value to the end of its sample: 8 bytes, a tag, 6 bytes. */
export const VALUE_AND_TIME = 15;

const FIRST_SERIES = 64;
const FIRST_BYTES = 4096;
/** Bytes of a series in the arrays and in the half-full table. */
const SERIES_BYTES = 38;

/**
 * The series of one target as messages of the form with one sample each. They lie one after the
 * other in the order in which they came first, so that a run of them is copied in one go; value
 * and time are written over.
 *
 * ```
 * start                                    valueAt            end
 *   ▼                                         ▼                ▼
 *   ├ 0a length ┬ labels ┬ 12 10 ┬ 09 value 8 ┼ 10 time ┬ metadata ┤     time: always 6 bytes
 * ```
 */
export class SeriesMessages {
  count = 0;
  bytes: Bytes = new Uint8Array(FIRST_BYTES);
  view: DataView = viewOf(this.bytes);
  start = new Int32Array(FIRST_SERIES);
  end = new Int32Array(FIRST_SERIES);
  valueAt = new Int32Array(FIRST_SERIES);
  /** Number of the scrape that saw it last. */
  seen = new Int32Array(FIRST_SERIES);
  /** 1 when it was sent, and is to be marked as stale once it is gone. */
  live = new Uint8Array(FIRST_SERIES);
  /** 0 when the page says the times of its samples: such a series is never marked as stale. */
  tracked = new Uint8Array(FIRST_SERIES);
  /** Of the last sample, in milliseconds. */
  lastTime = new Float64Array(FIRST_SERIES);
  /** Bytes of messages that were written anew elsewhere. */
  garbage = 0;

  #memory: SeriesMemory;
  readonly #seed = randomInt(2 ** 31);
  #hashes = new Int32Array(FIRST_SERIES);
  #slots = new Int32Array(2 * FIRST_SERIES);
  #length = 0;
  #charged = 0;

  /** What it takes beyond its first size is charged to `memory`, which may throw `ScrapeError`. */
  constructor(memory: SeriesMemory) {
    this.#memory = memory;
  }

  /** Bytes of all messages. */
  get length(): number {
    return this.#length;
  }

  /** Gives its memory back; it is of no use afterwards. */
  release(): void {
    this.#memory.give(this.#charged);
    this.#charged = 0;
  }

  /** Charges another memory from now on; it is smaller than what that gave back before. */
  chargeTo(memory: SeriesMemory): void {
    this.#memory = memory;
    memory.take(this.#charged);
  }

  /** The series with these labels, or a new one; it has that metadata now. */
  of(labels: Uint8Array, metadata: Uint8Array): number {
    const hash = hashRange(labels, 0, labels.length, this.#seed);
    const known = this.#find(labels, hash);
    if (known >= 0) {
      const from = this.valueAt[known]! + VALUE_AND_TIME;
      const length = this.end[known]! - from;
      const isSame = length === metadata.length && areEqual(this.bytes, from, metadata, 0, length);
      if (!isSame) this.#write(known, labels, metadata);
      return known;
    }
    const series = this.count;
    if (series === this.start.length) this.#grow();
    this.start[series] = 0;
    this.end[series] = 0;
    this.#write(series, labels, metadata);
    this.seen[series] = 0;
    this.live[series] = 0;
    this.tracked[series] = 1;
    this.lastTime[series] = -Infinity;
    this.count++;
    this.#hashes[series] = hash;
    place(this.#slots, hash, series);
    return series;
  }

  /** Where the labels of a series begin. */
  labelsStart(series: number): number {
    let at = this.start[series]! + 1;
    while (this.bytes[at]! >= 0x80) at++;
    return at + 1;
  }

  labelsEnd(series: number): number {
    return this.valueAt[series]! - BEFORE_VALUE;
  }

  metadataStart(series: number): number {
    return this.valueAt[series]! + VALUE_AND_TIME;
  }

  /** Takes over a series of others, with all that is known of it. */
  copyFrom(others: SeriesMessages, series: number): number {
    const labels = others.bytes.subarray(others.labelsStart(series), others.labelsEnd(series));
    const metadata = others.bytes.subarray(others.metadataStart(series), others.end[series]);
    const copy = this.of(labels, metadata);
    this.seen[copy] = others.seen[series]!;
    this.live[copy] = others.live[series]!;
    this.tracked[copy] = others.tracked[series]!;
    this.lastTime[copy] = others.lastTime[series]!;
    return copy;
  }

  #find(labels: Uint8Array, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const { length } = labels;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const series = slots[at]! - 1;
      if (series < 0) return -1;
      if (this.#hashes[series] !== hash) continue;
      const from = this.labelsStart(series);
      if (this.labelsEnd(series) - from !== length) continue;
      if (areEqual(this.bytes, from, labels, 0, length)) return series;
    }
  }

  #write(series: number, labels: Uint8Array, metadata: Uint8Array): void {
    const content = labels.length + 2 + SAMPLE_BYTES + metadata.length;
    const from = this.#length;
    this.#reserve(1 + sizeOfVarint(content) + content);
    this.garbage += this.end[series]! - this.start[series]!;
    const { bytes } = this;
    bytes[from] = SERIES_TAG;
    let at = writeVarint(bytes, from + 1, content);
    at = copyRange(bytes, at, labels, [0, labels.length]);
    bytes[at++] = SAMPLE_TAG;
    bytes[at++] = SAMPLE_BYTES;
    bytes[at++] = VALUE_TAG;
    this.valueAt[series] = at;
    bytes[at + 8] = TIME_TAG;
    this.#length = copyRange(bytes, at + VALUE_AND_TIME, metadata, [0, metadata.length]);
    this.start[series] = from;
    this.end[series] = this.#length;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.bytes.length) return;
    const length = Math.max(needed, 2 * this.bytes.length);
    this.#charge(length - this.bytes.length);
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  #grow(): void {
    const length = 2 * this.count;
    this.#charge(this.count * SERIES_BYTES);
    this.start = grown(this.start, length);
    this.end = grown(this.end, length);
    this.valueAt = grown(this.valueAt, length);
    this.seen = grown(this.seen, length);
    const { live, tracked, lastTime } = this;
    this.live = new Uint8Array(length);
    this.live.set(live);
    this.tracked = new Uint8Array(length);
    this.tracked.set(tracked);
    this.lastTime = new Float64Array(length);
    this.lastTime.set(lastTime);
    this.#slots = new Int32Array(2 * length);
    this.#hashes = grown(this.#hashes, length);
    for (let series = 0; series < this.count; series++)
      place(this.#slots, this.#hashes[series]!, series);
  }

  #charge(bytes: number): void {
    this.#memory.take(bytes);
    this.#charged += bytes;
  }
}
