import { OtlpJsonError, pathAt } from './error.ts';

/**
 * Reads the tokens of a JSON text from its bytes, strictly by RFC 8259. It keeps the place of the
 * last token instead of building values, so numbers keep their digits. Cold paths may ask for text.
 */
export class JsonScanner {
  readonly bytes: Buffer;
  position = 0;
  /** Content of the last string, without its quotes, or the last number. */
  start = 0;
  end = 0;
  /** Whether the last string holds escapes. */
  escaped = false;
  /** FNV-1a of the bytes of the last string, escapes as they stand. */
  hash = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The byte the next token begins with; 0 at the end. Skips white space. */
  peek(): number {
    const { bytes } = this;
    let at = this.position;
    let byte = bytes[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
    this.position = at;
    return byte ?? 0;
  }

  /** Reads the punctuation `byte`, which must come next. */
  expect(byte: number): void {
    if (this.peek() !== byte) this.fail(`expected ${String.fromCharCode(byte)}`);
    this.position++;
  }

  /** Reads `byte` if it comes next. */
  skip(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.position++;
    return true;
  }

  /** Reads a string: its place, its hash and whether it has escapes. */
  scanString(): void {
    if (this.peek() !== 0x22) this.fail('expected a string');
    const { bytes } = this;
    const opening = this.position;
    let hash = 0x811c9dc5;
    let escaped = false;
    for (let at = opening + 1; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === 0x22) {
        this.start = opening + 1;
        this.end = at;
        this.position = at + 1;
        this.escaped = escaped;
        this.hash = hash;
        return;
      }
      if (byte < 0x20) this.fail('control character in a string', opening);
      if (byte === 0x5c) {
        escaped = true;
        this.#checkEscape(++at);
      }
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    this.fail('string without an end', opening);
  }

  /** Reads a number: its place. */
  scanNumber(): void {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    if (bytes[at] === 0x2d) at++;
    const integer = at;
    while (isDigit(bytes[at])) at++;
    if (at === integer || (bytes[integer] === 0x30 && at > integer + 1)) {
      this.fail('expected a value', start);
    }
    if (bytes[at] === 0x2e) at = this.#digits(at + 1, start);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      at = this.#digits(at, start);
    }
    this.start = start;
    this.end = at;
    this.position = at;
  }

  /** Reads the literal that comes next, if it is this one. */
  skipLiteral(literal: 'null' | 'true' | 'false'): boolean {
    if (this.peek() !== literal.charCodeAt(0)) return false;
    const end = this.position + literal.length;
    if (this.bytes.toString('latin1', this.position, end) !== literal) return false;
    this.position = end;
    return true;
  }

  /** Reads over a value of any kind that nests at most `depth` levels more. */
  skipValue(depth: number): void {
    const byte = this.peek();
    if (byte === 0x22) return this.scanString();
    if (byte === 0x7b || byte === 0x5b) {
      if (depth <= 0) this.fail('nested too deeply');
      return this.#skipContainer(byte === 0x7b, depth - 1);
    }
    if (this.skipLiteral('null') || this.skipLiteral('true') || this.skipLiteral('false')) return;
    this.scanNumber();
  }

  /** The last string or number as text. */
  text(): string {
    if (!this.escaped || this.bytes[this.start - 1] !== 0x22) {
      return this.bytes.toString('utf8', this.start, this.end);
    }
    return String(JSON.parse(this.bytes.toString('utf8', this.start - 1, this.end + 1)));
  }

  /** Gives up, naming the value at `offset`, the next token by default. */
  fail(what: string, offset = this.position, fault: OtlpJsonError['fault'] = 'invalid'): never {
    const ended = offset >= this.bytes.length ? `${what}, but the body ends` : what;
    throw new OtlpJsonError(ended, pathAt(this.bytes, offset), { offset, fault });
  }

  #skipContainer(isObject: boolean, depth: number): void {
    const closing = isObject ? 0x7d : 0x5d;
    this.position++;
    if (this.skip(closing)) return;
    do {
      if (isObject) {
        this.scanString();
        this.expect(0x3a);
      }
      this.skipValue(depth);
    } while (this.skip(0x2c));
    this.expect(closing);
  }

  #checkEscape(at: number): void {
    const byte = this.bytes[at];
    if (byte === 0x75) {
      for (let digit = 1; digit <= 4; digit++) {
        if (!isHexDigit(this.bytes[at + digit])) this.fail('bad \\u escape in a string', at - 1);
      }
      return;
    }
    if (byte === undefined || !ESCAPES.includes(byte)) this.fail('bad escape in a string', at - 1);
  }

  #digits(first: number, start: number): number {
    let at = first;
    while (isDigit(this.bytes[at])) at++;
    if (at === first) this.fail('expected digits in a number', start);
    return at;
  }
}

const ESCAPES = Buffer.from('"\\/bfnrt');

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}
