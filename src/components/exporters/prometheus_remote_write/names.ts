/**
 * Names as remote-write 1.0 allows them: `[a-zA-Z_:][a-zA-Z0-9_:]*` for metrics and
 * `[a-zA-Z_][a-zA-Z0-9_]*` for labels.
 */

const LETTER = 1;
const DIGIT = 2;
const COLON = 3;

const KINDS = new Uint8Array(256);
for (const letter of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_')) {
  KINDS[letter] = LETTER;
}
for (const digit of Buffer.from('0123456789')) KINDS[digit] = DIGIT;
KINDS[0x3a] = COLON;

/** Whether the bytes are the name of a label in 1.0. */
export function isLabelName(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || KINDS[bytes[start]!] !== LETTER) return false;
  for (let at = start + 1; at < end; at++) {
    const kind = KINDS[bytes[at]!]!;
    if (kind === 0 || kind === COLON) return false;
  }
  return true;
}

/** Whether the bytes are the name of a metric in 1.0. */
export function isMetricName(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || KINDS[bytes[start]!] === DIGIT) return false;
  for (let at = start; at < end; at++) if (KINDS[bytes[at]!] === 0) return false;
  return true;
}

/** A label's name with `_` for each character that 1.0 does not allow. */
export function escapeLabelName(name: string): string {
  const escaped = withoutLeadingDigit(name.replace(/[^a-zA-Z0-9_]/gu, '_'));
  // No label becomes the metric's name by accident.
  return escaped === '__name__' && name !== escaped ? `_${escaped}` : escaped;
}

/** A metric's name with `_` for each character that 1.0 does not allow. */
export function escapeMetricName(name: string): string {
  return withoutLeadingDigit(name.replace(/[^a-zA-Z0-9_:]/gu, '_'));
}

function withoutLeadingDigit(name: string): string {
  return /^\d/.test(name) ? `_${name}` : name;
}
