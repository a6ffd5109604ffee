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
  readonly owner: number;
  readonly key: DataView;
  readonly value: V;
}

/** What an entry takes beside the bytes of its key: two objects, a buffer, its place in the list. */
export const ENTRY_BYTES = 400;

/** A segment is small, so that its table grows, and is tidied, in a few milliseconds. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
const MAX_SEGMENTS = 4096;

/**
 * Remembers something about label sets, keyed by their raw bytes and bounded in bytes; the
 * least recently used go first. A hash finds the entry and a comparison of all bytes decides.
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
  #view: DataView = new DataView(NOTHING.buffer);
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
   * another owner, a number of 32 bits, are other labels.
   */
  // oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
  get(bytes: Uint8Array, start: number, end: number, owner = 0): V | undefined {
    const hash = this.#hash(bytes, start, end, owner);
    const entry = this.#segmentOf(hash).get(hash);
    if (entry?.owner === owner) {
      const { key, value } = entry;
      const length = end - start;
      if (key.byteLength === length && areWordsEqual(key, 0, this.#view, start, length)) {
        this.hits++;
        return value;
      }
    }
    this.misses++;
    return undefined;
  }

  /** Remembers `value`; the bytes of the labels are copied. Too large an entry is not kept. */
  // oxlint-disable-next-line max-params -- the range of `get` and what to remember of it
  set(bytes: Uint8Array, start: number, end: number, value: V, owner = 0): void {
    const hash = this.#hash(bytes, start, end, owner);
    const key = new Uint8Array(end - start);
    copyRange(key, 0, bytes, [start, end]);
    this.#segmentOf(hash).set(hash, { owner, key: new DataView(key.buffer), value });
  }

  // oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
  #hash(bytes: Uint8Array, start: number, end: number, owner: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return hashWords(this.#view, start, end, this.#seed ^ Math.imul(owner, OWNER_MIX));
  }

  #segmentOf(hash: number): LRUCache<number, Entry<V>> {
    return this.#segments[hash & (this.#segments.length - 1)]!;
  }

  #segment(maxSize: number): LRUCache<number, Entry<V>> {
    return new LRUCache<number, Entry<V>>({
      maxSize,
      sizeCalculation: ({ key, value }) => ENTRY_BYTES + key.byteLength + this.#valueBytes(value),
      dispose: (_entry, _hash, reason) => {
        if (reason === 'evict') this.#evictions++;
      },
    });
  }
}

/** Spreads the numbers of owners over the seeds. */
const OWNER_MIX = 0x9e3779b1;

const NOTHING = new Uint8Array(0);
