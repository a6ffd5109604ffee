// Labels of a series on the wire, sixteen bytes at a time. What is read past an end has no say; the
// host leaves room for it.
//
// message Label { string name = 1; string value = 2; }

import { isUtf8 } from '../../../wire/kernel/utf8';

const LABEL_TAG: u32 = 0x0a;
const NAME_TAG: u32 = 0x0a;
const VALUE_TAG: u32 = 0x12;
/** `__name__` as it lies in memory. */
const METRIC_NAME: u64 = 0x5f5f_656d_616e_5f5f;
const METRIC_NAME_BYTES: usize = 8;

/** Whether all names of the labels looked at last are names of remote-write 1.0. */
export let areLegacy: bool = false;

/**
 * Where the labels at `start` of a series end when they are as the form wants them: first, sorted,
 * unique, complete, UTF-8 and written the shortest way. 0 when they are not, or when lengths take more
 * than two bytes.
 */
export function endOfSortedLabels(start: usize, end: usize): usize {
  let at = start;
  let before = start;
  let beforeLength: usize = 0;
  let beforeHead: u64 = 0;
  let hasName = false;
  let legacy = true;
  while (at < end && <u32>load<u8>(at) == LABEL_TAG) {
    let length = <usize>load<u8>(at, 1);
    let name = at + 4;
    if (length >= 0x80) {
      const high = <usize>load<u8>(at, 2);
      if (high >= 0x80 || high == 0) return 0;
      length = (length & 0x7f) | (high << 7);
      name++;
    }
    const labelEnd = name - 2 + length;
    const nameLength = <usize>load<u8>(name - 1);
    const nameEnd = name + nameLength;
    if (labelEnd > end || <u32>load<u8>(name - 2) != NAME_TAG) return 0;
    if (nameLength == 0 || nameLength >= 0x80) return 0;
    if (nameEnd + 2 >= labelEnd || <u32>load<u8>(nameEnd) != VALUE_TAG) return 0;
    const valueLength = <usize>load<u8>(nameEnd, 1);
    if (valueLength < 0x80) {
      if (nameEnd + 2 + valueLength != labelEnd) return 0;
    } else {
      const high = <usize>load<u8>(nameEnd, 2);
      if (high >= 0x80 || high == 0) return 0;
      if (nameEnd + 3 + ((valueLength & 0x7f) | (high << 7)) != labelEnd) return 0;
    }
    const head = headOf(name, nameLength);
    if (at != start && head <= beforeHead) {
      if (head < beforeHead) return 0;
      if (!isBefore(before, beforeLength, name, nameLength)) return 0;
    }
    if (nameLength == METRIC_NAME_BYTES && head == bswap<u64>(METRIC_NAME)) {
      hasName = true;
      const value = labelEnd - (valueLength < 0x80 ? nameEnd + 2 : nameEnd + 3);
      legacy = legacy && isLegacy(labelEnd - value, value, 0x3a);
    } else legacy = legacy && isLegacy(name, nameLength, 0x5f);
    before = name;
    beforeLength = nameLength;
    beforeHead = head;
    at = labelEnd;
  }
  if (!hasName || !(isPlain(start, at) || areUtf8(start, at))) return 0;
  areLegacy = legacy;
  return at;
}

/** Where the labels at `start` of a valid series end; 0 when they do not end by `end`. */
export function endOfLabels(start: usize, end: usize): usize {
  let at = start;
  while (at < end && <u32>load<u8>(at) == LABEL_TAG) {
    let length = <usize>load<u8>(at, 1);
    at += 2;
    for (let shift: usize = 7; length >> shift; shift += 7) {
      if (shift > 28 || at >= end) return 0;
      length = (length & ((1 << shift) - 1)) | (<usize>load<u8>(at++) << shift);
    }
    if (at > end || length > end - at) return 0;
    at += length;
  }
  return at;
}

/** The first eight bytes of a name, so that the smaller number comes first. */
// @ts-ignore: decorator
@inline
function headOf(name: usize, length: usize): u64 {
  const head = bswap<u64>(load<u64>(name));
  return length >= 8 ? head : head & ~(<u64>-1 >> (<u64>length << 3));
}

/** Whether the one name comes before the other, byte by byte. */
function isBefore(a: usize, aLength: usize, b: usize, bLength: usize): bool {
  const length = min(aLength, bLength);
  for (let i: usize = 0; i < length; i++) {
    const left = load<u8>(a + i);
    const right = load<u8>(b + i);
    if (left != right) return left < right;
  }
  return aLength < bLength;
}

/** Whether a name has letters, digits, `_` and `extra` only, and no digit in front. */
// @ts-ignore: decorator
@inline
function isLegacy(at: usize, length: usize, extra: i32): bool {
  if (<u32>load<u8>(at) - 0x30 < 10) return false;
  const end = at + length;
  for (; at + 16 <= end; at += 16) if (legacyBits(at, extra) != 0xffff) return false;
  const rest = <u32>(end - at);
  return (legacyBits(at, extra) | (0xffff << rest) | ~0xffff) == -1;
}

/** One bit for each of sixteen bytes. */
// @ts-ignore: decorator
@inline
function legacyBits(at: usize, extra: i32): i32 {
  const text = v128.load(at);
  const letters = i8x16.le_u(
    i8x16.sub(v128.or(text, i8x16.splat(0x20)), i8x16.splat(0x61)),
    i8x16.splat(25),
  );
  const digits = i8x16.le_u(i8x16.sub(text, i8x16.splat(0x30)), i8x16.splat(9));
  const others = v128.or(
    i8x16.eq(text, i8x16.splat(0x5f)),
    i8x16.eq(text, i8x16.splat(<i8>extra)),
  );
  return i8x16.bitmask(v128.or(v128.or(letters, digits), others));
}

/** Whether all bytes are ASCII; a length of two bytes counts as not ASCII, too. */
// @ts-ignore: decorator
@inline
function isPlain(start: usize, end: usize): bool {
  let at = start;
  let bits = i64x2.splat(0);
  for (; at + 16 <= end; at += 16) bits = v128.or(bits, v128.load(at));
  const rest = <u32>(end - at);
  if (i8x16.bitmask(bits) != 0) return false;
  return (i8x16.bitmask(v128.load(at)) & ((1 << rest) - 1)) == 0;
}

/** Whether every string of labels of the right structure is UTF-8. */
function areUtf8(start: usize, end: usize): bool {
  let at = start;
  while (at < end) {
    at += <u32>load<u8>(at, 1) >= 0x80 ? 4 : 3;
    const nameEnd = at + 1 + <usize>load<u8>(at);
    if (!isUtf8(at + 1, nameEnd)) return false;
    let length = <usize>load<u8>(nameEnd, 1);
    at = nameEnd + 2;
    if (length >= 0x80) length = (length & 0x7f) | (<usize>load<u8>(at++) << 7);
    if (!isUtf8(at, at + length)) return false;
    at += length;
  }
  return true;
}
