import { FieldCursor } from '../../../../wire/cursor.ts';
import { readDouble } from '../../../../wire/varint.ts';
import { unsignedAt } from './number-at.ts';
import type { Point } from './point.ts';
import type { Sink, Subject } from './sink.ts';

// message SummaryDataPoint { fixed64 count = 4; double sum = 5; repeated ValueAtQuantile quantile_values = 6; … }
// message ValueAtQuantile { double quantile = 1; double value = 2; }
const COUNT = 4;
const SUM = 5;
const QUANTILE_VALUES = 6;

/** A summary: `_sum`, `_count` and one series per quantile, in ascending order. */
export function writeSummary(point: Point, { family, set, metadata }: Subject, sink: Sink): void {
  const { output } = sink;
  const { bytes, at, time, startTime, isStale } = point;
  // An absent value is 0, as of any field without presence.
  const write = (source: Uint8Array, from: number): void => {
    if (isStale) output.stale(time);
    else if (from < 0) output.number(0, time, startTime);
    else output.sample(source, from, time, startTime);
  };
  output.begin(set, family.sum);
  write(bytes, at[SUM]!);
  output.end(metadata);
  output.begin(set, family.count);
  if (isStale) output.stale(time);
  else output.number(at[COUNT]! < 0 ? 0 : unsignedAt(bytes, at[COUNT]!), time, startTime);
  output.end(metadata);
  for (const { quantile, valueAt } of quantilesOf(point)) {
    output.beginWith(set, family.plain, set.quantile, sink.bounds.quantile(quantile));
    write(bytes, valueAt);
    output.end(metadata);
  }
}

interface Quantile {
  readonly quantile: number;
  readonly valueAt: number;
}

function quantilesOf({ bytes, start, end }: Point): Quantile[] {
  const byQuantile = new Map<number, Quantile>();
  const fields = new FieldCursor().enter(bytes, start, end);
  const inner = new FieldCursor();
  while (fields.next()) {
    if (fields.number !== QUANTILE_VALUES) continue;
    let [quantile, valueAt] = [0, -1];
    inner.enter(bytes, fields.start, fields.end);
    while (inner.next()) {
      if (inner.number === 1) quantile = readDouble(bytes, inner.start);
      else if (inner.number === 2) valueAt = inner.start;
    }
    byQuantile.set(quantile, { quantile, valueAt });
  }
  return [...byQuantile.values()].sort((a, b) => a.quantile - b.quantile);
}
