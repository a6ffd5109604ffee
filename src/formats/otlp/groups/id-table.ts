/**
 * Numbers ids of 16 bytes in the order they come, by where they stand in a request: an id that was
 * there before has its number again. Ids of other lengths are all one: none.
 */
export class IdTable {
  /** Where each id stands, by its number; -1 for none. */
  readonly starts: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #slots = new Int32Array(1024).fill(FREE);
  #none = -1;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The number of the id from `start` to `end`. */
  numberOf(start: number, end: number): number {
    if (end - start !== ID_BYTES) return this.#numberOfNone();
    let slot = this.#slotOf(start);
    for (let number = this.#slots[slot]!; number !== FREE; number = this.#slots[slot]!) {
      if (this.#isSame(this.starts[number]!, start)) return number;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    const number = this.starts.push(start) - 1;
    this.#slots[slot] = number;
    if (this.starts.length * 2 > this.#slots.length) this.#grow();
    return number;
  }

  #numberOfNone(): number {
    if (this.#none === -1) this.#none = this.starts.push(-1) - 1;
    return this.#none;
  }

  #slotOf(start: number): number {
    const view = this.#view;
    // Ids are random in their last bytes, by the specification; older ones anywhere.
    const mixed =
      Math.imul(view.getInt32(start, true) ^ view.getInt32(start + 4, true), 0x85ebca6b) ^
      Math.imul(view.getInt32(start + 8, true) ^ view.getInt32(start + 12, true), 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & (this.#slots.length - 1);
  }

  #isSame(a: number, b: number): boolean {
    for (let i = 0; i < ID_BYTES; i++) if (this.#bytes[a + i] !== this.#bytes[b + i]) return false;
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(FREE);
    for (const [number, start] of this.starts.entries()) {
      if (start === -1) continue;
      let slot = this.#slotOf(start);
      while (this.#slots[slot] !== FREE) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = number;
    }
  }
}

const ID_BYTES = 16;
const FREE = -1;
