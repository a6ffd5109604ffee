import type { Bits56 } from './threshold.ts';

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;
const BUCKETS = 0x4000;

/**
 * The hash by which the Collector's `hash_seed` mode decides: FNV-1a of 32 bits over the seed,
 * little-endian, and the id; the low 14 bits are the bucket. The same seed and share keep the
 * same ids here and there.
 */
export class SeededHash {
  readonly #start: number;

  /** `seed` is an unsigned integer of 32 bits. */
  constructor(seed: number) {
    let hash = OFFSET;
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((seed >>> shift) & 0xff), PRIME);
    }
    this.#start = hash;
  }

  /** The bucket of the bytes from `start` to `end`: 0 to 16,383. */
  bucket(bytes: Uint8Array, start: number, end: number): number {
    return this.#hash(bytes, start, end) & (BUCKETS - 1);
  }

  /** The same hash as randomness: it passes the threshold of a share when its bucket is below. */
  randomness(bytes: Uint8Array, [start, end]: readonly [number, number], into: Bits56): void {
    const hash = this.#hash(bytes, start, end);
    const bucket = hash & (BUCKETS - 1);
    // 14 bits that decide, 28 of the 18 that are left, mixed, and the bucket once more.
    const rest = hash >>> 18;
    const mixed = rest ^ (rest << 10);
    into.high = ((BUCKETS - 1 - bucket) << 14) | (mixed >>> 14);
    into.low = ((mixed & (BUCKETS - 1)) << 14) | bucket;
  }

  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, PRIME);
    return hash;
  }
}

/**
 * How many of the 16,384 buckets a percentage keeps. Single precision and cut off, as the
 * Collector does it, so that the same file keeps the same ids; 0 for very small ones.
 */
export function bucketsFor(percentage: number): number {
  const single = Math.fround(Math.min(100, percentage));
  return Math.trunc(Math.fround(single * Math.fround(BUCKETS / 100)));
}

/** How many items one stands for that was kept by `buckets`, at least 1 of them. */
export function adjustedCountOf(buckets: number): number {
  return BUCKETS / buckets;
}
