/** Whether the bytes from `start` to `end` are UTF-8: shortest forms only, no surrogates. */
export function isValidUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      at++;
      continue;
    }
    const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || at + length > end) return false;
    const second = bytes[at + 1]!;
    // The second byte rules out long forms (e0, f0), surrogates (ed) and what is past U+10FFFF.
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let next = at + 2; next < at + length; next++)
      if ((bytes[next]! & 0xc0) !== 0x80) return false;
    at += length;
  }
  return true;
}
