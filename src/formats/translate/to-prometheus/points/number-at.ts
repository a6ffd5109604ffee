import { readFixed32 } from '../../../../wire/varint.ts';

/** The sfixed64 at `at` as the nearest double. */
export function integerAt(bytes: Uint8Array, at: number): number {
  return (readFixed32(bytes, at + 4) | 0) * 4_294_967_296 + readFixed32(bytes, at);
}

/** The fixed64 at `at` as the nearest double. */
export function unsignedAt(bytes: Uint8Array, at: number): number {
  return readFixed32(bytes, at + 4) * 4_294_967_296 + readFixed32(bytes, at);
}

/** The sfixed64 at `at` as the eight bytes of the nearest double. */
export function doubleAt(bytes: Uint8Array, at: number): Uint8Array {
  const double = new Uint8Array(8);
  new DataView(double.buffer).setFloat64(0, integerAt(bytes, at), true);
  return double;
}
