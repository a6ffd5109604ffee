/**
 * Consistent probability sampling, as OpenTelemetry specifies it: an item has 56 bits of
 * randomness R, a stage has a rejection threshold T of 56 bits, and R >= T is kept. 56 bits do
 * not fit a double, and a BigInt per item costs more than the rest of the decision, so both are
 * two halves of 28 bits.
 */

const HALF = 2 ** 28;
const WHOLE = 2 ** 56;
/** Hex digits of a threshold. */
export const DIGITS = 14;
/** The smallest probability that a threshold can say. */
export const LEAST_PROBABILITY = 2 ** -56;

/** A rejection threshold, with all that is derived from it. */
export interface Threshold {
  readonly high: number;
  readonly low: number;
  /** As tracestate has it: lower-case hex without trailing zeros, ASCII; `0` for 100 %. */
  readonly digits: Uint8Array;
  readonly probability: number;
  /** How many items each kept one stands for. */
  readonly adjustedCount: number;
}

/** The threshold with these halves, 28 bits each. */
export function thresholdOf(high: number, low: number): Threshold {
  const text = hexOf(high) + hexOf(low);
  return {
    high,
    low,
    digits: Buffer.from(text.replace(/0+$/, '') || '0'),
    probability: ((HALF - high) * HALF - low) / WHOLE,
    adjustedCount: adjustedCountAt({ high, low }),
  };
}

function hexOf(half: number): string {
  return half.toString(16).padStart(DIGITS / 2, '0');
}

/** How many items each one stands for that was kept at this threshold. */
export function adjustedCountAt({ high, low }: Half56): number {
  return WHOLE / ((HALF - high) * HALF - low);
}

/** Keeps everything. */
export const ALWAYS: Threshold = thresholdOf(0, 0);

/**
 * The threshold of a probability, in `precision` significant hex digits, leading `0` and `f` not
 * counted; undefined when the probability is too small to say, which means: drop everything.
 */
export function thresholdFor(probability: number, precision: number): Threshold | undefined {
  if (!(probability >= LEAST_PROBABILITY)) return undefined;
  if (probability >= 1) return ALWAYS;
  const leading = Math.max(leadingDigits(probability), leadingDigits(1 - probability));
  const shift = BigInt(4 * (DIGITS - Math.min(DIGITS, precision + leading)));
  let threshold = BigInt(WHOLE) - BigInt(Math.round(probability * WHOLE));
  if (shift > 0n) threshold = ((threshold + (1n << (shift - 1n))) >> shift) << shift;
  return thresholdOf(Number(threshold >> 28n), Number(threshold & BigInt(HALF - 1)));
}

/** How many hex digits of a fraction in (0, 1] are 0 before the first that says something. */
function leadingDigits(fraction: number): number {
  // The exponent that makes the mantissa at least a half and less than 1.
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, fraction);
  const exponent = ((view.getUint16(0) >>> 4) & 0x7ff) - 1022;
  return Math.max(0, Math.trunc(exponent / -4));
}

/** Whether `left` keeps fewer items than `right`. */
export function isAbove(left: Half56, right: Half56): boolean {
  return left.high === right.high ? left.low > right.low : left.high > right.high;
}

interface Half56 {
  readonly high: number;
  readonly low: number;
}

/** 56 bits read off the wire: the randomness of an item, or a threshold. One is reused for many. */
export class Bits56 {
  high = 0;
  low = 0;

  /** The low 56 bits of the 16 bytes at `at`: the randomness of a trace id. */
  readTraceId(bytes: Uint8Array, at: number): void {
    const middle = bytes[at + 12]!;
    this.high =
      (bytes[at + 9]! << 20) | (bytes[at + 10]! << 12) | (bytes[at + 11]! << 4) | (middle >>> 4);
    this.low =
      ((middle & 15) << 24) | (bytes[at + 13]! << 16) | (bytes[at + 14]! << 8) | bytes[at + 15]!;
  }

  /** Lower-case hex, filled up with zeros to 14 digits. False when it is none, or too long. */
  readHex(bytes: Uint8Array, start: number, end: number): boolean {
    if (end <= start || end - start > DIGITS) return false;
    let high = 0;
    let low = 0;
    for (let place = 0; place < DIGITS; place++) {
      const digit = start + place < end ? hexDigit(bytes[start + place]!) : 0;
      if (digit < 0) return false;
      if (place < DIGITS / 2) high = (high << 4) | digit;
      else low = (low << 4) | digit;
    }
    this.high = high;
    this.low = low;
    return true;
  }

  /** Whether an item with this randomness is kept at that threshold. */
  passes({ high, low }: Half56): boolean {
    return this.high === high ? this.low >= low : this.high > high;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}
