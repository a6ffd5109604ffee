// Looking at text 16 bytes at a time. May read up to 64 bytes past the end, which the host leaves
// room for; what is read there has no say.

/**
 * Whether up to 127 bytes are ASCII. Without a branch up to 64: what is loaded past the end is
 * inside the memory, and masked out.
 */
// @ts-ignore: decorator
@inline
export function isAscii(at: usize, end: usize): bool {
  if (end - at > 64) {
    if (high64(at) != 0) return false;
    at += 64;
  }
  return (high64(at) & ((<u64>-1) >> (64 - <u64>(end - at)))) == 0;
}

/** The high bits of 64 bytes. */
// @ts-ignore: decorator
@inline
function high64(at: usize): u64 {
  return (
    <u64>i8x16.bitmask(v128.load(at)) |
    (<u64>i8x16.bitmask(v128.load(at, 16)) << 16) |
    (<u64>i8x16.bitmask(v128.load(at, 32)) << 32) |
    (<u64>i8x16.bitmask(v128.load(at, 48)) << 48)
  );
}

/** Whether the bytes are UTF-8: 16 at a time while they are ASCII, then one by one. */
export function isUtf8(at: usize, end: usize): bool {
  while (at + 16 <= end) {
    if (v128.any_true(v128.and(v128.load(at), i8x16.splat(-128)))) return isUtf8Slow(at, end);
    at += 16;
  }
  // The rest: reads past the end are inside the memory, and what they bring is masked out.
  if (at < end) {
    const high = i8x16.bitmask(v128.load(at)) & ((1 << (<i32>(end - at))) - 1);
    if (high != 0) return isUtf8Slow(at, end);
  }
  return true;
}

function isUtf8Slow(at: usize, end: usize): bool {
  while (at < end) {
    const first = <u32>load<u8>(at);
    if (first < 0x80) {
      if (at + 16 <= end && !v128.any_true(v128.and(v128.load(at), i8x16.splat(-128)))) at += 16;
      else at++;
      continue;
    }
    const length: usize = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || at + length > end) return false;
    const second = <u32>load<u8>(at + 1);
    const low: u32 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const high: u32 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    if (length > 2 && (load<u8>(at + 2) & 0xc0) != 0x80) return false;
    if (length > 3 && (load<u8>(at + 3) & 0xc0) != 0x80) return false;
    at += length;
  }
  return true;
}
