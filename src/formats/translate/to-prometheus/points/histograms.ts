import { type Buckets, bucketsOf, isAscending, isUnsound } from './buckets.ts';
import { type Exemplar, exemplarsOf } from './exemplars.ts';
import { writeCustomBuckets } from './native.ts';
import { unsignedAt } from './number-at.ts';
import type { Point } from './point.ts';
import type { Sink, Subject } from './sink.ts';

// message HistogramDataPoint { fixed64 count = 4; optional double sum = 5; repeated fixed64 bucket_counts = 6;
//   repeated double explicit_bounds = 7; … }
const COUNT = 4;
const SUM = 5;

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
