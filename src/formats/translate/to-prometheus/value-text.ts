import { FieldCursor } from '../../../wire/cursor.ts';
import { type AnyValue, decodeValue } from '../../otlp/any-value.ts';

/** A value as the text of a label: strings as they are, the rest as JSON. */
export function valueText(value: AnyValue): string {
  switch (value.kind) {
    case 'string':
      return value.value;
    case 'empty':
      return '';
    case 'double':
      return numberText(value.value);
    case 'bytes':
      return Buffer.from(value.value).toString('base64');
    default:
      return jsonText(value);
  }
}

function jsonText(value: AnyValue): string {
  switch (value.kind) {
    case 'empty':
      return 'null';
    case 'bool':
    case 'int':
      return String(value.value);
    case 'double': {
      const text = numberText(value.value);
      return Number.isFinite(value.value) ? text : JSON.stringify(text);
    }
    case 'array':
      return `[${valuesOf(value.encoded)
        .map((bytes) => jsonText(decodeValue(bytes)))
        .join(',')}]`;
    case 'kvlist': {
      const pairs = new Map<string, string>();
      for (const bytes of valuesOf(value.encoded)) {
        const [key, inner] = decodePair(bytes);
        pairs.set(key, jsonText(inner));
      }
      const sorted = [...pairs].sort(([a], [b]) => compareBytes(a, b));
      return `{${sorted.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
    }
    default:
      return JSON.stringify(valueText(value));
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

// message ArrayValue { repeated AnyValue values = 1; } message KeyValueList { repeated KeyValue values = 1; }
function valuesOf(encoded: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = [];
  const cursor = new FieldCursor().enter(encoded);
  while (cursor.next()) {
    if (cursor.number === 1) values.push(encoded.subarray(cursor.start, cursor.end));
  }
  return values;
}

/** message KeyValue { string key = 1; AnyValue value = 2; } */
export function decodePair(bytes: Uint8Array): readonly [key: string, value: AnyValue] {
  let key = '';
  let value: AnyValue = { kind: 'empty' };
  const cursor = new FieldCursor().enter(bytes);
  while (cursor.next()) {
    const payload = bytes.subarray(cursor.start, cursor.end);
    if (cursor.number === 1) key = decoder.decode(payload);
    else if (cursor.number === 2) value = decodeValue(payload);
  }
  return [key, value];
}

/** The order of the bytes of two strings, which is that of their code points. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
