/**
 * Protobuf for replies: a handful of fields, read from peers that may send anything. Cold code;
 * requests are read with the cursor of `wire/`.
 */

/** One field of a message: a whole number, or the bytes of a length-delimited field. */
export interface ReplyField {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

const MAX_FIELDS = 1024;

/** The varint and length-delimited fields of a message; fixed-width ones are skipped. Throws on garbage. */
export function readFields(bytes: Uint8Array): readonly ReplyField[] {
  const fields: ReplyField[] = [];
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error('reply ends inside a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('number of more than 10 bytes in a reply');
  };
  while (position < bytes.length) {
    if (fields.length >= MAX_FIELDS) throw new Error(`more than ${MAX_FIELDS} fields in a reply`);
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0) throw new Error('field number 0 in a reply');
    if (wireType === 0) {
      fields.push({ number, value: varint() });
      continue;
    }
    if (wireType !== 1 && wireType !== 2 && wireType !== 5) {
      throw new Error(`wire type ${wireType} in a reply`);
    }
    const length = wireType === 2 ? Number(varint()) : wireType === 1 ? 8 : 4;
    if (length > bytes.length - position) throw new Error('reply ends inside a field');
    if (wireType === 2) fields.push({ number, value: bytes.subarray(position, position + length) });
    position += length;
  }
  return fields;
}

/** The last length-delimited field of that number. */
export function findBytes(fields: readonly ReplyField[], number: number): Uint8Array | undefined {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? undefined : value;
}

/** The last varint field of that number as an int64; 0 when absent. */
export function findInteger(fields: readonly ReplyField[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
}

/** An encoded varint field; empty for 0, as proto3 has it. */
export function integerField(number: number, value: number | bigint): Uint8Array<ArrayBuffer> {
  return Number(value) === 0 ? EMPTY : join([varint(number * 8), varint(value)]);
}

/** An encoded length-delimited field; empty for no bytes. */
export function bytesField(number: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  return value.length === 0 ? EMPTY : messageField(number, value);
}

/** An encoded submessage, present even when it is empty. */
export function messageField(number: number, value: Uint8Array): Uint8Array<ArrayBuffer> {
  return join([varint(number * 8 + 2), varint(value.length), value]);
}

/** All parts in an array of its own. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);

function varint(value: number | bigint): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
