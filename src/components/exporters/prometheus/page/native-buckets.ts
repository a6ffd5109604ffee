import { FieldCursor } from '../../../../wire/cursor.ts';
import { LENGTH_DELIMITED, readDouble } from '../../../../wire/varint.ts';
import {
  CUSTOM_BUCKETS,
  type Native,
  readNative,
} from '../../../../formats/translate/to-otlp/native-points.ts';

/** A native histogram as far as the text formats have words for it. */
export interface ClassicShape {
  readonly count: number;
  readonly sum: number;
  /** Upper bounds with cumulative counts, ascending, without +Inf. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
}

const FLOAT_COUNT = 2;
const FLOAT_BUCKETS = 13;

/**
 * Buckets with bounds of their own stay as they are. Exponential ones would be others every time,
 * so that only the one that has everything is left of them.
 */
export function classicShapeOf(histogram: Uint8Array): ClassicShape {
  const native = readNative(histogram, { tagStart: 0, start: 0, end: histogram.length });
  const sum = readDouble(native.sum, 0);
  const floats = native.isFloat ? readFloats(histogram) : undefined;
  const count = floats?.count ?? Number(native.count);
  if (native.schema !== CUSTOM_BUCKETS) return { count, sum, buckets: [] };
  return { count, sum, buckets: cumulated(native, floats?.buckets) };
}

function cumulated(native: Native, floats: readonly number[] | undefined) {
  const counts = new Map<number, number>();
  let [index, next, running] = [0, 0, 0n];
  for (const { offset, length } of native.positive.spans) {
    index += offset;
    for (let i = 0; i < length; i++, index++, next++) {
      running += native.positive.deltas[next] ?? 0n;
      counts.set(index, floats === undefined ? Number(running) : (floats[next] ?? 0));
    }
  }
  let total = 0;
  return native.bounds.map((bound, at) => {
    total += counts.get(at) ?? 0;
    return [readDouble(bound, 0), total] as const;
  });
}

/** The parts of a histogram of floating-point numbers that have fields of their own. */
function readFloats(histogram: Uint8Array) {
  const buckets: number[] = [];
  let count = 0;
  const fields = new FieldCursor().enter(histogram);
  while (fields.next()) {
    const { number, start, end, wireType } = fields;
    if (number === FLOAT_COUNT) count = readDouble(histogram, start);
    if (number !== FLOAT_BUCKETS) continue;
    const stop = wireType === LENGTH_DELIMITED ? end : start + 8;
    for (let at = start; at < stop; at += 8) buckets.push(readDouble(histogram, at));
  }
  return { count, buckets };
}
