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

// The names of the series before, which the next most likely has, too, in the same order: of each its
// place and its length. What was found out about them holds again.
const ROW: usize = 256;
const ROW_END: usize = 768;
let rowEnd: usize = ROW;
let rowMetric: usize = 0;
let rowIsLegacy: bool = false;

/** Forgets the names of the series before: the memory they are in is about to change. */
export function forgetNames(): void {
  rowEnd = ROW;
}

/**
 * Where the labels at `start` of a series end when they are as the form wants them: first, sorted,
 * unique, complete, UTF-8 and written the shortest way. 0 when they are not, or when lengths take more
 * than two bytes.
 */
export function endOfSortedLabels(start: usize, end: usize): usize {
  let at = start;
  let before: usize = 0;
  let row = ROW;
  let isRow = true;
  let metric: usize = 0;
  let legacy = true;
  let metricIsLegacy = true;
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
    let value = nameEnd + 2;
    if (valueLength < 0x80) {
      if (value + valueLength != labelEnd) return 0;
    } else {
      const high = <usize>load<u8>(nameEnd, 2);
      if (high >= 0x80 || high == 0) return 0;
      value++;
      if (value + ((valueLength & 0x7f) | (high << 7)) != labelEnd) return 0;
    }
    // fast path: the name that the series before has at this place
    if (!isRow || row >= rowEnd || !isNameAt(row, name, nameLength)) {
      if (isRow) {
        isRow = false;
        legacy = rowIsLegacy || row == ROW;
        metric = rowMetric < row ? rowMetric : 0;
        rowEnd = ROW;
      }
      if (before != 0 && !isBefore(before, <usize>load<u8>(before - 1), name, nameLength)) return 0;
      if (isMetricName(name, nameLength)) metric = row;
      else legacy = legacy && isLegacy(name, nameLength, 0x5f);
      if (row == ROW_END) return 0;
    }
    if (row == (isRow ? rowMetric : metric)) {
      metricIsLegacy = isLegacy(value, labelEnd - value, 0x3a);
    }
    // The place moves on with every series, so that it is near.
    store<u32>(row, <u32>name);
    store<u32>(row, <u32>nameLength, 4);
    row += 8;
    before = name;
    at = labelEnd;
  }
  if (isRow) {
    metric = rowMetric < row ? rowMetric : 0;
    legacy = rowIsLegacy;
  }
  if (metric == 0 || !(isPlain(start, at) || areUtf8(start, at))) {
    rowEnd = ROW;
    return 0;
  }
  if (!isRow) {
    rowEnd = row;
    rowMetric = metric;
    rowIsLegacy = legacy;
  }
  areLegacy = legacy && metricIsLegacy;
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

// @ts-ignore: decorator
@inline
function isMetricName(name: usize, length: usize): bool {
  return length == METRIC_NAME_BYTES && load<u64>(name) == METRIC_NAME;
}

/** Whether a name is the one at that place of the row. */
// @ts-ignore: decorator
@inline
function isNameAt(row: usize, name: usize, length: usize): bool {
  if (<usize>load<u32>(row, 4) != length) return false;
  const other = <usize>load<u32>(row);
  if (length > 16) {
    for (let i: usize = 0; i < length; i++) if (load<u8>(name + i) != load<u8>(other + i)) return false;
    return true;
  }
  const same = i8x16.bitmask(i8x16.eq(v128.load(name), v128.load(other)));
  return (same | (-1 << <i32>length)) == -1;
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
