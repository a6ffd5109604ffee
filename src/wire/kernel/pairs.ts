// Pairs of a key and a value, the kind of message there is most of.

import { varint } from './fields';
import { isAscii } from './utf8';

/** Bytes of the entries of one message in the table of shapes. */
export const STRIDE_BYTES: usize = 512;

/**
 * Whether the bytes are, in this order and with nothing else, a key and a value of the kind that
 * nearly every attribute has: lengths below 128, an ASCII key, and a value that is empty, an ASCII
 * string, a number or a bool. When not, the pair may be valid all the same: the caller looks closer.
 *
 *   0a klen key… 12 vlen 0a slen string…
 */
// @ts-ignore: decorator
@inline
export function isPlainPair(position: usize, stop: usize, table: usize, base: usize): bool {
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

/** A number that tells keys apart, of at least two bytes, in a plain pair: of its end and its length. */
// @ts-ignore: decorator
@inline
export function keyHash(position: usize): u32 {
  const length = <u32>load<u8>(position, 1);
  return (load<u32>(position + length - 2) ^ (length * 0x01000193)) * 0x9e3779b1;
}
