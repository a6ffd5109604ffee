import { releaseBytes, takeBytes } from '../../wire/memory.ts';
import { copyRange } from '../../wire/splice.ts';
import { sizeOfVarint, writeVarint } from '../../wire/varint.ts';
import type { Bytes } from '../../contract/batch.ts';

/** Shorter ranges are copied in a loop: a call into the engine's copy costs more. */
const SHORT = 48;

/**
 * Bytes being written, for messages of many short strings. Unlike `Writer` it leaves room to
 * the caller (`reserve`), copies short ranges without a call, and guesses the size of lengths.
 */
export class Output {
  bytes: Bytes;
  length = 0;

  constructor(capacity: number) {
    this.bytes = takeBytes(capacity);
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const grown = takeBytes(Math.max(needed, this.bytes.length * 2));
    copyRange(grown, 0, this.bytes, [0, this.length]);
    releaseBytes(this.bytes);
    this.bytes = grown;
  }

  /** One byte, such as a tag; for which there is room. */
  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** A varint of 0 to 2^53 - 1, for which there is room. */
  varint(value: number): void {
    if (value < 0x80) this.bytes[this.length++] = value;
    else this.length = writeVarint(this.bytes, this.length, value);
  }

  /** Copies a range, for which there is room. */
  copy(source: Uint8Array, start: number, end: number): void {
    const target = this.bytes;
    let to = this.length;
    this.length = to + end - start;
    if (end - start <= SHORT) for (let at = start; at < end; at++) target[to++] = source[at]!;
    else copyRange(target, to, source, [start, end]);
  }

  /** Copies a range and makes the room for it. */
  append(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.copy(source, start, end);
  }

  /** A length-delimited field from a range: tag of one byte, length, payload. */
  // oxlint-disable-next-line max-params -- one call per string: an object would be an allocation
  delimited(tag: number, source: Uint8Array, start: number, end: number): void {
    this.reserve(6 + end - start);
    this.byte(tag);
    this.varint(end - start);
    this.copy(source, start, end);
  }

  /**
   * Begins a message, of which the tag is one byte; answers what `close` wants to know. Its
   * length is guessed to take `lengthBytes`; a wrong guess moves the message.
   */
  open(tag: number, lengthBytes: number): number {
    this.reserve(16);
    this.byte(tag);
    this.length += lengthBytes;
    return this.length;
  }

  /** Ends the message that begins at `start`, whose length was guessed to take `lengthBytes`. */
  close(start: number, lengthBytes: number): void {
    const size = this.length - start;
    const needed = sizeOfVarint(size);
    if (needed !== lengthBytes) {
      this.reserve(5);
      this.bytes.copyWithin(start - lengthBytes + needed, start, this.length);
      this.length += needed - lengthBytes;
    }
    writeVarint(this.bytes, start - lengthBytes, size);
  }

  /** Takes back what was written since the length was `length`. */
  backTo(length: number): void {
    this.length = length;
  }

  /** What was written, in a buffer of its own, held by the caller. The output is used up. */
  finish(): Bytes {
    const { bytes, length } = this;
    this.bytes = NOTHING;
    this.length = 0;
    if (length * MAX_SLACK >= bytes.length) return new Uint8Array(bytes.buffer, 0, length);
    const out = takeBytes(length);
    copyRange(out, 0, bytes, [0, length]);
    releaseBytes(bytes);
    return out;
  }

  /** Lets go of what was written. */
  discard(): void {
    releaseBytes(this.bytes);
    this.bytes = NOTHING;
    this.length = 0;
  }
}

/** A message that takes less of its buffer than one part in this many is copied out of it. */
const MAX_SLACK = 2;
const NOTHING: Bytes = new Uint8Array(0);
