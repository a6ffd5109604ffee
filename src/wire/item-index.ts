import type { FieldRange } from './cursor.ts';

/** Of an entry in the memory of the kernel. */
export const ENTRY_BYTES = 32;

// The words of an entry.
const WORDS = ENTRY_BYTES / 4;
const END = 1;
const ID = 2;
const TEXT = 3;
const KEYS = 4;

const NOTHING = new Uint8Array(0);

/** Where the entries stand among the words of a memory. */
interface Entries {
  readonly first: number;
  readonly items: number;
}

/**
 * Where the items of a message stand, where in each of them its noted fields stand, and which keys
 * its pairs may have. Noted by the kernel on its way through the message, so that who looks
 * for items has no second way to go.
 *
 * It looks at the kernel's memory and is good until the next check. It is a cursor too: the
 * current item is its `FieldRange`.
 *
 * ```
 * 0 tag of the item | 4 its end | 8 payload of its id | 12 tag of its text | 16 marks of its keys
 * ```
 */
export class ItemIndex implements FieldRange {
  tagStart = 0;
  end = 0;
  #bytes: Uint8Array = NOTHING;
  #words = new Uint32Array(0);
  #first = 0;
  #limit = 0;
  #next = 0;
  #moved = 0;

  /** What it is the index of; no bytes when it is none any more. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get start(): number {
    return payloadOf(this.#bytes, this.tagStart);
  }

  /** Where the payload of the current item's noted id begins; 0 when it has none. */
  get idAt(): number {
    return this.#words[this.#next - WORDS + ID]!;
  }

  /** Where the current item's noted string begins, its tag included; 0 when it has none. */
  get textAt(): number {
    return this.#words[this.#next - WORDS + TEXT]!;
  }

  /** Becomes the index of `bytes`. */
  look(bytes: Uint8Array, words: Uint32Array<ArrayBuffer>, { first, items }: Entries): void {
    this.#bytes = bytes;
    this.#words = words;
    this.#first = first;
    this.#limit = first + items * WORDS;
    this.#moved = first;
    this.enter();
  }

  forget(): void {
    this.#bytes = NOTHING;
    this.#limit = this.#first;
  }

  /** Stands in front of the first item. */
  enter(): this {
    this.#next = this.#first;
    return this;
  }

  /** Steps to the next item if it begins before `limit`. */
  nextBefore(limit: number): boolean {
    const entry = this.#next;
    const tagStart = entry < this.#limit ? this.#words[entry]! : limit;
    if (tagStart >= limit) return false;
    this.#next = entry + WORDS;
    this.tagStart = tagStart;
    this.end = this.#words[entry + END]!;
    return true;
  }

  /** Whether the current item may have a pair with one of the keys; when not, it has none. */
  mayHave(keys: readonly KeyMark[]): boolean {
    const words = this.#words;
    const marks = this.#next - WORDS + KEYS;
    for (let index = 0; index < keys.length; index++) {
      const { word, bit, otherWord, otherBit } = keys[index]!;
      if (words[marks + word]! & bit && words[marks + otherWord]! & otherBit) return true;
    }
    return false;
  }

  /** Tells that the bytes from `start` to `end` have moved by `growth`; in ascending order. */
  move(start: number, end: number, growth: number): void {
    const words = this.#words;
    for (let entry = this.#moved; entry < this.#limit; entry += WORDS) {
      if (words[entry]! < start || words[entry + END]! > end) return;
      words[entry]! += growth;
      words[entry + END]! += growth;
      if (words[entry + ID]! !== 0) words[entry + ID]! += growth;
      if (words[entry + TEXT]! !== 0) words[entry + TEXT]! += growth;
      this.#moved = entry + WORDS;
    }
  }

  /** Becomes the index of `bytes`, if every item has moved whole; of nothing if not. */
  moved(bytes: Uint8Array): void {
    if (this.#moved !== this.#limit) return this.forget();
    this.#bytes = bytes;
    this.#moved = this.#first;
    this.enter();
  }
}

/** How a key is marked in the index: two bits, one in each half of the marks of an item. */
export interface KeyMark {
  readonly word: number;
  readonly bit: number;
  readonly otherWord: number;
  readonly otherBit: number;
}

/** The marks that the kernel leaves for pairs with that key. */
export function keyMarkOf(key: Uint8Array): KeyMark {
  // Of shorter keys the kernel sets all marks.
  const pair = Buffer.concat([Buffer.of(0, 0, 0x0a, key.length), key]);
  const end = pair.readUInt32LE(pair.length - 4);
  const hash = Math.imul(end ^ Math.imul(key.length, 0x01000193), 0x9e3779b1);
  const mark = hash >>> 26;
  const other = (hash >>> 20) & 63;
  return {
    word: mark >>> 5,
    bit: 1 << (mark & 31),
    otherWord: 2 + (other >>> 5),
    otherBit: 1 << (other & 31),
  };
}

/** Where the payload of the length-delimited field at `tagStart` begins. */
function payloadOf(bytes: Uint8Array, tagStart: number): number {
  let at = tagStart;
  while (bytes[at]! >= 0x80) at++;
  at++;
  while (bytes[at]! >= 0x80) at++;
  return at + 1;
}
