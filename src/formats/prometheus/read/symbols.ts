import { isValidUtf8 } from '../../../wire/utf8.ts';
import { isMetricName } from './labels.ts';

/** What is known of a symbol: bits of `SymbolTable.marks`. */
export const SYMBOL = { empty: 1, metricName: 2, notUtf8: 4 } as const;

const NAME_BYTES = 8;

/** A request that becomes far larger than it is, by its symbols. */
export class ExpansionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExpansionError';
  }
}

/** A table of more takes far more memory than the request. */
const MAX_SYMBOLS = 1 << 20;

/** The strings of a remote-write 2.0 request, as ranges of its bytes, by their index. */
export class SymbolTable {
  count = 0;
  starts = new Uint32Array(256);
  ends = new Uint32Array(256);
  marks = new Uint8Array(256);
  readonly #maxBytes: number;
  #spent = 0;

  /** `maxBytes` is how much text may come of references, all series together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Charges text that references stand for; throws `ExpansionError` when it is too much. */
  spend(bytes: number): void {
    this.#spent += bytes;
    if (this.#spent <= this.#maxBytes) return;
    const limit = `${this.#maxBytes} bytes once symbols are resolved`;
    throw new ExpansionError(`the labels take more than ${limit}; send less at once`);
  }

  /** Takes in the symbol from `start` to `end`; throws `ExpansionError` when it is one too many. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.count === MAX_SYMBOLS)
      throw new ExpansionError(`there are more than ${MAX_SYMBOLS} symbols; send less at once`);
    if (this.count === this.starts.length) this.#grow();
    const index = this.count++;
    this.starts[index] = start;
    this.ends[index] = end;
    let marks = start === end ? SYMBOL.empty : 0;
    if (end - start === NAME_BYTES && isMetricName(bytes, start, end)) marks |= SYMBOL.metricName;
    if (!isValidUtf8(bytes, start, end)) marks |= SYMBOL.notUtf8;
    this.marks[index] = marks;
  }

  #grow(): void {
    this.starts = grown(this.starts, new Uint32Array(this.count * 2));
    this.ends = grown(this.ends, new Uint32Array(this.count * 2));
    this.marks = grown(this.marks, new Uint8Array(this.count * 2));
  }
}

function grown<A extends Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(from: A, to: A): A {
  to.set(from);
  return to;
}
