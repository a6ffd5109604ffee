import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { Writer } from '../../../wire/writer.ts';
import { SERIES } from '../../prometheus/schema.ts';
import { encodeAttributes, type Pair } from './identity.ts';
import { nanoseconds, timeAt } from './times.ts';

const FILTERED_ATTRIBUTES = 7;

/** The exemplars of a series as fields of a data point of that number. */
export function exemplarsOf(
  chunk: Uint8Array,
  { start, end }: Pick<FieldRange, 'start' | 'end'>,
  number: number,
): Uint8Array {
  let writer: Writer | undefined;
  const fields = cursor.enter(chunk, start, end);
  while (fields.next()) {
    if (fields.number !== SERIES.exemplar) continue;
    // Most series have none: then nothing is allocated.
    writer ??= new Writer();
    writeExemplar(writer, chunk, fields, number);
  }
  return writer?.finish() ?? NOTHING;
}

// message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
// as message Exemplar { fixed64 time_unix_nano = 2; double as_double = 3; bytes span_id = 4; bytes trace_id = 5;
//   repeated KeyValue filtered_attributes = 7; }
// oxlint-disable-next-line max-params -- from where to where
function writeExemplar(
  writer: Writer,
  chunk: Uint8Array,
  { start, end }: FieldRange,
  number: number,
): void {
  let time = 0;
  let value: Uint8Array = ZERO;
  const labels: Pair[] = [];
  const fields = new FieldCursor().enter(chunk, start, end);
  while (fields.next()) {
    if (fields.number === 1) labels.push(readLabel(chunk, fields));
    else if (fields.number === 2) value = chunk.subarray(fields.start, fields.end);
    else if (fields.number === 3) time = timeAt(chunk, fields.start);
  }
  const traceId = labels.find(([name, text]) => name === 'trace_id' && isId(text, 32));
  const spanId = labels.find(([name, text]) => name === 'span_id' && isId(text, 16));
  writer.open(number);
  if (time > 0) writer.fixed64(2, nanoseconds(time));
  writer.raw(VALUE_TAG).raw(value);
  if (spanId !== undefined) writer.bytes(4, Buffer.from(spanId[1], 'hex'));
  if (traceId !== undefined) writer.bytes(5, Buffer.from(traceId[1], 'hex'));
  const others = labels.filter((label) => label !== traceId && label !== spanId);
  writer.raw(encodeAttributes(others, FILTERED_ATTRIBUTES)).close();
}

function readLabel(chunk: Uint8Array, { start, end }: FieldRange): Pair {
  let [name, value] = ['', ''];
  const fields = new FieldCursor().enter(chunk, start, end);
  while (fields.next()) {
    const text = decoder.decode(chunk.subarray(fields.start, fields.end));
    if (fields.number === 1) name = text;
    else if (fields.number === 2) value = text;
  }
  return [name, value];
}

/** All zeros is no id. */
function isId(text: string, digits: number): boolean {
  return text.length === digits && /^[0-9a-f]+$/i.test(text) && /[^0]/.test(text);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const VALUE_TAG = Uint8Array.of(0x19);
const cursor = new FieldCursor();
const NOTHING: Uint8Array = new Uint8Array(0);
const ZERO: Uint8Array = new Uint8Array(8);
