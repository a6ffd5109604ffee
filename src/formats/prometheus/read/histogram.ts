import { FieldCursor } from '../../../wire/cursor.ts';
import { WireError } from '../../../wire/error.ts';
import { FIXED64, LENGTH_DELIMITED, readUint32, readUint64, VARINT } from '../../../wire/varint.ts';
import { BucketSums } from './bucket-sums.ts';
import type { Fault } from './fault.ts';

// message Histogram {
//   oneof count { uint64 count_int = 1; double count_float = 2; }
//   double sum = 3; sint32 schema = 4; double zero_threshold = 5;
//   oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
//   repeated BucketSpan negative_spans = 8;
//   repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
//   repeated BucketSpan positive_spans = 11;
//   repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
//   ResetHint reset_hint = 14; int64 timestamp = 15;
//   repeated double custom_values = 16; int64 start_timestamp = 17;
// }
// message BucketSpan { sint32 offset = 1; uint32 length = 2; }

const CUSTOM_BUCKETS = -53;
const MIN_SCHEMA = -4;
const MAX_SCHEMA = 8;

/** Wire type of each field outside packed lists, by its number. */
const WIRE_TYPES: readonly number[] = [
  -1,
  VARINT,
  FIXED64,
  FIXED64,
  VARINT,
  FIXED64,
  VARINT,
  FIXED64,
  LENGTH_DELIMITED,
  VARINT,
  FIXED64,
  LENGTH_DELIMITED,
  VARINT,
  FIXED64,
  VARINT,
  VARINT,
  FIXED64,
  VARINT,
];

/** Numbers of the lists that may be packed. */
const LISTS: ReadonlySet<number> = new Set([9, 10, 12, 13, 16]);

/**
 * Checks native histograms by the rules of Prometheus. Numbers are compared here and never
 * written: the bytes of a sound histogram go on as they are.
 */
export class HistogramCheck {
  /** Whether the histogram checked last has a start timestamp other than 0. */
  hasStart = false;
  readonly #fields = new FieldCursor();
  readonly #span = new FieldCursor();
  readonly #positive = new BucketSums();
  readonly #negative = new BucketSums();
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #isFloat = false;
  #count = 0n;
  #zeroCount = 0n;
  #zeroIsZero = true;
  #sumIsNaN = false;
  #isStale = false;
  #schema = 0;
  #zeroThreshold = 0;
  #bounds = 0;
  #lastBound = -Infinity;
  #boundsFault = '';

  /** Says which bytes the histograms are in. */
  enter(bytes: Uint8Array, view: DataView): void {
    this.#bytes = bytes;
    this.#view = view;
  }

  /** What is wrong with the histogram; throws `WireError` when it is not one at all. */
  faultOf(start: number, end: number): Fault | undefined {
    this.#clear();
    this.#read(start, end);
    const problem = this.#isStale ? '' : this.#problem();
    return problem === ''
      ? undefined
      : { reason: 'invalid_histogram', message: `a native histogram ${problem}` };
  }

  #clear(): void {
    this.#positive.clear();
    this.#negative.clear();
    this.hasStart = false;
    this.#isFloat = false;
    this.#count = 0n;
    this.#zeroCount = 0n;
    this.#zeroIsZero = true;
    this.#sumIsNaN = false;
    this.#isStale = false;
    this.#schema = 0;
    this.#zeroThreshold = 0;
    this.#bounds = 0;
    this.#lastBound = -Infinity;
    this.#boundsFault = '';
  }

  #read(start: number, end: number): void {
    const fields = this.#fields.enter(this.#bytes, start, end);
    while (fields.next()) {
      const { number, wireType } = fields;
      const wanted = WIRE_TYPES[number] ?? -1;
      if (wanted < 0) continue;
      const packed = wireType === LENGTH_DELIMITED && wanted !== wireType;
      if (wireType !== wanted && !(packed && LISTS.has(number)))
        throw new WireError('wrong wire type', fields.tagStart);
      if (packed && wanted === FIXED64 && (fields.end - fields.start) % 8 !== 0)
        throw new WireError('truncated', fields.tagStart);
      if (number >= 8 && number <= 13) this.#buckets(number, fields.start, fields.end);
      else this.#value(number, fields.start, fields.end);
    }
  }

  #buckets(number: number, start: number, end: number): void {
    const side = number <= 10 ? this.#negative : this.#positive;
    if (number === 8 || number === 11) this.#spanOf(side, start, end);
    else if (number === 9 || number === 12) side.addDeltas(this.#bytes, start, end);
    else for (let at = start; at < end; at += 8) side.addCount(this.#view.getFloat64(at, true));
  }

  #spanOf(side: BucketSums, start: number, end: number): void {
    let offset = 0;
    let length = 0;
    const span = this.#span.enter(this.#bytes, start, end);
    while (span.next()) {
      if (span.number > 2) continue;
      if (span.wireType !== VARINT) throw new WireError('wrong wire type', span.tagStart);
      const value = readUint32(this.#bytes, span.start);
      if (span.number === 1) offset = (value >>> 1) ^ -(value & 1);
      else length = value;
    }
    side.addSpan(offset, length);
  }

  #value(number: number, start: number, end: number): void {
    switch (number) {
      case 1:
        this.#count = readUint64(this.#bytes, start);
        this.#isFloat = false;
        return;
      case 2:
        this.#isFloat = true;
        return;
      case 3:
        this.#readSum(start);
        return;
      case 4: {
        const value = readUint32(this.#bytes, start);
        this.#schema = (value >>> 1) ^ -(value & 1);
        return;
      }
      case 5:
        this.#zeroThreshold = this.#view.getFloat64(start, true);
        return;
      case 6:
        this.#zeroCount = readUint64(this.#bytes, start);
        this.#zeroIsZero = this.#zeroCount === 0n;
        return;
      case 7:
        this.#zeroCount = 0n;
        this.#zeroIsZero = this.#view.getFloat64(start, true) === 0;
        return;
      case 16:
        for (let at = start; at < end; at += 8) this.#bound(this.#view.getFloat64(at, true));
        return;
      case 17:
        this.hasStart = readUint64(this.#bytes, start) !== 0n;
    }
  }

  #readSum(at: number): void {
    const sum = this.#view.getFloat64(at, true);
    this.#sumIsNaN = sum !== sum;
    // The bits of the stale marker, 0x7ff0000000000002.
    this.#isStale =
      this.#view.getUint32(at, true) === 2 && this.#view.getUint32(at + 4, true) === 0x7ff00000;
  }

  #bound(value: number): void {
    this.#bounds++;
    if (value !== value) this.#boundsFault = 'has a custom bound that is not a number';
    else if (value <= this.#lastBound) this.#boundsFault = 'has custom bounds out of order';
    this.#lastBound = value;
  }

  /** The first rule that is broken, as a clause; empty when none is. */
  #problem(): string {
    const schema = this.#schema;
    if (schema === CUSTOM_BUCKETS) return this.#customProblem() || this.#countProblem();
    if (schema < MIN_SCHEMA || schema > MAX_SCHEMA)
      return `has schema ${schema}; send one from ${MIN_SCHEMA} to ${MAX_SCHEMA}, or ${CUSTOM_BUCKETS}`;
    if (this.#bounds > 0) return 'of an exponential schema has custom bounds';
    return (
      this.#positive.spanProblem(this.#isFloat, false) ||
      this.#negative.spanProblem(this.#isFloat, false) ||
      this.#countProblem()
    );
  }

  #customProblem(): string {
    if (this.#boundsFault !== '') return this.#boundsFault;
    if (this.#lastBound === Infinity && this.#bounds > 0)
      return 'has +Inf as its last custom bound, which is implied';
    if (!this.#zeroIsZero) return 'with custom bounds has a zero bucket';
    if (this.#zeroThreshold !== 0) return 'with custom bounds has a zero threshold';
    if (!this.#negative.isEmpty) return 'with custom bounds has negative buckets';
    if (this.#positive.reach > this.#bounds + 1) return 'has more buckets than custom bounds';
    return this.#positive.spanProblem(this.#isFloat, true);
  }

  #countProblem(): string {
    const [positive, negative] = [this.#positive, this.#negative];
    if (positive.hasNegative(this.#isFloat) || negative.hasNegative(this.#isFloat))
      return 'has a bucket with a negative count';
    // Sums of floating-point counts are inexact: nobody compares them.
    if (this.#isFloat) return '';
    const sum = positive.total + negative.total + this.#zeroCount;
    const isRight = this.#sumIsNaN ? sum <= this.#count : sum === this.#count;
    return isRight ? '' : `has count ${this.#count} and ${sum} in its buckets`;
  }
}
