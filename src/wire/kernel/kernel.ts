// The check of src/wire/checker.ts, compiled to WebAssembly with SIMD. What it accepts, counts
// and reports is the same to the byte; tests compare the two.
//
// Measured with bench/micro/wire.ts at 2.5 GHz, the copy into this memory included: 512 spans in
// 207 kB 80 us (2.6 GB/s, 6.4 million spans per second), 512 log records in 117 kB 50 us, 10
// spans 1.7 us. What helps most: attributes are taken in rows without a stack (222 us without),
// fixed-size fields leave the loop first, and two-byte lengths are read in place.
//
// Memory: results, then the stack of open messages, then the shape table, then the request with
// at least 64 bytes of room behind it. No allocator and no runtime: the host lays it out.
//
//   0   position of the fault  | 4  items | 8  unsound items
//   64  stack: per open message its end, its table base, its marks, its note
//
// Results of `check` are indexes into the list of faults of src/wire/kernel.ts.

import { isAscii, isUtf8 } from './utf8';

const STACK: usize = 64;
const FRAME: usize = 16;
const STRIDE_BYTES: usize = 512;
const MAX_DEPTH: i32 = 100;

const OK: i32 = 0;
const TRUNCATED: i32 = 1;
const OVERLONG: i32 = 2;
const BAD_TAG: i32 = 3;
const MISMATCH: i32 = 4;
const NOT_UTF8: i32 = 5;
const BAD_ID: i32 = 6;
const TOO_DEEP: i32 = 7;
const UNBALANCED: i32 = 8;

/** Value of the last short varint that was read. */
let shortValue: u32 = 0;

/** Reads a tag or a length: at most five bytes and 32 bits. Answers the position behind it, or -fault. */
function short(position: usize, end: usize): i32 {
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
function varint(position: usize, end: usize): i32 {
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
function value(tag: u32, position: usize, end: usize, depth: i32): i32 {
  const wireType = tag & 7;
  if (wireType == 0) return varint(position, end);
  if (wireType == 3) return group(tag >> 3, position, end, depth + 1);
  if (wireType == 4) return -UNBALANCED;
  position += wireType == 1 ? 8 : 4;
  return position > end ? -TRUNCATED : <i32>position;
}

/**
 * Whether the bytes are, in this order and with nothing else, a key and a value of the kind that
 * nearly every attribute has: lengths below 128, an ASCII key, and a value that is empty, an ASCII
 * string, a number or a bool. When not, the pair may be valid all the same: the caller looks closer.
 *
 *   0a klen key… 12 vlen 0a slen string…
 */
// @ts-ignore: decorator
@inline
function isPlainPair(position: usize, stop: usize, table: usize, base: usize): bool {
  const size = stop - position;
  if (size < 4 || size > 127 || load<u8>(position) != 0x0a) return false;
  const value = position + 2 + <usize>load<u8>(position, 1);
  if (value + 2 > stop || load<u8>(value) != 0x12) return false;
  if (value + 2 + <usize>load<u8>(value, 1) != stop) return false;
  let checked = stop;
  if (load<u8>(value, 2) != 0x0a) {
    checked = value;
    if (value + 2 != stop) {
      const kind = <usize>(load<u16>(base + (0x12 << 1)) >> 8);
      const tag = <usize>load<u8>(value, 2);
      const action = load<u16>(table + kind * STRIDE_BYTES + (tag << 1));
      if (action == 2) {
        if (value + 4 != stop || load<u8>(value, 3) > 0x7f) {
          const next = varint(value + 3, stop);
          if (next < 0 || <usize>next != stop) return false;
        }
      } else if (action != 3 || value + 11 != stop) {
        return false;
      }
    }
  } else if (value + 4 > stop || value + 4 + <usize>load<u8>(value, 3) != stop) {
    return false;
  }
  // Tags and lengths are ASCII too, so that one look at all bytes tells about both strings.
  return isAscii(position, checked);
}

function fault(code: i32, at: usize, input: usize): i32 {
  store<u32>(0, <u32>(at - input));
  return code;
}

/**
 * Checks the message of kind `root` in memory from `input` on, `length` bytes long, by the shape
 * table at `table` for `messages` kinds. Answers 0 or a fault, and leaves the results in memory.
 */
export function check(root: u32, table: usize, messages: u32, input: usize, length: u32): i32 {
  const notes = table + messages * STRIDE_BYTES;
  let base = table + root * STRIDE_BYTES;
  let note = <u32>load<u16>(notes + (root << 1));
  let position = input;
  let end = input + length;
  let marks: u32 = 0;
  let depth: i32 = 0;
  let items: u32 = 0;
  let unsound: u32 = 0;
  let frame: usize = STACK;

  while (true) {
    if (position == end) {
      if (note) {
        items += note & 1;
        if (note & 2) unsound += ((note >> (8 + marks)) & 1) ^ 1;
      }
      if (depth == 0) break;
      depth--;
      frame -= FRAME;
      end = load<u32>(frame);
      base = load<u32>(frame, 4);
      marks = load<u32>(frame, 8);
      note = load<u32>(frame, 12);
      continue;
    }
    const at = position;
    let tag = <u32>load<u8>(position++);
    if (tag >= 0x80) {
      if (position < end && load<u8>(position) < 0x80) {
        tag = (tag & 0x7f) | (<u32>load<u8>(position++) << 7);
      } else {
        const next = short(at, end);
        if (next < 0) return fault(-next, at, input);
        tag = shortValue;
        position = next;
      }
    }
    const entry: u32 =
      tag < 256 ? <u32>load<u16>(base + (tag << 1)) : (tag & 7) > 5 ? 15 : 0;
    const action = entry & 0xff;

    if (action < 5) {
      if (action == 2 && position < end && load<u8>(position) < 0x80) {
        position++;
        continue;
      }
      if (action == 3) {
        position += 8;
        if (position > end) return fault(TRUNCATED, at, input);
        continue;
      }
      if (action == 4) {
        position += 4;
        if (position > end) return fault(TRUNCATED, at, input);
        continue;
      }
      if (action == 1) return fault(MISMATCH, at, input);
    }
    if ((tag & 7) == 2 && action != 15) {
      let size: u32 = position < end ? <u32>load<u8>(position) : 0x80;
      if (size < 0x80) {
        position++;
      } else if (position + 1 < end && load<u8>(position, 1) < 0x80) {
        size = (size & 0x7f) | (<u32>load<u8>(position, 1) << 7);
        position += 2;
      } else {
        const next = short(position, end);
        if (next < 0) return fault(-next, at, input);
        size = shortValue;
        position = next;
      }
      if (size > <u32>(end - position)) return fault(TRUNCATED, at, input);
      const stop = position + size;
      switch (action) {
        case 16: {
          if (depth < MAX_DEPTH - 1) {
            const child = table + (entry >> 8) * STRIDE_BYTES;
            if (isPlainPair(position, stop, table, child)) {
              // Attributes come in rows: stay here while the next field is another one.
              position = stop;
              while (position + 2 <= end && <u32>load<u8>(position) == tag) {
                const next = position + 2 + <usize>load<u8>(position, 1);
                if (next > end || !isPlainPair(position + 2, next, table, child)) break;
                position = next;
              }
              continue;
            }
          }
          // Not a plain one: as any other message.
        }
        case 8: {
          if (depth >= MAX_DEPTH) return fault(TOO_DEEP, at, input);
          store<u32>(frame, end);
          store<u32>(frame, base, 4);
          store<u32>(frame, marks, 8);
          store<u32>(frame, note, 12);
          frame += FRAME;
          depth++;
          end = stop;
          base = table + (entry >> 8) * STRIDE_BYTES;
          note = <u32>load<u16>(notes + ((entry >> 8) << 1));
          marks = 0;
          continue;
        }
        case 6: {
          if (!isUtf8(position, stop)) return fault(NOT_UTF8, at, input);
          break;
        }
        case 7: {
          if (size != entry >> 8 && size != 0) return fault(BAD_ID, at, input);
          break;
        }
        case 9: {
          while (position < stop) {
            const next = varint(position, stop);
            if (next < 0) return fault(-next, at, input);
            position = next;
          }
          break;
        }
        case 10: {
          if (size & 7) return fault(TRUNCATED, at, input);
          break;
        }
        case 11: {
          if (size & 3) return fault(TRUNCATED, at, input);
          break;
        }
      }
      position = stop;
      continue;
    }

    if (action == 15) return fault(BAD_TAG, at, input);
    const payload = position;
    const next = value(tag, position, end, depth);
    if (next < 0) return fault(-next, at, input);
    position = next;
    if (action == 12) marks = (marks & 6) | (load<u64>(payload) != 0 ? 1 : 0);
    else if (action == 13) marks |= 4;
    else if (action == 14) marks = (marks & 5) | ((<u32>load<u8>(payload) & 1) << 1);
  }
  store<u32>(4, items);
  store<u32>(8, unsound);
  return OK;
}
