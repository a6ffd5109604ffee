import { METRIC_TYPE } from '../../metric-type.ts';
import { exemplarsOf } from './exemplars.ts';
import { integerAt } from './number-at.ts';
import type { Point } from './point.ts';
import type { Sink, Subject } from './sink.ts';

// message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
//   oneof value { double as_double = 4; sfixed64 as_int = 6; } repeated Exemplar exemplars = 5; … }
const AS_DOUBLE = 4;
const AS_INT = 6;

/** A gauge or a sum: one sample. */
export function writeNumber(point: Point, { family, set, metadata }: Subject, sink: Sink): void {
  const { output } = sink;
  const { at, time, startTime } = point;
  output.begin(set, family.plain);
  if (point.isStale) output.stale(time);
  // Of the two the later counts, as with any oneof.
  else if (at[AS_INT]! > at[AS_DOUBLE]!) {
    output.number(integerAt(point.bytes, at[AS_INT]!), time, startTime);
  } else if (at[AS_DOUBLE]! >= 0) {
    output.sample(point.bytes, at[AS_DOUBLE]!, time, startTime);
  } else output.number(0, time, startTime);
  if (point.hasExemplars && family.facts.type === METRIC_TYPE.counter && !point.isStale) {
    for (const { field } of exemplarsOf(point, sink.names)) {
      output.output.append(field, 0, field.length);
    }
  }
  output.end(metadata);
}
