// Stepping over fields of which only the wire type counts.

export const MAX_DEPTH: i32 = 100;

// What is wrong with a request, by its place in the list of src/wire/kernel.ts.
export const OK: i32 = 0;
export const TRUNCATED: i32 = 1;
export const OVERLONG: i32 = 2;
export const BAD_TAG: i32 = 3;
export const MISMATCH: i32 = 4;
export const NOT_UTF8: i32 = 5;
export const BAD_ID: i32 = 6;
export const TOO_DEEP: i32 = 7;
export const UNBALANCED: i32 = 8;

/** Value of the last short varint that was read. */
export let shortValue: u32 = 0;

/** Reads a tag or a length: at most five bytes and 32 bits. Answers the position behind it, or -fault. */
export function short(position: usize, end: usize): i32 {
  let value: u32 = 0;
  for (let shift: u32 = 0; shift < 35; shift += 7) {
    if (position >= end) return -TRUNCATED;
    const byte = <u32>load<u8>(position++);
    if (shift == 28 && byte > 0x0f) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      shortValue = value;
      return <i32>position;
    }
  }
  return -OVERLONG;
}

/** Skips a varint of up to ten bytes. Answers the position behind it, or -fault. */
export function varint(position: usize, end: usize): i32 {
  const first = position;
  while (position < end) {
    const byte = <u32>load<u8>(position);
    if (position - first == 9 && byte > 1) return -OVERLONG;
    position++;
    if (byte < 0x80) return <i32>position;
  }
  return -TRUNCATED;
}

/** Skips the fields of an unknown group and its end tag. Answers the position behind, or -fault. */
function group(number: u32, position: usize, end: usize, depth: i32): i32 {
  if (depth > MAX_DEPTH) return -TOO_DEEP;
  while (position < end) {
    let next = short(position, end);
    if (next < 0) return next;
    const tag = shortValue;
    const wireType = tag & 7;
    if (tag >> 3 == 0 || wireType > 5) return -BAD_TAG;
    position = next;
    if (wireType == 4) return tag >> 3 == number ? next : -UNBALANCED;
    if (wireType == 2) {
      next = short(position, end);
      if (next < 0) return next;
      if (shortValue > <u32>(end - next)) return -TRUNCATED;
      position = next + shortValue;
    } else {
      next = value(tag, position, end, depth);
      if (next < 0) return next;
      position = next;
    }
  }
  return -TRUNCATED;
}

/** Skips any field without a length. Answers the position behind it, or -fault. */
export function value(tag: u32, position: usize, end: usize, depth: i32): i32 {
  const wireType = tag & 7;
  if (wireType == 0) return varint(position, end);
  if (wireType == 3) return group(tag >> 3, position, end, depth + 1);
  if (wireType == 4) return -UNBALANCED;
  position += wireType == 1 ? 8 : 4;
  return position > end ? -TRUNCATED : <i32>position;
}
