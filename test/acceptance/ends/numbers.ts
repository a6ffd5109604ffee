import { ageMs, MARK } from '../../../bench/load/payload.ts';

/** From one number up to but not including another. */
export type Range = readonly [number, number];

const PAGE = 1 << 16;
const MARK_BYTES = Buffer.alloc(4);
MARK_BYTES.writeUInt32BE(MARK);

/** A numbered item that was found in a request. */
export interface Found {
  readonly number: number;
  /** Milliseconds since it was stamped. */
  readonly ageMs: number;
}

/** All numbered items of an uncompressed request. */
export function numbersIn(body: Buffer, nowMs: number): Found[] {
  const found: Found[] = [];
  for (let at = body.indexOf(MARK_BYTES); at >= 0; at = body.indexOf(MARK_BYTES, at + 16)) {
    const number = body.readUInt32BE(at + 8) * 2 ** 32 + body.readUInt32BE(at + 12);
    found.push({ number, ageMs: ageMs(body.readUInt32BE(at + 4), nowMs) });
  }
  return found;
}

/** How often each number came. */
export class Numbers {
  distinct = 0;
  duplicates = 0;
  readonly #pages = new Map<number, Uint8Array>();

  add(number: number): void {
    const index = Math.floor(number / PAGE);
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE);
      this.#pages.set(index, page);
    }
    const times = page[number % PAGE] ?? 0;
    if (times === 0) this.distinct += 1;
    else this.duplicates += 1;
    page[number % PAGE] = Math.min(255, times + 1);
  }

  has(number: number): boolean {
    return (this.#pages.get(Math.floor(number / PAGE))?.[number % PAGE] ?? 0) > 0;
  }

  /** How many numbers of the ranges never came. */
  missing(ranges: readonly Range[]): number {
    let missing = 0;
    for (const [from, to] of ranges) {
      for (let number = from; number < to; number += 1) if (!this.has(number)) missing += 1;
    }
    return missing;
  }
}

/** How many numbers the ranges hold. */
export function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}
