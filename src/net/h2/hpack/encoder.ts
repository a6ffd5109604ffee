import { STATIC_TABLE } from './static-table.ts';

/**
 * Encodes a header block with the static table and plain literals only: it means the same on
 * every connection and at any time, so that blocks can be made once and kept. Names are lower
 * case; values have one character per byte.
 */
export function encodeHeaders(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  let text = '';
  for (const [name, value] of fields) text += encodeField(name, value);
  return Buffer.from(text, 'latin1');
}

/** Index in the static table of a name, and of a name with its value. */
const NAMES = new Map<string, number>();
const FIELDS = new Map<string, number>();
for (const [at, [name, value]] of STATIC_TABLE.entries()) {
  if (!NAMES.has(name)) NAMES.set(name, at + 1);
  FIELDS.set(`${name}\0${value}`, at + 1);
}

const INDEXED = 0x80;
const LITERAL = 0;

function encodeField(name: string, value: string): string {
  const whole = FIELDS.get(`${name}\0${value}`);
  if (whole !== undefined) return encodeInteger(INDEXED, 7, whole);
  const known = NAMES.get(name);
  const start =
    known === undefined
      ? encodeInteger(LITERAL, 4, 0) + encodeString(name)
      : encodeInteger(LITERAL, 4, known);
  return start + encodeString(value);
}

function encodeString(text: string): string {
  return encodeInteger(0, 7, text.length) + text;
}

/** An integer behind the `8 - prefix` bits of `pattern`. */
function encodeInteger(pattern: number, prefix: number, value: number): string {
  const mask = (1 << prefix) - 1;
  if (value < mask) return String.fromCharCode(pattern | value);
  let text = String.fromCharCode(pattern | mask);
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128))
    text += String.fromCharCode(128 | (rest % 128));
  return text + String.fromCharCode(rest);
}
