/** Wire types of protobuf, the low three bits of a tag. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const GROUP_START = 3;
export const GROUP_END = 4;
export const FIXED32 = 5;

/** Bytes that `value` takes as a varint. `value` is an integer from 0 to 2^53 - 1. */
export function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes `value`, 0 to 2^53 - 1, as the shortest varint; answers the offset behind it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 0x7fffffff) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** The low 32 bits, unsigned, of the varint at `offset`, which a cursor has checked. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let at = offset, shift = 0; shift < 35; at++, shift += 7) {
    const byte = bytes[at]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value >>> 0;
}

/** The varint at `offset`, which a cursor has checked, as an unsigned 64-bit integer. */
export function readUint64(bytes: Uint8Array, offset: number): bigint {
  let value = 0n;
  for (let at = offset, shift = 0n; ; at++, shift += 7n) {
    const byte = bytes[at]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
}

/** The four bytes at `offset` as an unsigned little-endian integer. */
export function readFixed32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! |
      (bytes[offset + 1]! << 8) |
      (bytes[offset + 2]! << 16) |
      (bytes[offset + 3]! << 24)) >>>
    0
  );
}

/** The eight bytes at `offset` as an unsigned little-endian integer. */
export function readFixed64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readFixed32(bytes, offset + 4)) << 32n) | BigInt(readFixed32(bytes, offset));
}

/** The eight bytes at `offset` as a double. */
export function readDouble(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(offset, true);
}
