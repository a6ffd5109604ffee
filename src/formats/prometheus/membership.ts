import { areEqual, hashRange } from './ranges.ts';
import { LabelCursor } from './walk.ts';

/** What a series is in its family. Series of classic histograms and summaries are several. */
export const MEMBER = { bucket: 0, sum: 1, count: 2, quantile: 3, plain: 4 } as const;

/** One of `MEMBER`. */
export type Member = (typeof MEMBER)[keyof typeof MEMBER];

const BUCKET = Buffer.from('_bucket');
const SUM = Buffer.from('_sum');
const COUNT = Buffer.from('_count');
const NAME = Buffer.from('__name__');
const LE = Buffer.from('le');
const QUANTILE = Buffer.from('quantile');
const NO_BOUND = Buffer.alloc(0);
const MIX = 0x85ebca6b;
/** The same in every thread and every run: all must agree on where a group belongs. */
const SEED = 0x5e12e5;

/**
 * What the labels of a series say of its place among others: `http_bucket{code="2",le="1"}`,
 * `http_sum{code="2"}` and `http_count{code="2"}` are one group of `http`. It goes by names
 * alone: a gauge that is called `open_count` is the count of `open`, whoever that may be.
 */
export class Membership {
  member: Member = MEMBER.plain;
  /** The value of `__name__`. */
  nameStart = 0;
  nameEnd = 0;
  /** Where its part that all members have in common ends. */
  stemEnd = 0;
  /** The value of `le` of a bucket, or of `quantile`; empty in others. */
  boundStart = 0;
  boundEnd = 0;
  /** Of the group: of the stem and of the labels that its members have in common. */
  hash = 0;
  readonly #labels = new LabelCursor();

  /** Reads the labels of a valid series of the form. */
  read(bytes: Uint8Array, start: number, labelsEnd: number): this {
    this.#reset();
    const labels = this.#labels.enter(bytes, start, labelsEnd);
    let hash = 0;
    while (labels.next()) {
      const { tagStart, nameStart, nameEnd, valueStart, valueEnd } = labels;
      if (is(NAME, bytes, nameStart, nameEnd)) this.#name(bytes, valueStart, valueEnd);
      else if (this.#isBound(bytes, nameStart, nameEnd)) {
        if (this.member === MEMBER.sum || this.member === MEMBER.count) continue;
        if (this.member === MEMBER.plain) this.member = MEMBER.quantile;
        this.boundStart = valueStart;
        this.boundEnd = valueEnd;
      } else hash = mixed(hash, hashRange(bytes, tagStart, valueEnd, SEED));
    }
    if (this.member === MEMBER.bucket && this.boundEnd === 0) this.member = MEMBER.plain;
    if (this.member === MEMBER.plain) this.stemEnd = this.nameEnd;
    this.hash = finished(mixed(hash, hashRange(bytes, this.nameStart, this.stemEnd, SEED)));
    return this;
  }

  #reset(): void {
    this.member = MEMBER.plain;
    this.boundStart = 0;
    this.boundEnd = 0;
  }

  #name(bytes: Uint8Array, start: number, end: number): void {
    this.nameStart = start;
    this.nameEnd = end;
    this.stemEnd = end;
    if (this.#endsIn(COUNT, bytes)) this.member = MEMBER.count;
    else if (this.#endsIn(SUM, bytes)) this.member = MEMBER.sum;
    else if (this.#endsIn(BUCKET, bytes)) this.member = MEMBER.bucket;
  }

  /** A stem is never empty. */
  #endsIn(suffix: Uint8Array, bytes: Uint8Array): boolean {
    const { nameStart, nameEnd } = this;
    const at = nameEnd - suffix.length;
    if (at <= nameStart || !areEqual(suffix, 0, bytes, at, suffix.length)) return false;
    this.stemEnd = at;
    return true;
  }

  /** These two stand behind `__name__`, as labels are sorted. */
  #isBound(bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.member === MEMBER.plain ? QUANTILE : boundNameOf(this.member);
    return is(name, bytes, start, end);
  }
}

/** The label in which members of a group may differ; empty where there is none. */
export function boundNameOf(member: Member): Uint8Array {
  if (member === MEMBER.plain) return NO_BOUND;
  return member === MEMBER.quantile ? QUANTILE : LE;
}

// oxlint-disable-next-line max-params -- one call per label: an object would be an allocation
function is(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === name.length && areEqual(name, 0, bytes, start, name.length);
}

function mixed(hash: number, more: number): number {
  return Math.imul(hash ^ more, MIX) ^ (hash >>> 15);
}

/** Every bit depends on all of them. */
function finished(hash: number): number {
  const mixedOnce = Math.imul(hash ^ (hash >>> 16), MIX);
  return mixedOnce ^ (mixedOnce >>> 13);
}
