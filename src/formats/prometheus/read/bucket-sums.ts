import { WireError } from '../../../wire/error.ts';
import { readUint64 } from '../../../wire/varint.ts';

/** The buckets of one side of a native histogram, positive or negative, and their spans. */
export class BucketSums {
  #spans = 0;
  #spanBuckets = 0;
  #reach = 0;
  #hasBadOffset = false;
  #hasNegativeFirst = false;
  #deltas = 0;
  #counts = 0;
  #hasNegativeDelta = false;
  #hasNegativeCount = false;
  // The sums stay in doubles as long as they are exact.
  #running = 0;
  #sum = 0;
  #exact = true;
  #bigRunning = 0n;
  #bigSum = 0n;

  clear(): void {
    this.#spans = 0;
    this.#spanBuckets = 0;
    this.#reach = 0;
    this.#hasBadOffset = false;
    this.#hasNegativeFirst = false;
    this.#deltas = 0;
    this.#counts = 0;
    this.#hasNegativeDelta = false;
    this.#hasNegativeCount = false;
    this.#running = 0;
    this.#sum = 0;
    this.#exact = true;
    this.#bigRunning = 0n;
    this.#bigSum = 0n;
  }

  /** No spans and no buckets. */
  get isEmpty(): boolean {
    return this.#spans === 0 && this.#deltas === 0 && this.#counts === 0;
  }

  /** How far the spans reach, gaps included. */
  get reach(): number {
    return this.#reach;
  }

  /** Sum of the counts of the integer buckets. */
  get total(): bigint {
    return this.#exact ? BigInt(this.#sum) : this.#bigSum;
  }

  addSpan(offset: number, length: number): void {
    if (offset < 0 && this.#spans > 0) this.#hasBadOffset = true;
    if (offset < 0 && this.#spans === 0) this.#hasNegativeFirst = true;
    this.#spans++;
    this.#spanBuckets += length;
    this.#reach += offset + length;
  }

  addCount(count: number): void {
    this.#counts++;
    if (count < 0) this.#hasNegativeCount = true;
  }

  /** Zigzag varints from `start` to `end`: each is the difference to the bucket before. */
  addDeltas(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const first = at;
      let low = 0;
      let shift = 0;
      for (; at < end && bytes[at]! >= 0x80; at++, shift += 7)
        if (shift < 28) low |= (bytes[at]! & 0x7f) << shift;
      if (at >= end) throw new WireError('truncated', first);
      if (shift > 63 || (shift === 63 && bytes[at]! > 1))
        throw new WireError('overlong varint', first);
      // fast path: up to four bytes
      if (shift < 28) {
        low |= bytes[at]! << shift;
        this.#add((low >>> 1) ^ -(low & 1));
      } else this.#addBig(readUint64(bytes, first));
      at++;
    }
  }

  /** Whether an integer or a floating-point bucket has less than nothing in it. */
  hasNegative(isFloat: boolean): boolean {
    return isFloat ? this.#hasNegativeCount : this.#hasNegativeDelta;
  }

  /** What is wrong with the spans, as a clause; empty when nothing is. */
  spanProblem(isFloat: boolean, custom: boolean): string {
    if (this.#hasBadOffset || (custom && this.#hasNegativeFirst))
      return 'has a span with a negative offset';
    const buckets = isFloat ? this.#counts : this.#deltas;
    return this.#spanBuckets === buckets
      ? ''
      : `has ${buckets} buckets and spans for ${this.#spanBuckets}`;
  }

  #add(delta: number): void {
    this.#deltas++;
    if (this.#exact) {
      const [running, sum] = [this.#running + delta, this.#sum + this.#running + delta];
      if (running < 0) this.#hasNegativeDelta = true;
      if (Number.isSafeInteger(sum)) {
        this.#running = running;
        this.#sum = sum;
        return;
      }
      this.#goBig();
    }
    this.#addExactly(BigInt(delta));
  }

  #addBig(zigzag: bigint): void {
    this.#deltas++;
    if (this.#exact) this.#goBig();
    this.#addExactly((zigzag >> 1n) ^ -(zigzag & 1n));
  }

  #goBig(): void {
    this.#exact = false;
    this.#bigRunning = BigInt(this.#running);
    this.#bigSum = BigInt(this.#sum);
  }

  #addExactly(delta: bigint): void {
    this.#bigRunning += delta;
    this.#bigSum += this.#bigRunning;
    if (this.#bigRunning < 0n) this.#hasNegativeDelta = true;
  }
}
