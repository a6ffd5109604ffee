import { Output } from '../output.ts';
import { areEqual } from '../ranges.ts';
import { LabelCursor } from '../walk.ts';
import type { LabelName } from './label-name.ts';
import { isNamed } from './name-table.ts';
import type { Patch, Plan } from './series-labels.ts';

/** What the rules do to all label sets that look the same to them. */
type Result = Plan | 'unchanged' | 'dropped' | 'nameless';

interface Entry {
  readonly key: Uint8Array;
  readonly result: Result;
}

const SLOTS = 2048;
const MAX_KEY_BYTES = 1024;
const MAX_PARTS = 64;
/** No byte of UTF-8: it ends a name and a value. */
const END = 0xff;
const NO_VALUE = 0xfe;

/**
 * Remembers what rules do to label sets by all that rules look at: which names there are, and the values
 * of some labels. A series that is new and differs from others in other values only, as the pods
 * of one deployment do, takes their plan instead of paying for the rules. One entry per slot.
 */
export class PlanTable {
  readonly #looked: readonly LabelName[];
  readonly #slots: (Entry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #labels = new LabelCursor();
  readonly #key = new Uint8Array(MAX_KEY_BYTES);
  readonly #output = new Output(1024);
  /** Where each label of the label set looked up last begins, and the end of the last. */
  readonly #starts: number[] = [];
  #keyLength = 0;
  #slot = 0;

  /** `looked` are the labels whose values matter. */
  constructor(looked: readonly LabelName[]) {
    this.#looked = looked;
  }

  /** What the rules do to the labels from `start` to `end` of a valid series, when it is known. */
  find(bytes: Uint8Array, start: number, end: number): Result | undefined {
    if (!this.#read(bytes, start, end)) return undefined;
    const known = this.#slots[this.#slot];
    if (known === undefined || known.key.length !== this.#keyLength) return undefined;
    return areEqual(known.key, 0, this.#key, 0, this.#keyLength) ? known.result : undefined;
  }

  /** Remembers what `find` did not know of the label set it looked at last. */
  set(result: Result): void {
    if (this.#keyLength === 0) return;
    if (typeof result === 'object' && result.parts.length > MAX_PARTS) return;
    this.#slots[this.#slot] = { key: this.#key.slice(0, this.#keyLength), result };
  }

  /** The patch of a plan for the label set that was looked at last; good until the next. */
  patch(plan: Plan, bytes: Uint8Array): Patch {
    const starts = this.#starts;
    const output = this.#output;
    output.backTo(0);
    const { parts } = plan;
    for (let at = 0; at < parts.length; at++) {
      const part = parts[at]!;
      if (typeof part === 'object') {
        output.append(part, 0, part.length);
        continue;
      }
      // Neighbours in one go.
      let last = part;
      while (parts[at + 1] === last + 1) [at, last] = [at + 1, last + 1];
      output.append(bytes, starts[part]!, starts[last + 1]!);
    }
    return {
      prefix: starts[plan.first]! - starts[0]!,
      suffix: starts.at(-1)! - starts[plan.last]!,
      bytes: output.bytes.subarray(0, output.length),
    };
  }

  /** Gathers all that the rules look at; false when it is too much to be kept. */
  #read(bytes: Uint8Array, start: number, end: number): boolean {
    const labels = this.#labels.enter(bytes, start, end);
    const key = this.#key;
    let [length, hash, count] = [0, 0, 0];
    this.#keyLength = 0;
    while (labels.next()) {
      const { nameStart, nameEnd, valueStart, valueEnd } = labels;
      this.#starts[count++] = labels.tagStart;
      const isLooked = this.#isLooked(bytes, nameStart, nameEnd);
      const last = isLooked ? valueEnd : nameEnd;
      if (length + last - nameStart + 2 > MAX_KEY_BYTES) return false;
      for (let at = nameStart; at < nameEnd; at++) key[length++] = bytes[at]!;
      // The hash finds a slot, no more: the ends of a name tell most names apart.
      const ends = (bytes[nameStart]! << 8) ^ bytes[nameEnd - 1]! ^ ((nameEnd - nameStart) << 16);
      hash = Math.imul(hash ^ ends, 0x01000193);
      key[length++] = isLooked ? END : NO_VALUE;
      for (let at = valueStart; at < last; at++) {
        const byte = bytes[at]!;
        key[length++] = byte;
        hash = Math.imul(hash ^ byte, 0x01000193);
      }
      if (isLooked) key[length++] = END;
    }
    this.#starts[count] = end;
    this.#starts.length = count + 1;
    this.#keyLength = length;
    this.#slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    return true;
  }

  #isLooked(bytes: Uint8Array, start: number, end: number): boolean {
    for (const name of this.#looked) if (isNamed(name, bytes, start, end)) return true;
    return false;
  }
}
