// Decodes a block of snappy, strictly: what is cut short, too long or refers to nothing is refused. Copies
// go sixteen bytes at a time and so up to fifteen bytes too far, for which the host leaves room.
//
// element: tag, whose lower two bits say what follows
//   0  a literal: length less one in six bits, from 60 on in one to four bytes behind the tag
//   1  a copy: length less four in three bits, offset in the upper three and a byte
//   2  a copy: length less one in six bits, offset in two bytes
//   3  the same with an offset of four bytes

/**
 * Decodes the elements from `from` up to `fromEnd` to `to`; true when they are sound and make exactly what
 * is between `to` and `toEnd`.
 */
export function decode(from: usize, fromEnd: usize, to: usize, toEnd: usize): bool {
  let at = from;
  let out = to;
  while (at < fromEnd) {
    const tag = <u32>load<u8>(at++);
    const kind = tag & 3;
    if (kind == 0) {
      let length = <usize>(tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        if (extra > fromEnd - at) return false;
        length = (<usize>load<u32>(at) & (<usize>0xffff_ffff >> (32 - (extra << 3)))) + 1;
        at += extra;
      }
      // A length of 2^32 is 0 here.
      if (length == 0 || length > fromEnd - at || length > toEnd - out) return false;
      if (length > 64) memory.copy(out, at, length);
      else for (let i: usize = 0; i < length; i += 16) v128.store(out + i, v128.load(at + i));
      at += length;
      out += length;
      continue;
    }
    let length: usize;
    let offset: usize;
    if (kind == 1) {
      if (at >= fromEnd) return false;
      length = <usize>((tag >> 2) & 7) + 4;
      offset = (<usize>(tag >> 5) << 8) | <usize>load<u8>(at);
      at++;
    } else {
      const extra: usize = kind == 2 ? 2 : 4;
      if (extra > fromEnd - at) return false;
      length = <usize>(tag >> 2) + 1;
      offset = kind == 2 ? <usize>load<u16>(at) : <usize>load<u32>(at);
      at += extra;
    }
    if (offset == 0 || offset > out - to || length > toEnd - out) return false;
    const source = out - offset;
    if (offset >= 16) {
      for (let i: usize = 0; i < length; i += 16) v128.store(out + i, v128.load(source + i));
    } else if (offset >= 8) {
      for (let i: usize = 0; i < length; i += 8) store<u64>(out + i, load<u64>(source + i));
    } else {
      for (let i: usize = 0; i < length; i++) store<u8>(out + i, load<u8>(source + i));
    }
    out += length;
  }
  return out == toEnd;
}
