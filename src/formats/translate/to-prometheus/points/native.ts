import { FieldCursor } from '../../../../wire/cursor.ts';
import {
  LENGTH_DELIMITED,
  readDouble,
  readFixed64,
  readUint32,
  readUint64,
} from '../../../../wire/varint.ts';
import { Writer } from '../../../../wire/writer.ts';
import { STALE_BYTES } from '../../metric-type.ts';
import { packedDoubles, packedZigzag } from '../../packed.ts';
import { exemplarsOf } from './exemplars.ts';
import type { Buckets } from './buckets.ts';
import type { Point } from './point.ts';
import type { Sink, Subject } from './sink.ts';

// message ExponentialHistogramDataPoint { fixed64 count = 4; optional double sum = 5; sint32 scale = 6;
//   fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9; double zero_threshold = 14; … }
// message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
const COUNT = 4;
const SUM = 5;
const SCALE = 6;
const ZERO_COUNT = 7;
const POSITIVE = 8;
const NEGATIVE = 9;
const ZERO_THRESHOLD = 14;

const MIN_SCHEMA = -4;
const MAX_SCHEMA = 8;
const CUSTOM_BUCKETS = -53;
const DEFAULT_ZERO_THRESHOLD = 1e-128;

/** Empty buckets up to this many in a row are written out; a longer row starts a new span. */
const MAX_GAP = 2;

/** Filled buckets of one side by index, ascending. */
type Side = readonly (readonly [index: number, count: bigint])[];

interface Native {
  readonly schema: number;
  readonly count: bigint;
  /** Where the eight bytes of the sum are. */
  readonly sum: Uint8Array;
  readonly zeroThreshold: number;
  readonly zeroCount: bigint;
  readonly positive: Side;
  readonly negative: Side;
  readonly bounds: readonly number[];
}

/** An exponential histogram: one native histogram. */
export function writeExponential(point: Point, subject: Subject, sink: Sink): void {
  const { bytes, at } = point;
  const scale = at[SCALE]! < 0 ? 0 : zigzag(readUint32(bytes, at[SCALE]!));
  if (scale < MIN_SCHEMA) return sink.drop('unsupported_scale', 1);
  const schema = Math.min(scale, MAX_SCHEMA);
  const threshold = at[ZERO_THRESHOLD]! < 0 ? 0 : readDouble(bytes, at[ZERO_THRESHOLD]!);
  const zeroThreshold = threshold > 0 ? threshold : DEFAULT_ZERO_THRESHOLD;
  if (point.isStale) return writeNative(point, { ...STALE, schema, zeroThreshold }, subject, sink);
  if (at[SUM]! < 0) return sink.drop('missing_sum', 1);
  const shift = Math.min(scale - schema, 31);
  const count = at[COUNT]! < 0 ? 0n : readFixed64(bytes, at[COUNT]!);
  const zeroCount = at[ZERO_COUNT]! < 0 ? 0n : readFixed64(bytes, at[ZERO_COUNT]!);
  const positive = sideOf(point, POSITIVE, shift);
  const negative = sideOf(point, NEGATIVE, shift);
  const sum = bytes.subarray(at[SUM]!, at[SUM]! + 8);
  const counted = zeroCount + totalOf(positive) + totalOf(negative);
  const isNaNSum = Number.isNaN(readDouble(bytes, at[SUM]!));
  if (isNaNSum ? counted > count : counted !== count) return sink.drop('invalid_histogram', 1);
  const native = { schema, count, sum, zeroThreshold, zeroCount, positive, negative, bounds: [] };
  writeNative(point, native, subject, sink);
}

/** A histogram with explicit bounds as a native one that keeps them. */
export function writeCustomBuckets(
  point: Point,
  { counts, bounds }: Buckets,
  to: { readonly subject: Subject; readonly sink: Sink; readonly sumAt: number },
): void {
  const { bytes, at } = point;
  const finite = bounds.filter((bound) => bound !== Infinity);
  const native = { schema: CUSTOM_BUCKETS, zeroThreshold: 0, bounds: finite };
  if (point.isStale) {
    writeNative(point, { ...STALE, ...native }, to.subject, to.sink);
    return;
  }
  const count = at[COUNT]! < 0 ? 0n : readFixed64(bytes, at[COUNT]!);
  const all = counts.length === 0 ? [count] : counts;
  const positive = new Map<number, bigint>();
  for (const [index, each] of all.entries()) {
    const bucket = Math.min(index, finite.length);
    positive.set(bucket, (positive.get(bucket) ?? 0n) + each);
  }
  const sum = to.sumAt < 0 ? new Uint8Array(8) : bytes.subarray(to.sumAt, to.sumAt + 8);
  const filled = [...positive].filter(([, each]) => each > 0n);
  writeNative(point, { ...STALE, ...native, count, sum, positive: filled }, to.subject, to.sink);
}

const STALE: Native = {
  schema: 0,
  count: 0n,
  sum: STALE_BYTES,
  zeroThreshold: 0,
  zeroCount: 0n,
  positive: [],
  negative: [],
  bounds: [],
};

/** Buckets by the index of their upper bound, which is one more than that of OTLP, their lower. */
function sideOf({ bytes, at, ends }: Point, number: number, shift: number): Side {
  if (at[number]! < 0) return [];
  const counts: bigint[] = [];
  let offset = 0;
  const fields = new FieldCursor().enter(bytes, at[number], ends[number]);
  while (fields.next()) {
    if (fields.number === 1) offset = zigzag(readUint32(bytes, fields.start));
    if (fields.number !== 2) continue;
    if (fields.wireType !== LENGTH_DELIMITED) {
      counts.push(readUint64(bytes, fields.start));
      continue;
    }
    for (let from = fields.start; from < fields.end; from++) {
      counts.push(readUint64(bytes, from));
      while (bytes[from]! >= 0x80) from++;
    }
  }
  const side = new Map<number, bigint>();
  for (const [index, count] of counts.entries()) {
    if (count === 0n) continue;
    const upper = Math.floor((offset + index) / 2 ** shift) + 1;
    side.set(upper, (side.get(upper) ?? 0n) + count);
  }
  return [...side];
}

function totalOf(side: Side): bigint {
  let total = 0n;
  for (const [, count] of side) total += count;
  return total;
}

// oxlint-disable-next-line max-params -- a point, what it becomes, and where it goes
function writeNative(point: Point, native: Native, subject: Subject, sink: Sink): void {
  const { output } = sink;
  output.begin(subject.set, subject.family.plain);
  const exemplars = point.hasExemplars && !point.isStale ? exemplarsOf(point, sink.names) : [];
  for (const { field } of exemplars) output.output.append(field, 0, field.length);
  const field = encode(point, native);
  output.output.append(field, 0, field.length);
  output.items++;
  output.end(subject.metadata);
}

function encode(point: Point, native: Native): Uint8Array {
  const writer = new Writer().open(4);
  writer.int64(1, native.count);
  writer.raw(SUM_TAG).raw(native.sum);
  writer.sint32(4, native.schema).double(5, native.zeroThreshold).int64(6, native.zeroCount);
  writeSide(writer, native.negative, { spans: 8, deltas: 9 });
  writeSide(writer, native.positive, { spans: 11, deltas: 12 });
  writer.int64(15, BigInt(point.time));
  if (native.bounds.length > 0) writer.bytes(16, packedDoubles(native.bounds));
  if (point.startTime > 0 && !point.isStale) writer.int64(17, BigInt(point.startTime));
  return writer.close().finish();
}

function writeSide(writer: Writer, side: Side, numbers: { spans: number; deltas: number }): void {
  if (side.length === 0) return;
  const spans: { offset: number; length: number }[] = [];
  const deltas: bigint[] = [];
  let next = 0;
  let before = 0n;
  for (const [index, count] of side) {
    const last = spans.at(-1);
    const gap = index - next;
    if (last === undefined || gap > MAX_GAP) {
      spans.push({ offset: gap, length: 1 });
    } else {
      for (let empty = 0; empty < gap; empty++) {
        deltas.push(-before);
        before = 0n;
      }
      last.length += gap + 1;
    }
    deltas.push(count - before);
    before = count;
    next = index + 1;
  }
  for (const { offset, length } of spans) {
    writer.open(numbers.spans).sint32(1, offset).uint(2, length).close();
  }
  writer.bytes(numbers.deltas, packedZigzag(deltas));
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

const SUM_TAG = Uint8Array.of(0x19);
