/** Varints of 64 bits one after the other, as a packed field holds them. */
export function packedVarints(values: readonly bigint[]): Uint8Array {
  const bytes: number[] = [];
  for (const value of values) {
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
  }
  return Uint8Array.from(bytes);
}

/** The same with zigzag, so that small negative numbers are short. */
export function packedZigzag(values: readonly bigint[]): Uint8Array {
  return packedVarints(values.map((value) => (value << 1n) ^ (value >> 63n)));
}

/** fixed64 numbers one after the other. */
export function packedFixed64(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    view.setBigUint64(index * 8, BigInt.asUintN(64, value), true);
  }
  return bytes;
}

/** Doubles one after the other. */
export function packedDoubles(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setFloat64(index * 8, value, true);
  return bytes;
}
