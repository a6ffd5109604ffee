/**
 * Upper and lower case code point by code point, as Prometheus has it: `ß` has no upper case of
 * one letter and stays, and a sigma at the end of a word is like any other. Both answer the same
 * length in code points.
 */
export function upperCase(text: string): string {
  if (isAscii(text)) return text.toUpperCase();
  let result = '';
  for (const letter of text) result += upperOf(letter);
  return result;
}

/** See `upperCase`. */
export function lowerCase(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  let result = '';
  // The one letter whose lower case is two code points in full and one, `i`, in simple.
  for (const letter of text) result += letter === '\u0130' ? 'i' : letter.toLowerCase();
  return result;
}

const ASCII = /^[\0-\x7f]*$/;

function isAscii(text: string): boolean {
  return ASCII.test(text);
}

// Greek letters with an iota below: in full their upper case is two letters, in simple it is the
// title case, at this distance.
const IOTA_RANGES: readonly (readonly [first: number, last: number, distance: number])[] = [
  [0x1f80, 0x1f87, 8],
  [0x1f90, 0x1f97, 8],
  [0x1fa0, 0x1fa7, 8],
  [0x1fb3, 0x1fb3, 9],
  [0x1fc3, 0x1fc3, 9],
  [0x1ff3, 0x1ff3, 9],
];

function upperOf(letter: string): string {
  const upper = letter.toUpperCase();
  if (upper === letter || codePoints(upper) === 1) return upper;
  const code = letter.codePointAt(0)!;
  for (const [first, last, distance] of IOTA_RANGES)
    if (code >= first && code <= last) return String.fromCodePoint(code + distance);
  return letter;
}

function codePoints(text: string): number {
  return text.length === 1 || (text.length === 2 && text.codePointAt(0)! > 0xffff) ? 1 : 2;
}
