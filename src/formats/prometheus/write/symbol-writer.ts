import { randomInt } from 'node:crypto';
import { areEqual, hashRange } from '../ranges.ts';
import { Output } from '../output.ts';

const SYMBOL_TAG = 0x22;

/**
 * The symbols of one remote-write 2.0 request: strings in, references out, each string once. The
 * strings are found by hash and told apart by their bytes.
 */
export class SymbolWriter {
  /** The symbols as fields of the request, the empty one first. */
  readonly output = new Output(8192);
  readonly #seed = randomInt(2 ** 31);
  #slots = new Int32Array(2048);
  #mask = 2047;
  #count = 0;
  #starts = new Uint32Array(1024);
  #ends = new Uint32Array(1024);
  #hashes = new Int32Array(1024);

  constructor() {
    this.refOf(new Uint8Array(0), 0, 0);
  }

  /** Symbols so far. */
  get count(): number {
    return this.#count;
  }

  /** Whether the symbol `ref` is the string from `start` to `end`. */
  // oxlint-disable-next-line max-params -- one call per string: an object would be an allocation
  is(ref: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#starts[ref]!;
    return (
      this.#ends[ref]! - at === end - start &&
      areEqual(this.output.bytes, at, bytes, start, end - start)
    );
  }

  /** The reference of the string from `start` to `end`, which is a symbol from now on. */
  refOf(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashRange(bytes, start, end, this.#seed);
    let slot = hash & this.#mask;
    for (;;) {
      const ref = this.#slots[slot]! - 1;
      if (ref < 0) break;
      if (this.#hashes[ref] === hash && this.is(ref, bytes, start, end)) return ref;
      slot = (slot + 1) & this.#mask;
    }
    return this.#add(bytes, start, end, hash);
  }

  // oxlint-disable-next-line max-params -- the string and its hash
  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    const ref = this.#count++;
    this.output.delimited(SYMBOL_TAG, bytes, start, end);
    this.#ends[ref] = this.output.length;
    this.#starts[ref] = this.output.length - (end - start);
    this.#hashes[ref] = hash;
    this.#place(ref);
    return ref;
  }

  #place(ref: number): void {
    let slot = this.#hashes[ref]! & this.#mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = ref + 1;
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
    this.#starts = enlarged(this.#starts, new Uint32Array(size / 2));
    this.#ends = enlarged(this.#ends, new Uint32Array(size / 2));
    this.#hashes = enlarged(this.#hashes, new Int32Array(size / 2));
    for (let ref = 0; ref < this.#count; ref++) this.#place(ref);
  }
}

function enlarged<A extends Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(from: A, to: A): A {
  to.set(from);
  return to;
}
