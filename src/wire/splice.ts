import type { FieldRange } from './cursor.ts';
import type { ItemIndex } from './item-index.ts';
import { takeBytes } from './memory.ts';
import { sizeOfVarint, writeVarint } from './varint.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** An entered field: its edit, the growth outside it so far, its start and its end. */
interface Frame {
  readonly edit: number;
  readonly outer: number;
  readonly start: number;
  readonly end: number;
}

const EMPTY = new Uint8Array(0);
const SHORT = 32;

/** Copies `source` from `start` to `end` to `offset` of `target`; answers the offset behind. */
export function copyRange(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  [start, end]: readonly [number, number],
): number {
  // fast path: a call costs more than copying a few bytes one by one
  if (end - start < SHORT) {
    for (let at = start; at < end; at++) target[offset + at - start] = source[at]!;
  } else {
    target.set(source.subarray(start, end), offset);
  }
  return offset + end - start;
}

/**
 * Edits immutable bytes: collects the changes, mends the lengths around them, then copies once.
 *
 * Edits come in ascending order and do not overlap. Each `enter` notes where the length of the
 * field stands; `leave` turns that note into an edit when the size inside has changed.
 */
export class Splice {
  readonly #bytes: Bytes;
  // One edit: bytes from start to end become the insert, or the varint when there is no insert.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #inserts: (Uint8Array | undefined)[] = [];
  readonly #varints: number[] = [];
  readonly #frames: Frame[] = [];
  #growth = 0;
  #position = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** Whether something was edited so far. */
  get edited(): boolean {
    return this.#starts.length > 0;
  }

  /** Enters a length-delimited field whose length must follow the edits made inside. */
  enter(field: FieldRange): void {
    let lengthStart = field.tagStart;
    while (this.#bytes[lengthStart]! >= 0x80) lengthStart++;
    const { tagStart: start, end } = field;
    this.#frames.push({ edit: this.#starts.length, outer: this.#growth, start, end });
    this.#push(lengthStart + 1, field.start, undefined);
    this.#growth = 0;
  }

  /** Leaves the field entered last. */
  leave(): void {
    const { edit, outer, end } = this.#popFrame();
    if (this.#position > end) throw new Error('bug: splice edited past the field it is in');
    if (this.#starts.length === edit + 1) {
      this.#truncate(edit);
      this.#growth = outer;
      return;
    }
    const payloadStart = this.#ends[edit]!;
    const length = end - payloadStart + this.#growth;
    this.#varints[edit] = length;
    this.#growth += outer + sizeOfVarint(length) - (payloadStart - this.#starts[edit]!);
  }

  /** Leaves the field entered last and removes it whole, whatever was edited inside. */
  leaveAndRemove(): void {
    const { edit, outer, start, end } = this.#popFrame();
    this.#truncate(edit);
    this.#growth = outer;
    this.#position = start;
    this.remove(start, end);
  }

  remove(start: number, end: number): void {
    const last = this.#starts.length - 1;
    const isNext = this.#inserts[last] === EMPTY && this.#position === start;
    // fast path: neighbours that go together are one edit
    if (isNext && this.#ends[last] === start && end >= start && end <= this.#bytes.length) {
      this.#ends[last] = end;
      this.#position = end;
      this.#growth -= end - start;
    } else {
      this.replace(start, end, EMPTY);
    }
  }

  insert(at: number, bytes: Uint8Array): void {
    this.replace(at, at, bytes);
  }

  /** The bytes are copied by `finish`, not before. */
  replace(start: number, end: number, bytes: Uint8Array): void {
    this.#push(start, end, bytes);
    this.#growth += bytes.length - (end - start);
  }

  /**
   * The edited bytes, in a buffer of their own; the very same array when nothing was edited.
   * `index`, of the items in the bytes, is of the edited bytes then.
   */
  finish(index?: ItemIndex): Bytes {
    if (this.#frames.length > 0) throw new Error('bug: splice finished inside a field');
    if (this.#starts.length === 0) return this.#bytes;
    const source = this.#bytes;
    const target = takeBytes(source.length + this.#growth);
    let from = 0;
    let to = 0;
    for (let edit = 0; edit < this.#starts.length; edit++) {
      const start = this.#starts[edit]!;
      if (start > from) {
        index?.move(from, start, to - from);
        to = copyRange(target, to, source, [from, start]);
      }
      const insert = this.#inserts[edit];
      if (insert === undefined) {
        to = writeVarint(target, to, this.#varints[edit]!);
      } else if (insert.length > 0) {
        to = copyRange(target, to, insert, [0, insert.length]);
      }
      from = this.#ends[edit]!;
    }
    index?.move(from, source.length, to - from);
    index?.moved(target);
    copyRange(target, to, source, [from, source.length]);
    return target;
  }

  #popFrame(): Frame {
    const frame = this.#frames.pop();
    if (frame === undefined) throw new Error('bug: splice left more fields than it entered');
    return frame;
  }

  #push(start: number, end: number, insert: Uint8Array | undefined): void {
    if (start < this.#position || end < start || end > this.#bytes.length)
      throw new Error('bug: splice edits out of order or out of range');
    this.#position = end;
    this.#starts.push(start);
    this.#ends.push(end);
    this.#inserts.push(insert);
    this.#varints.push(0);
  }

  #truncate(edits: number): void {
    this.#starts.length = edits;
    this.#ends.length = edits;
    this.#inserts.length = edits;
    this.#varints.length = edits;
  }
}
