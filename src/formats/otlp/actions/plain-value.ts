import { z } from 'zod';
import { FieldCursor } from '../../../wire/cursor.ts';
import { Writer } from '../../../wire/writer.ts';
import { type AnyValue, decodeValue } from '../any-value.ts';

/** A value as settings have it. */
export type PlainValue =
  | string
  | number
  | bigint
  | boolean
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** A value in settings, of any type YAML has but null. */
export const plainValue: z.ZodType<PlainValue> = z.union([
  z.string(),
  z.number(),
  z.bigint(),
  z.boolean(),
  z.array(z.lazy(() => plainValue)),
  z.record(
    z.string(),
    z.lazy(() => plainValue),
  ),
]);

// message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
//   double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; … } }
// message ArrayValue { repeated AnyValue values = 1; }
// message KeyValueList { repeated KeyValue values = 1; }
// message KeyValue { string key = 1; AnyValue value = 2; }

/** Encodes a value as an AnyValue; whole numbers become integers. */
export function encodePlain(value: PlainValue): Uint8Array {
  const writer = new Writer();
  write(writer, value);
  return writer.finish();
}

function write(writer: Writer, value: PlainValue): void {
  if (typeof value === 'string') writer.string(1, value);
  else if (typeof value === 'boolean') writer.uint(2, Number(value));
  else if (typeof value === 'bigint') writer.int64(3, value);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) writer.int64(3, BigInt(value));
    else writer.double(4, value);
  } else if (isList(value)) {
    writer.open(5);
    for (const element of value) {
      writer.open(1);
      write(writer, element);
      writer.close();
    }
    writer.close();
  } else {
    writer.open(6);
    for (const [key, element] of Object.entries(value)) {
      writer.open(1).string(1, key).open(2);
      write(writer, element);
      writer.close().close();
    }
    writer.close();
  }
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}

/**
 * A value as text: what a conversion to a string gives, and what patterns look at. Lists are
 * JSON; 64-bit integers keep their digits.
 */
export function textOf(value: AnyValue): string {
  switch (value.kind) {
    case 'empty':
      return '';
    case 'string':
      return value.value;
    case 'bytes':
      return Buffer.from(value.value).toString('base64');
    default:
      return jsonOf(value);
  }
}

function jsonOf(value: AnyValue): string {
  switch (value.kind) {
    case 'empty':
      return 'null';
    case 'string':
    case 'bytes':
      return JSON.stringify(textOf(value));
    case 'array':
      return `[${elementsOf(value.encoded)
        .map((element) => jsonOf(decodeValue(element)))
        .join()}]`;
    case 'kvlist':
      return `{${elementsOf(value.encoded).map(pairText).join()}}`;
    default:
      return String(value.value);
  }
}

function pairText(pair: Uint8Array): string {
  const cursor = new FieldCursor().enter(pair);
  let key = '';
  let value: Uint8Array = new Uint8Array(0);
  while (cursor.next()) {
    const payload = pair.subarray(cursor.start, cursor.end);
    if (cursor.number === 1) key = Buffer.from(payload).toString();
    else if (cursor.number === 2) value = payload;
  }
  return `${JSON.stringify(key)}:${jsonOf(decodeValue(value))}`;
}

function elementsOf(list: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  const cursor = new FieldCursor().enter(list);
  while (cursor.next()) {
    if (cursor.number === 1) elements.push(list.subarray(cursor.start, cursor.end));
  }
  return elements;
}
