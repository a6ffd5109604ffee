import { FieldCursor } from '../../../../wire/cursor.ts';
import { FIXED64, readDouble, readFixed64 } from '../../../../wire/varint.ts';
import type { Point } from './point.ts';

// message HistogramDataPoint { fixed64 count = 4; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; … }
const COUNT = 4;
const BUCKET_COUNTS = 6;
const EXPLICIT_BOUNDS = 7;

/** Buckets of a histogram: one count more than bounds, or neither. */
export interface Buckets {
  readonly counts: readonly bigint[];
  readonly bounds: readonly number[];
}

/** Reads the buckets of a HistogramDataPoint. */
export function bucketsOf(point: Point): Buckets {
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

/** Whether counts and bounds do not go together. */
export function isUnsound({ bytes, at }: Point, { counts, bounds }: Buckets): boolean {
  if (counts.length === 0) return bounds.length > 0;
  if (counts.length !== bounds.length + 1 || !isAscending(bounds)) return true;
  let sum = 0n;
  for (const count of counts) sum += count;
  return sum !== (at[COUNT]! < 0 ? 0n : readFixed64(bytes, at[COUNT]!));
}

/** Whether each bound is larger than the one before; none is NaN. */
export function isAscending(bounds: readonly number[]): boolean {
  return (
    bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!) &&
    !(bounds[0] !== bounds[0])
  );
}
