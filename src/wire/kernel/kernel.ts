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
//   16  an entry of the index that nobody reads
//   64  stack: per open message its end, its table base, its marks, its note
//
// The index, when one is asked for, stands behind the request: 32 bytes per item, in order, as
// src/wire/item-index.ts says. Noting it costs 14 us for 512 spans.
//
// Results of `check` are indexes into the list of faults of src/wire/kernel.ts.

import {
  BAD_ID,
  BAD_TAG,
  MAX_DEPTH,
  MISMATCH,
  NOT_UTF8,
  OK,
  short,
  shortValue,
  TOO_DEEP,
  TRUNCATED,
  value,
  varint,
} from './fields';
import { isPlainPair, keyHash, STRIDE_BYTES } from './pairs';
import { isUtf8 } from './utf8';

const SPARE_ENTRY: usize = 16;
const ENTRY: usize = 32;
const STACK: usize = 64;
const FRAME: usize = 16;

function fault(code: i32, at: usize, input: usize): i32 {
  store<u32>(0, <u32>(at - input));
  return code;
}

/**
 * Checks the message of kind `root` in memory from `input` on, `length` bytes long, by the shape
 * table at `table` for `messages` kinds. Answers 0 or a fault, and leaves the results in memory:
 * the index too, of the first `capacity` items, at `index`.
 */
export function check(
  root: u32,
  table: usize,
  messages: u32,
  input: usize,
  length: u32,
  index: usize,
  capacity: u32,
): i32 {
  // 1 when there is an index, so that with the note of a message it says whether it is noted.
  const indexed: u32 = capacity > 0 ? 1 : 0;
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
  // Of the item at hand: its entry, and the marks of the keys of its attributes.
  let slot: usize = SPARE_ENTRY;
  let keys: u64 = 0;
  let moreKeys: u64 = 0;

  while (true) {
    if (position == end) {
      if (note) {
        items += note & 1;
        if (note & indexed) {
          store<u64>(slot, keys, 16);
          store<u64>(slot, moreKeys, 24);
        }
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
              const isNoted = (note & indexed) != 0;
              let pair = position;
              position = stop;
              while (true) {
                if (isNoted) {
                  if (load<u8>(pair, 1) < 2) {
                    keys = moreKeys = -1;
                  } else {
                    const hash = keyHash(pair);
                    keys |= (<u64>1) << (<u64>(hash >> 26));
                    moreKeys |= (<u64>1) << (<u64>((hash >> 20) & 63));
                  }
                }
                if (position + 2 > end || <u32>load<u8>(position) != tag) break;
                const next = position + 2 + <usize>load<u8>(position, 1);
                if (next > end || !isPlainPair(position + 2, next, table, child)) break;
                pair = position + 2;
                position = next;
              }
              continue;
            }
          }
          // Not a plain one: as any other message. Its key may be any.
          if (note & indexed) keys = moreKeys = -1;
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
          if (note & indexed) {
            slot = items < capacity ? index + items * ENTRY : SPARE_ENTRY;
            store<u32>(slot, <u32>(at - input));
            store<u32>(slot, <u32>(stop - input), 4);
            store<u64>(slot, 0, 8);
            keys = moreKeys = 0;
          }
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
        case 17: {
          if (size != entry >> 8 && size != 0) return fault(BAD_ID, at, input);
          store<u32>(slot, size == 0 ? 0 : <u32>(position - input), 8);
          break;
        }
        case 18: {
          if (!isUtf8(position, stop)) return fault(NOT_UTF8, at, input);
          store<u32>(slot, <u32>(at - input), 12);
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
