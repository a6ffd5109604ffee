import { FieldCursor } from '../../../../wire/cursor.ts';
import { Writer } from '../../../../wire/writer.ts';
import type { Names } from '../names.ts';
import { millisecondsAt, type Point } from './point.ts';
import { textsOf } from '../source.ts';
import { doubleAt } from './number-at.ts';

// message Exemplar { fixed64 time_unix_nano = 2; oneof value { double as_double = 3; sfixed64 as_int = 6; }
//   bytes span_id = 4; bytes trace_id = 5; repeated KeyValue filtered_attributes = 7; }

/** Code points that names and values of an exemplar's labels may have together. */
const MAX_CODE_POINTS = 128;
const FILTERED_ATTRIBUTES = 7;

/** An exemplar in the form, and the value it is about. */
export interface Exemplar {
  readonly value: number;
  /** As a field of a series. */
  readonly field: Uint8Array;
}

/**
 * The exemplars of a point, in their order. Attributes become labels while all labels keep within
 * the limit of OpenMetrics; ids always do.
 */
export function exemplarsOf(point: Point, names: Names): Exemplar[] {
  const { bytes } = point;
  const exemplars: Exemplar[] = [];
  const fields = new FieldCursor().enter(bytes, point.start, point.end);
  while (fields.next()) {
    if (fields.number !== point.shape.exemplars) continue;
    exemplars.push(exemplarOf(bytes, fields, names));
  }
  return exemplars;
}

function exemplarOf(
  bytes: Uint8Array,
  { start, end }: { start: number; end: number },
  names: Names,
): Exemplar {
  let time = 0;
  let value: Uint8Array = ZERO;
  const ids = new Map<string, string>();
  const fields = new FieldCursor().enter(bytes, start, end);
  while (fields.next()) {
    const payload = bytes.subarray(fields.start, fields.end);
    if (fields.number === 2) time = millisecondsAt(bytes, fields.start);
    else if (fields.number === 3) value = payload;
    else if (fields.number === 6) value = doubleAt(bytes, fields.start);
    else if (fields.number === 4) ids.set('span_id', Buffer.from(payload).toString('hex'));
    else if (fields.number === 5) ids.set('trace_id', Buffer.from(payload).toString('hex'));
  }
  const attributes = new Map<string, string>();
  for (const [key, text] of textsOf(bytes, { start, end }, FILTERED_ATTRIBUTES)) {
    attributes.set(names.label(key), text);
  }
  const all = new Map([...attributes, ...ids]);
  const labels = codePointsOf(all) <= MAX_CODE_POINTS ? all : ids;
  const writer = new Writer().open(3);
  for (const [name, text] of labels) {
    if (name !== '' && text !== '') writer.open(1).string(1, name).string(2, text).close();
  }
  // A double field is its tag and its eight bytes, whatever NaN they are.
  writer.raw(VALUE_TAG).raw(value);
  if (time > 0) writer.uint(3, time);
  const number = new DataView(value.buffer, value.byteOffset).getFloat64(0, true);
  return { value: number, field: writer.close().finish() };
}

function codePointsOf(labels: ReadonlyMap<string, string>): number {
  let count = 0;
  for (const [name, text] of labels) count += Array.from(name + text).length;
  return count;
}

const VALUE_TAG = Uint8Array.of(0x11);
const ZERO: Uint8Array = new Uint8Array(8);
