import { FieldCursor } from '../../../../wire/cursor.ts';
import { FIXED64, readDouble, readFixed64 } from '../../../../wire/varint.ts';
import { type Exemplar, exemplarsOf } from './exemplars.ts';
import { writeCustomBuckets } from './native.ts';
import { unsignedAt } from './number-at.ts';
import type { Point } from './point.ts';
import type { Sink, Subject } from './sink.ts';

// message HistogramDataPoint { fixed64 count = 4; optional double sum = 5; repeated fixed64 bucket_counts = 6;
//   repeated double explicit_bounds = 7; … }
const COUNT = 4;
const SUM = 5;
const BUCKET_COUNTS = 6;
const EXPLICIT_BOUNDS = 7;

/** Buckets of a histogram: one count more than bounds, or neither. */
export interface Buckets {
  readonly counts: readonly bigint[];
  readonly bounds: readonly number[];
}

/** A histogram with explicit bounds: `_sum`, `_count` and one series per bucket, or a native one. */
export function writeHistogram(point: Point, subject: Subject, sink: Sink): void {
  const buckets = bucketsOf(point);
  const problem = point.isStale ? !isAscending(buckets.bounds) : isUnsound(point, buckets);
  if (problem) {
    sink.drop('invalid_histogram', 1);
    return;
  }
  if (sink.customBuckets) {
    writeCustomBuckets(point, buckets, { subject, sink, sumAt: point.at[SUM]! });
    return;
  }
  writeClassic(point, buckets, subject, sink);
}

// oxlint-disable-next-line max-params -- a point, its buckets, and where they go
function writeClassic(
  point: Point,
  { counts, bounds }: Buckets,
  subject: Subject,
  sink: Sink,
): void {
  const { output } = sink;
  const { family, set, metadata } = subject;
  const { bytes, at, time, startTime, isStale } = point;
  if (isStale || at[SUM]! >= 0) {
    output.begin(set, family.sum);
    if (isStale) output.stale(time);
    else output.sample(bytes, at[SUM]!, time, startTime);
    output.end(metadata);
  }
  const count = at[COUNT]! < 0 ? 0 : unsignedAt(bytes, at[COUNT]!);
  const write = (value: number): void => {
    if (isStale) output.stale(time);
    else output.number(value, time, startTime);
  };
  output.begin(set, family.count);
  write(count);
  output.end(metadata);
  const exemplars = point.hasExemplars && !isStale ? exemplarsOf(point, sink.names) : [];
  let total = 0n;
  for (const [index, bound] of bounds.entries()) {
    total += counts[index] ?? 0n;
    if (bound === Infinity) continue;
    output.beginWith(set, family.bucket, set.le, sink.bounds.le(bound));
    write(Number(total));
    writeExemplars(sink, exemplars, [bounds[index - 1] ?? -Infinity, bound]);
    output.end(metadata);
  }
  output.beginWith(set, family.bucket, set.le, sink.bounds.le(Infinity));
  write(count);
  const last = bounds.findLast((bound) => bound !== Infinity) ?? -Infinity;
  writeExemplars(sink, exemplars, [last, Infinity]);
  output.end(metadata);
}

/** Those above the first bound and not above the second; what is no number goes to the last bucket. */
function writeExemplars(
  { output }: Sink,
  exemplars: readonly Exemplar[],
  [above, upTo]: readonly [number, number],
): void {
  for (const { value, field } of exemplars) {
    const isHere = Number.isNaN(value)
      ? upTo === Infinity
      : value <= upTo && (value > above || above === -Infinity);
    if (isHere) output.output.append(field, 0, field.length);
  }
}

function bucketsOf(point: Point): Buckets {
  const counts: bigint[] = [];
  const bounds: number[] = [];
  const { bytes } = point;
  const fields = new FieldCursor().enter(bytes, point.start, point.end);
  while (fields.next()) {
    if (fields.number !== BUCKET_COUNTS && fields.number !== EXPLICIT_BOUNDS) continue;
    const end = fields.wireType === FIXED64 ? fields.start + 8 : fields.end;
    for (let at = fields.start; at + 8 <= end; at += 8) {
      if (fields.number === BUCKET_COUNTS) counts.push(readFixed64(bytes, at));
      else bounds.push(readDouble(bytes, at));
    }
  }
  return { counts, bounds };
}

function isUnsound({ bytes, at }: Point, { counts, bounds }: Buckets): boolean {
  if (counts.length === 0) return bounds.length > 0;
  if (counts.length !== bounds.length + 1 || !isAscending(bounds)) return true;
  let sum = 0n;
  for (const count of counts) sum += count;
  return sum !== (at[COUNT]! < 0 ? 0n : readFixed64(bytes, at[COUNT]!));
}

function isAscending(bounds: readonly number[]): boolean {
  return (
    bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!) &&
    !(bounds[0] !== bounds[0])
  );
}
