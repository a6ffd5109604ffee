import type { Output } from '../../prometheus/output.ts';

/** The last millisecond that fixed64 nanoseconds can hold. */
const LAST = 18_446_744_073_709;

/** The int64 milliseconds at `at`; 0 when they are absent (-1), negative or past what OTLP can say. */
export function timeAt(bytes: Uint8Array, at: number): number {
  if (at < 0) return 0;
  let value = 0;
  let scale = 1;
  for (let i = at; ; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  return value > LAST ? 0 : value;
}

/** Milliseconds as nanoseconds. */
export function nanoseconds(ms: number): bigint {
  return BigInt(ms) * 1_000_000n;
}

/**
 * Appends milliseconds as fixed64 nanoseconds behind `tag`; there is room. In halves of 32 bits,
 * no step of which leaves the integers a double can hold.
 */
export function appendNanoseconds(output: Output, tag: number, ms: number): void {
  const millions = Math.floor(ms / 0x100000) * 1_000_000;
  const low = (millions % 0x1000) * 0x100000 + (ms % 0x100000) * 1_000_000;
  const high = Math.floor(millions / 0x1000) + Math.floor(low / 0x100000000);
  output.byte(tag);
  appendWord(output, low % 0x100000000);
  appendWord(output, high);
}

function appendWord(output: Output, word: number): void {
  output.byte(word & 0xff);
  output.byte((word >>> 8) & 0xff);
  output.byte((word >>> 16) & 0xff);
  output.byte(word >>> 24);
}
