import { FieldCursor } from '../../wire/cursor.ts';
import { readDouble, readUint64 } from '../../wire/varint.ts';
import { Writer } from '../../wire/writer.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * An attribute's value. Arrays and lists of pairs stay encoded: `encoded` is an ArrayValue or a
 * KeyValueList. A value with nothing set is `empty`, which OTLP allows and keeps.
 */
export type AnyValue =
  | { readonly kind: 'empty' }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'array' | 'kvlist'; readonly encoded: Uint8Array };

// message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
//   double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }

/** Decodes a valid AnyValue. `bytes` and `encoded` look at the same memory. */
export function decodeValue(bytes: Uint8Array): AnyValue {
  const cursor = new FieldCursor().enter(bytes);
  let value: AnyValue = { kind: 'empty' };
  while (cursor.next()) value = decodeField(bytes, cursor, value);
  return value;
}

function decodeField(bytes: Uint8Array, { number, start, end }: FieldCursor, before: AnyValue) {
  const payload = bytes.subarray(start, end);
  switch (number) {
    case 1:
      return { kind: 'string', value: decoder.decode(payload) } as const;
    case 2:
      return { kind: 'bool', value: readUint64(bytes, start) !== 0n } as const;
    case 3:
      return { kind: 'int', value: BigInt.asIntN(64, readUint64(bytes, start)) } as const;
    case 4:
      return { kind: 'double', value: readDouble(bytes, start) } as const;
    case 5:
    case 6: {
      const kind = number === 5 ? 'array' : 'kvlist';
      // The same message twice is one message: its parts, one after the other.
      const encoded = before.kind === kind ? Buffer.concat([before.encoded, payload]) : payload;
      return { kind, encoded } as const;
    }
    case 7:
      return { kind: 'bytes', value: payload } as const;
    default:
      return before;
  }
}

/** Encodes a value as the AnyValue that `AttributeList` takes. */
export function encodeValue(value: AnyValue): Bytes {
  const writer = new Writer();
  switch (value.kind) {
    case 'empty':
      break;
    case 'string':
      writer.string(1, value.value);
      break;
    case 'bool':
      writer.uint(2, value.value ? 1 : 0);
      break;
    case 'int':
      writer.int64(3, value.value);
      break;
    case 'double':
      writer.double(4, value.value);
      break;
    case 'array':
      writer.bytes(5, value.encoded);
      break;
    case 'kvlist':
      writer.bytes(6, value.encoded);
      break;
    case 'bytes':
      writer.bytes(7, value.value);
  }
  return writer.finish();
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
