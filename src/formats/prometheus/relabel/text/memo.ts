/** Longer texts are worked out anew each time. */
const MAX_LENGTH = 512;
/** Of the texts of one generation. */
const MAX_CHARACTERS = 256 * 1024;
/** What an entry counts beside its text. */
const ENTRY = 64;

/**
 * Remembers what a function made of texts, in bounded memory: two generations, of which the older
 * goes when the younger is full; what is asked for again moves to the younger.
 */
export class Memo<V> {
  readonly #compute: (text: string) => V;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #size = 0;

  constructor(compute: (text: string) => V) {
    this.#compute = compute;
  }

  get(text: string): V {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const value = this.#old.get(text) ?? this.#compute(text);
    if (text.length <= MAX_LENGTH) this.#keep(text, value);
    return value;
  }

  #keep(text: string, value: V): void {
    this.#size += text.length + ENTRY;
    if (this.#size > MAX_CHARACTERS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = text.length + ENTRY;
    }
    this.#young.set(text, value);
  }
}
