import type { Bytes } from '../../../contract/batch.ts';

const BLOCK_BYTES = 256 * 1024;
const SHORT = 64;
const NOTHING: Bytes = new Uint8Array(0);
const encoder = new TextEncoder();

/** Bytes from `start` to `end` of a block. */
export interface BlockRange {
  readonly block: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Text being written into blocks of a fixed size: nothing that was written is ever copied to
 * make room for more.
 */
export class Blocks {
  readonly #done: Bytes[] = [];
  readonly #lengths: number[] = [];
  #bytes: Bytes = NOTHING;
  #length = 0;
  // What was written since the last `take`, but for the part in the current block.
  #ranges: BlockRange[] = [];
  #start = 0;

  /** Bytes of a text that is ASCII. */
  ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    let to = this.#length;
    for (let i = 0; i < length; i++) bytes[to++] = text.charCodeAt(i);
    this.#length = to;
  }

  /** Any text. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    if (end - start > SHORT) this.#bytes.set(source.subarray(start, end), this.#length);
    else {
      const bytes = this.#bytes;
      for (let at = start, to = this.#length; at < end; at++, to++) bytes[to] = source[at]!;
    }
    this.#length += end - start;
  }

  /** Text in quotes: `\`, `"` and the end of a line are escaped. */
  quoted(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 2 + 2);
    const bytes = this.#bytes;
    let to = this.#length;
    bytes[to++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = source[at]!;
      if (byte === QUOTE || byte === BACKSLASH) bytes[to++] = BACKSLASH;
      if (byte === NEWLINE) {
        bytes[to++] = BACKSLASH;
        bytes[to++] = LETTER_N;
      } else bytes[to++] = byte;
    }
    bytes[to++] = QUOTE;
    this.#length = to;
  }

  /** Where that stands what was written since the last call. */
  take(): readonly BlockRange[] {
    this.#endRange();
    const ranges = this.#ranges;
    this.#ranges = [];
    return ranges;
  }

  /** All blocks; the last is cut to its length where it is. The object is used up. */
  finish(): readonly Bytes[] {
    this.#endRange();
    this.#endBlock();
    return this.#done.map((bytes, index) => bytes.subarray(0, this.#lengths[index]));
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    this.#endRange();
    this.#endBlock();
    this.#bytes = new Uint8Array(Math.max(size, BLOCK_BYTES));
    this.#length = 0;
    this.#start = 0;
  }

  #endRange(): void {
    const block = this.#done.length;
    if (this.#length > this.#start) {
      this.#ranges.push({ block, start: this.#start, end: this.#length });
    }
    this.#start = this.#length;
  }

  #endBlock(): void {
    if (this.#length === 0) return;
    this.#done.push(this.#bytes);
    this.#lengths.push(this.#length);
    this.#bytes = NOTHING;
    this.#length = 0;
    this.#start = 0;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const LETTER_N = 0x6e;
