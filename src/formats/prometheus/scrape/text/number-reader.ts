const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const LETTER_E = 0x65;
const LOWER_CASE = 0x20;
const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_each, exponent) => 10 ** exponent);
/** As many digits are an integer that a double holds exactly. */
const MAX_DIGITS = 15;
const MAX_EXPONENT = 22;
/** Longer numbers are no numbers. */
const MAX_LENGTH = 4096;

const NOTHING: Uint8Array = new Uint8Array(0);
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/**
 * Reads numbers as exposition formats write them, which is as Go reads them, less hexadecimal
 * digits and underscores. A number ends at a space, a tab or a line break, and one has to be there.
 */
export class NumberReader {
  /** Behind the number that was read last; -1 when it was none. */
  end = 0;
  #page = NOTHING;
  /** The page as Latin-1, made when there is a number that needs it. */
  #text = '';

  /** The number at `start`, rounded as IEEE 754 demands. */
  read(bytes: Uint8Array, start: number): number {
    let at = start;
    let byte = bytes[at]!;
    const isNegative = byte === MINUS;
    if (isNegative || byte === PLUS) byte = bytes[++at]!;
    const first = at;
    let digits = 0;
    while (byte >= 0x30 && byte <= 0x39) {
      digits = digits * 10 + (byte - 0x30);
      byte = bytes[++at]!;
    }
    let count = at - first;
    let scale = 0;
    if (byte === POINT) {
      byte = bytes[++at]!;
      const fraction = at;
      while (byte >= 0x30 && byte <= 0x39) {
        digits = digits * 10 + (byte - 0x30);
        byte = bytes[++at]!;
      }
      scale = at - fraction;
      count += scale;
    }
    if (count === 0) return this.#readSlowly(bytes, start);
    if (byte !== NEWLINE && byte !== SPACE) {
      if ((byte | LOWER_CASE) !== LETTER_E) return this.#readSlowly(bytes, start);
      byte = bytes[++at]!;
      const isSmall = byte === MINUS;
      if (isSmall || byte === PLUS) byte = bytes[++at]!;
      const exponentAt = at;
      let exponent = 0;
      while (byte >= 0x30 && byte <= 0x39) {
        exponent = exponent * 10 + (byte - 0x30);
        byte = bytes[++at]!;
      }
      if (at === exponentAt || at > exponentAt + 3) return this.#readSlowly(bytes, start);
      if (byte !== NEWLINE && byte !== SPACE) return this.#readSlowly(bytes, start);
      scale += isSmall ? exponent : -exponent;
    }
    if (count > MAX_DIGITS || scale > MAX_EXPONENT || scale < -MAX_EXPONENT)
      return this.#readLong(bytes, start, at);
    this.end = at;
    // Both are exact, so that one rounding is all there is.
    const value = scale > 0 ? digits / POWERS[scale]! : digits * POWERS[-scale]!;
    return isNegative ? -value : value;
  }

  /** Lets go of the page that was read from last. */
  release(): void {
    this.#page = NOTHING;
    this.#text = '';
  }

  /** A number of many digits, from `start` to `end`; a page with one has more of them. */
  #readLong(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > MAX_LENGTH) return this.#readSlowly(bytes, start);
    if (this.#page !== bytes) {
      this.#page = bytes;
      this.#text = asText(bytes, 0, bytes.length);
    }
    const value = Number(this.#text.slice(start, end));
    this.end = Number.isFinite(value) ? end : -1;
    return value;
  }

  #readSlowly(bytes: Uint8Array, start: number): number {
    let end = start;
    const limit = Math.min(bytes.length, start + MAX_LENGTH);
    while (end < limit && !isEnd(bytes[end]!)) end++;
    this.end = end;
    const text = asText(bytes, start, end);
    if (DECIMAL.test(text)) {
      const value = Number(text);
      if (Number.isFinite(value)) return value;
    }
    const infinite = INFINITE.exec(text);
    if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
    if (text.length !== 3 || text.toLowerCase() !== 'nan') this.end = -1;
    return Number.NaN;
  }
}

function isEnd(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === TAB;
}

function asText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/**
 * A number as Prometheus writes it in the labels `le` and `quantile`: as Go's FormatFloat with
 * 'g' and -1 does, and never without a point or an exponent.
 */
export function openMetricsNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign = '', digits = '', exponentText = ''] =
    /^(-?)([\d.]+)e([+-]\d+)$/.exec(value.toExponential()) ?? [];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 6) {
    return `${sign}${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const plain = String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}
