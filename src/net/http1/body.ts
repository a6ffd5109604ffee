import type { Bytes } from '../../contract/batch.ts';
import { takeBytes } from '../../wire/memory.ts';

const FIRST_CAPACITY = 16 * 1024;

/**
 * An array with arbitrary content, held by the caller (see `wire/memory`), in a buffer that it
 * shares with nobody: it can be transferred to another thread. Not even empty ones are shared: a
 * transfer would detach the buffer for all who hold it.
 */
export function allocateOwn(length: number): Bytes {
  return takeBytes(length);
}

/** A body that is filled as it arrives. Bytes are copied once, into their final place. */
export class BodyBuffer {
  #bytes: Bytes;
  #length = 0;

  /** `announced` is the whole length when known, else 0. */
  constructor(announced: number) {
    this.#bytes = allocateOwn(announced);
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** What the capacity has to become so that `more` bytes fit; doubles, up to `max`. */
  capacityFor(more: number, max: number): number {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return this.#bytes.length;
    return Math.max(needed, Math.min(max, Math.max(this.#bytes.length * 2, FIRST_CAPACITY)));
  }

  grow(capacity: number): void {
    if (capacity <= this.#bytes.length) return;
    const grown = allocateOwn(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  /** The caller made sure that there is room. */
  append(chunk: Buffer, start: number, end: number): void {
    chunk.copy(this.#bytes, this.#length, start, end);
    this.#length += end - start;
  }

  /** The body, without slack. */
  finish(): Bytes {
    if (this.#length === this.#bytes.length) return this.#bytes;
    const exact = allocateOwn(this.#length);
    exact.set(this.#bytes.subarray(0, this.#length));
    return exact;
  }
}
