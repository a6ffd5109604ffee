import { randomInt } from 'node:crypto';
import type { Bytes } from '../../../contract/batch.ts';
import { copyRange } from '../../../wire/splice.ts';
import { areEqual, hashRange } from '../ranges.ts';
import type { Family } from './families.ts';
import { grown, place, type SeriesMemory, viewOf } from './series-memory.ts';

/** What a key stands for that is not a series. */
export const DROPPED = -1;
export const COMMENT = -2;

const FIRST_KEYS = 64;
const FIRST_BYTES = 4096;
/** Bytes of a key in the arrays and in the half-full table. */
const KEY_BYTES = 44;

/**
 * What the lines of a page begin with: the text that says which series it is, or a whole comment.
 * A line is looked up by its text; `next` says which key followed last time, so that a page like
 * the one before is read by comparing bytes and nothing else.
 */
export class LineKeys {
  count = 0;
  text: Bytes = new Uint8Array(FIRST_BYTES);
  view: DataView = viewOf(this.text);
  start = new Int32Array(FIRST_KEYS);
  end = new Int32Array(FIRST_KEYS);
  /** Index of the series, `DROPPED` or `COMMENT`. */
  series = new Int32Array(FIRST_KEYS);
  /** The key of the line behind it; -1 when there was none. */
  next = new Int32Array(FIRST_KEYS);
  /** Version of the family above the line, when `series` was found. */
  version = new Int32Array(FIRST_KEYS);
  /** Number of the scrape that saw it last. */
  seen = new Int32Array(FIRST_KEYS);
  /** Of comments. */
  readonly families: (Family | undefined)[] = [];
  /** The first key of the last page; -1 when there was none. */
  first = -1;

  #memory: SeriesMemory;
  readonly #seed = randomInt(2 ** 31);
  #hashes = new Int32Array(FIRST_KEYS);
  #slots = new Int32Array(2 * FIRST_KEYS);
  #length = 0;
  #charged = 0;

  /** What it takes beyond its first size is charged to `memory`, which may throw `ScrapeError`. */
  constructor(memory: SeriesMemory) {
    this.#memory = memory;
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

  /** The hash of a text, for `find` and `add`. */
  hashOf(page: Uint8Array, start: number, end: number): number {
    return hashRange(page, start, end, this.#seed);
  }

  /** The key with the text from `start` to `end` of a page; -1 when there is none. */
  // oxlint-disable-next-line max-params -- one call per line: an object would be an allocation
  find(page: Uint8Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const length = end - start;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const key = slots[at]! - 1;
      if (key < 0) return -1;
      if (this.#hashes[key] !== hash) continue;
      const from = this.start[key]!;
      if (this.end[key]! - from === length && areEqual(this.text, from, page, start, length))
        return key;
    }
  }

  /** Remembers a text, of which nothing is known yet. */
  // oxlint-disable-next-line max-params -- one call per line: an object would be an allocation
  add(page: Uint8Array, start: number, end: number, hash: number): number {
    const key = this.count;
    if (key === this.start.length) this.#grow();
    const from = this.#length;
    this.#reserve(end - start);
    this.#length = copyRange(this.text, from, page, [start, end]);
    this.start[key] = from;
    this.end[key] = this.#length;
    this.series[key] = DROPPED;
    this.next[key] = -1;
    this.version[key] = -1;
    this.seen[key] = 0;
    this.families[key] = undefined;
    this.count++;
    this.#hashes[key] = hash;
    place(this.#slots, hash, key);
    return key;
  }

  /**
   * Takes over the keys of others that were seen since scrape `since`, in the order of the last
   * page; `move` says what becomes of a series.
   */
  copyFrom(others: LineKeys, since: number, move: (series: number) => number): void {
    const visited = new Uint8Array(others.count);
    let before = -1;
    const copy = (key: number): void => {
      visited[key] = 1;
      if (others.seen[key]! < since) return;
      const [start, end] = [others.start[key]!, others.end[key]!];
      const own = this.add(others.text, start, end, this.hashOf(others.text, start, end));
      const series = others.series[key]!;
      this.series[own] = series < 0 ? series : move(series);
      this.version[own] = others.version[key]!;
      this.seen[own] = others.seen[key]!;
      this.families[own] = others.families[key];
      if (before < 0) this.first = own;
      else this.next[before] = own;
      before = own;
    };
    for (let key = others.first; key >= 0 && visited[key] === 0; key = others.next[key]!) copy(key);
    for (let key = 0; key < others.count; key++) if (visited[key] === 0) copy(key);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.text.length) return;
    const length = Math.max(needed, 2 * this.text.length);
    this.#charge(length - this.text.length);
    const text = new Uint8Array(length);
    text.set(this.text);
    this.text = text;
    this.view = viewOf(text);
  }

  #grow(): void {
    const length = 2 * this.count;
    this.#charge(this.count * KEY_BYTES);
    this.start = grown(this.start, length);
    this.end = grown(this.end, length);
    this.series = grown(this.series, length);
    this.next = grown(this.next, length);
    this.version = grown(this.version, length);
    this.seen = grown(this.seen, length);
    this.#slots = new Int32Array(2 * length);
    this.#hashes = grown(this.#hashes, length);
    for (let key = 0; key < this.count; key++) place(this.#slots, this.#hashes[key]!, key);
  }

  #charge(bytes: number): void {
    this.#memory.take(bytes);
    this.#charged += bytes;
  }
}
