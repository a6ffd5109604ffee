import type { DropItems } from '../../../contract/component.ts';
import type { Output } from '../../prometheus/output.ts';
import { SampleCursor } from '../../prometheus/walk.ts';
import { isStale } from '../metric-type.ts';
import { exemplarsOf } from './exemplars.ts';
import type { SeriesRef } from './groups.ts';
import { appendNanoseconds, timeAt } from './times.ts';

// message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; double as_double = 4;
//   repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7; uint32 flags = 8; }
const TAG = { point: 0x0a, start: 0x11, time: 0x19, value: 0x21, flags: 0x40 } as const;
const EXEMPLARS = 5;
const NO_RECORDED_VALUE = 1;
const SCALARS_BYTES = 48;

const samples = new SampleCursor();
const ZERO: Uint8Array = new Uint8Array(8);
const NOTHING: Uint8Array = new Uint8Array(0);

/** Writes the samples of a series as data points, exemplars with the last; answers how many. */
export function writeNumberPoints(output: Output, series: SeriesRef, drop: DropItems): number {
  const { chunk, identity, role } = series;
  const exemplars = role.type === 1 ? exemplarsOf(chunk, series, EXEMPLARS) : NOTHING;
  let points = 0;
  samples.enter(chunk, series.start, series.end);
  let hasNext = samples.next();
  while (hasNext) {
    const { valueAt, timestampAt, startTimestampAt } = samples;
    hasNext = samples.next();
    const time = timeAt(chunk, timestampAt);
    if (time === 0) {
      drop('invalid_timestamp', 1);
      continue;
    }
    const start = timeAt(chunk, startTimestampAt);
    const point = output.open(TAG.point, 2);
    const extra = hasNext ? NOTHING : exemplars;
    output.reserve(SCALARS_BYTES + identity.encoded.length + extra.length);
    if (start > 0) appendNanoseconds(output, TAG.start, start);
    appendNanoseconds(output, TAG.time, time);
    if (valueAt >= 0 && isStale(chunk, valueAt)) {
      output.byte(TAG.flags);
      output.byte(NO_RECORDED_VALUE);
    } else {
      output.byte(TAG.value);
      if (valueAt < 0) output.copy(ZERO, 0, 8);
      else output.copy(chunk, valueAt, valueAt + 8);
    }
    output.copy(identity.encoded, 0, identity.encoded.length);
    output.copy(extra, 0, extra.length);
    output.close(point, 2);
    points++;
  }
  return points;
}
