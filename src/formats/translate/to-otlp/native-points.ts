import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { LENGTH_DELIMITED, readUint32, readUint64 } from '../../../wire/varint.ts';
import { Writer } from '../../../wire/writer.ts';
import { packedFixed64, packedVarints } from '../packed.ts';
import { isStale } from '../metric-type.ts';
import type { Pair } from './identity.ts';
import { writeAttributes } from './identity.ts';
import { nanoseconds, timeAt } from './times.ts';

/** Schema of histograms with bounds of their own. */
export const CUSTOM_BUCKETS = -53;
const GAUGE_HINT = 3;
const NO_RECORDED_VALUE = 1;

/** Empty buckets that may be written out for one histogram: spans may be far apart. */
const MAX_EMPTY = 16_384;

interface Span {
  readonly offset: number;
  readonly length: number;
}

interface Side {
  readonly spans: Span[];
  readonly deltas: bigint[];
}

/** A native histogram, decoded. */
export interface Native {
  isFloat: boolean;
  count: bigint;
  sum: Uint8Array;
  schema: number;
  zeroThreshold: Uint8Array;
  zeroCount: bigint;
  resetHint: number;
  time: number;
  start: number;
  readonly positive: Side;
  readonly negative: Side;
  readonly bounds: Uint8Array[];
}

// message Histogram: see formats/prometheus/read/histogram.ts
export function readNative(chunk: Uint8Array, { start, end }: FieldRange): Native {
  const native: Native = {
    isFloat: false,
    count: 0n,
    sum: ZERO,
    schema: 0,
    zeroThreshold: ZERO,
    zeroCount: 0n,
    resetHint: 0,
    time: 0,
    start: 0,
    positive: { spans: [], deltas: [] },
    negative: { spans: [], deltas: [] },
    bounds: [],
  };
  const fields = new FieldCursor().enter(chunk, start, end);
  while (fields.next()) readField(native, chunk, fields);
  return native;
}

/** The schema of a histogram, without reading the rest. */
export function schemaOf(chunk: Uint8Array, { start, end }: FieldRange): number {
  const fields = new FieldCursor().enter(chunk, start, end);
  let schema = 0;
  while (fields.next()) if (fields.number === 4) schema = unzigzag(readUint32(chunk, fields.start));
  return schema;
}

function readField(native: Native, chunk: Uint8Array, field: FieldCursor): void {
  const { number, start, end } = field;
  switch (number) {
    case 1:
      native.count = readUint64(chunk, start);
      native.isFloat = false;
      return;
    case 2:
      native.isFloat = true;
      return;
    case 3:
      native.sum = chunk.subarray(start, end);
      return;
    case 4:
      native.schema = unzigzag(readUint32(chunk, start));
      return;
    case 5:
      native.zeroThreshold = chunk.subarray(start, end);
      return;
    case 6:
      native.zeroCount = readUint64(chunk, start);
      return;
    case 8:
    case 11:
      (number === 8 ? native.negative : native.positive).spans.push(readSpan(chunk, field));
      return;
    case 9:
    case 12:
      readDeltas((number === 9 ? native.negative : native.positive).deltas, chunk, field);
      return;
    case 14:
      native.resetHint = readUint32(chunk, start);
      return;
    case 15:
      native.time = timeAt(chunk, start);
      return;
    case 16:
      for (let at = start; at < end; at += 8) native.bounds.push(chunk.subarray(at, at + 8));
      return;
    case 17:
      native.start = timeAt(chunk, start);
  }
}

function readSpan(chunk: Uint8Array, { start, end }: FieldRange): Span {
  let [offset, length] = [0, 0];
  const fields = new FieldCursor().enter(chunk, start, end);
  while (fields.next()) {
    if (fields.number === 1) offset = unzigzag(readUint32(chunk, fields.start));
    else if (fields.number === 2) length = readUint32(chunk, fields.start);
  }
  return { offset, length };
}

function readDeltas(deltas: bigint[], chunk: Uint8Array, field: FieldCursor): void {
  const { start, end } = field;
  const stop = field.wireType === LENGTH_DELIMITED ? end : start + 1;
  for (let at = start; at < stop; at++) {
    const value = readUint64(chunk, at);
    deltas.push((value >> 1n) ^ -(value & 1n));
    while (chunk[at]! >= 0x80) at++;
  }
}

/** Why a histogram has no counterpart in OTLP; empty when it has one. */
export function refusalOf(native: Native): string {
  if (native.time === 0) return 'invalid_timestamp';
  if (isStale(native.sum, 0)) return '';
  if (native.isFloat) return 'float_histogram';
  if (native.resetHint === GAUGE_HINT) return 'gauge_histogram';
  const isSparse = emptyIn(native.positive) > MAX_EMPTY || emptyIn(native.negative) > MAX_EMPTY;
  return isSparse && native.schema !== CUSTOM_BUCKETS ? 'sparse_histogram' : '';
}

function emptyIn({ spans }: Side): number {
  let empty = 0;
  for (const [index, { offset }] of spans.entries()) if (index > 0) empty += offset;
  return empty;
}

/** The point of an ExponentialHistogram. */
export function exponentialPoint(
  native: Native,
  attributes: readonly Pair[],
  exemplars: Uint8Array,
): Uint8Array {
  const writer = new Writer().open(1);
  writeAttributes(writer, attributes, 1);
  writeTimes(writer, native);
  if (isStale(native.sum, 0)) {
    return writer.uint(10, NO_RECORDED_VALUE).close().finish();
  }
  // The last bucket of finite numbers ends at the largest one; those above it overflow.
  const lastIndex = 1024 * 2 ** native.schema;
  const positive = denseOf(native.positive, lastIndex);
  const negative = denseOf(native.negative, lastIndex);
  writer.fixed64(4, native.zeroCount + positive.total + negative.total);
  writer.raw(SUM_TAG).raw(native.sum);
  writer.sint32(6, native.schema).fixed64(7, native.zeroCount);
  writeBuckets(writer, 8, positive);
  writeBuckets(writer, 9, negative);
  writer.raw(THRESHOLD_TAG).raw(native.zeroThreshold);
  return writer.raw(exemplars).close().finish();
}

/** The point of a Histogram with explicit bounds, from custom buckets. */
export function customPoint(
  native: Native,
  attributes: readonly Pair[],
  exemplars: Uint8Array,
): Uint8Array {
  const writer = new Writer().open(1);
  writeAttributes(writer, attributes, 9);
  writeTimes(writer, native);
  const stale = isStale(native.sum, 0);
  if (stale) writer.uint(10, NO_RECORDED_VALUE);
  else writer.fixed64(4, native.count).raw(SUM_TAG).raw(native.sum);
  const counts = Array.from({ length: native.bounds.length + 1 }, () => 0n);
  let index = 0;
  let running = 0n;
  let next = 0;
  for (const { offset, length } of native.positive.spans) {
    index += offset;
    for (let i = 0; i < length; i++) {
      running += native.positive.deltas[next++] ?? 0n;
      if (index < counts.length) counts[index] = running;
      index++;
    }
  }
  writer.bytes(6, packedFixed64(counts));
  if (native.bounds.length > 0) writer.bytes(7, Buffer.concat(native.bounds));
  return writer
    .raw(stale ? NOTHING : exemplars)
    .close()
    .finish();
}

interface Dense {
  readonly offset: number;
  readonly counts: readonly bigint[];
  /** Of the counts. */
  readonly total: bigint;
}

/** One count per bucket. OTLP counts from the lower bound, one less than Prometheus. */
function denseOf({ spans, deltas }: Side, lastIndex: number): Dense {
  const counts: bigint[] = [];
  let total = 0n;
  let running = 0n;
  let next = 0;
  let index = 0;
  for (const [position, { offset, length }] of spans.entries()) {
    index += offset;
    if (position > 0) for (let i = 0; i < offset; i++) counts.push(0n);
    for (let i = 0; i < length; i++, index++) {
      running += deltas[next++] ?? 0n;
      if (index > lastIndex) continue;
      counts.push(running);
      total += running;
    }
  }
  return { offset: (spans[0]?.offset ?? 0) - 1, counts, total };
}

function writeBuckets(writer: Writer, number: number, { offset, counts }: Dense): void {
  if (counts.length === 0) return;
  writer.open(number).sint32(1, offset).bytes(2, packedVarints(counts)).close();
}

function writeTimes(writer: Writer, { start, time }: Native): void {
  if (start > 0) writer.fixed64(2, nanoseconds(start));
  writer.fixed64(3, nanoseconds(time));
}

function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

const ZERO: Uint8Array = new Uint8Array(8);
const NOTHING: Uint8Array = new Uint8Array(0);
const SUM_TAG = Uint8Array.of(0x29);
const THRESHOLD_TAG = Uint8Array.of(0x71);
