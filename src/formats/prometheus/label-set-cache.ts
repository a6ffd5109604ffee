import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { copyRange } from '../../wire/splice.ts';
import { areWordsEqual, hashWords } from './ranges.ts';

/** What a cache is bounded by. */
export interface LabelSetCacheOptions<V> {
  /** Of keys, values and their bookkeeping. */
  readonly maxBytes: number;
  /** Bytes a value takes beyond its entry; 0 when absent. */
  readonly valueBytes?: (value: V) => number;
}

interface Entry<V> {
  /** `NOBODY` once the entry is no longer held. */
  owner: number;
  key: DataView;
  value: V | undefined;
  /** What was asked for after this the last time. */
  next: Entry<V> | undefined;
  uses: number;
}

/** What an entry takes beside the bytes of its key: two objects, a buffer, its place in the list. */
export const ENTRY_BYTES = 400;

/** A segment is small, so that its table grows, and is tidied, in a few milliseconds. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
const MAX_SEGMENTS = 4096;

/** Of so many uses one counts for the order in which entries go; a power of two. */
const USES_PER_TOUCH = 16;

/**
 * Remembers something about label sets, keyed by their raw bytes and bounded in bytes; the
 * least recently used go first, or nearly so. A hash finds the entry and a comparison of all bytes
 * decides. Series come in the same order again and again, so the one that followed the last time
 * is compared first, without a hash.
 *
 * There is one entry per hash: of two label sets with the same hash the later takes the place of
 * the other, which costs a miss and is never wrong.
 */
export class LabelSetCache<V> {
  /** Since the beginning. */
  hits = 0;
  misses = 0;
  readonly #segments: readonly LRUCache<number, Entry<V>>[];
  readonly #valueBytes: (value: V) => number;
  readonly #seed = randomInt(2 ** 31);
  // The bytes asked about last, which the next question is about, too, more often than not.
  #bytes: Uint8Array = NOTHING;
  #view: DataView = NO_KEY;
  #last: Entry<V> | undefined;
  #evictions = 0;

  constructor({ maxBytes, valueBytes = () => 0 }: LabelSetCacheOptions<V>) {
    this.#valueBytes = valueBytes;
    let count = 1;
    while (count < MAX_SEGMENTS && maxBytes / count > SEGMENT_BYTES) count *= 2;
    const maxSize = Math.max(1, Math.floor(maxBytes / count));
    this.#segments = Array.from({ length: count }, () => this.#segment(maxSize));
  }

  /** Bytes held, never more than `maxBytes`. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.calculatedSize;
    return bytes;
  }

  /** Label sets held. */
  get size(): number {
    let size = 0;
    for (const segment of this.#segments) size += segment.size;
    return size;
  }

  /** Label sets that went to make room. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * What is known of the labels from `start` to `end`; counts a hit or a miss. The same bytes of
   * another owner, a number of 0 or more, are other labels.
   */
  // oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
  get(bytes: Uint8Array, start: number, end: number, owner = 0): V | undefined {
    this.#look(bytes);
    const length = end - start;
    const next = this.#last?.next;
    if (next !== undefined && this.#isKey(next, start, length, owner)) {
      // The first use of many goes the long way, and moves the entry to the front.
      if ((++next.uses & (USES_PER_TOUCH - 1)) !== 0) {
        this.#last = next;
        this.hits++;
        return next.value;
      }
    }
    const hash = this.#hash(start, end, owner);
    const entry = this.#segmentOf(hash).get(hash);
    if (entry === undefined || !this.#isKey(entry, start, length, owner)) {
      this.#last = undefined;
      this.misses++;
      return undefined;
    }
    if (this.#last !== undefined) this.#last.next = entry;
    this.#last = entry;
    this.hits++;
    return entry.value;
  }

  /** Remembers `value`; the bytes of the labels are copied. Too large an entry is not kept. */
  // oxlint-disable-next-line max-params -- the range of `get` and what to remember of it
  set(bytes: Uint8Array, start: number, end: number, value: V, owner = 0): void {
    this.#look(bytes);
    const hash = this.#hash(start, end, owner);
    const copy = new Uint8Array(end - start);
    copyRange(copy, 0, bytes, [start, end]);
    const key = new DataView(copy.buffer);
    this.#segmentOf(hash).set(hash, { owner, key, value, next: undefined, uses: 0 });
  }

  #look(bytes: Uint8Array): void {
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #hash(start: number, end: number, owner: number): number {
    return hashWords(this.#view, start, end, this.#seed ^ Math.imul(owner, OWNER_MIX));
  }

  // oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
  #isKey(entry: Entry<V>, start: number, length: number, owner: number): boolean {
    const { key } = entry;
    return (
      entry.owner === owner &&
      key.byteLength === length &&
      areWordsEqual(key, 0, this.#view, start, length)
    );
  }

  #segmentOf(hash: number): LRUCache<number, Entry<V>> {
    return this.#segments[hash & (this.#segments.length - 1)]!;
  }

  #segment(maxSize: number): LRUCache<number, Entry<V>> {
    return new LRUCache<number, Entry<V>>({
      maxSize,
      sizeCalculation: ({ key, value }) => ENTRY_BYTES + key.byteLength + this.#valueBytes(value!),
      dispose: (entry, _hash, reason) => {
        if (reason === 'evict') this.#evictions++;
        // The entry in front still points here, and must not keep anything from being collected.
        entry.owner = NOBODY;
        entry.key = NO_KEY;
        entry.value = undefined;
        entry.next = undefined;
      },
    });
  }
}

/** Spreads the numbers of owners over the seeds. */
const OWNER_MIX = 0x9e3779b1;

const NOBODY = -1;
const NOTHING = new Uint8Array(0);
const NO_KEY = new DataView(NOTHING.buffer);
