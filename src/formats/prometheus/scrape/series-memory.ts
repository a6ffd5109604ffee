import { ScrapeError } from './scrape-error.ts';

/** Bytes that all targets together may take for what is remembered of their series. */
export class SeriesMemory {
  readonly maxBytes: number;
  #used = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes that many more bytes, or throws a `ScrapeError`. */
  take(bytes: number): void {
    if (this.#used + bytes > this.maxBytes) {
      const message = `what is remembered of all series would exceed ${this.maxBytes} bytes; raise max_series_memory, or scrape less`;
      throw new ScrapeError('series_memory', message);
    }
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** The same numbers with room for `length`. */
export function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(array);
  return copy;
}

/** Puts an index into a table of which at most half is in use; 0 is a free slot. */
export function place(slots: Int32Array, hash: number, index: number): void {
  const mask = slots.length - 1;
  let at = hash & mask;
  while (slots[at] !== 0) at = (at + 1) & mask;
  slots[at] = index + 1;
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
