import type { Bytes } from '../../../contract/batch.ts';
import { Output } from '../output.ts';
import { LabelCursor } from '../walk.ts';
import type { LabelName } from './label-name.ts';
import type { LabelSet } from './label-set.ts';
import { isNamed, NameTable } from './name-table.ts';

// message Label { string name = 1; string value = 2; }
const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** Encoded labels as others: so many bytes from their begin, then these, then so many to their end. */
export interface Patch {
  readonly prefix: number;
  readonly suffix: number;
  readonly bytes: Uint8Array;
}

/** What stands in place of the labels from `first` up to but not including `last`. */
export interface Plan {
  readonly first: number;
  readonly last: number;
  /** In order: labels of the wire by their index, and new ones as they are written. */
  readonly parts: readonly (number | Uint8Array)[];
}

/** The same, with labels that were set by their index, too. */
interface Edits {
  readonly first: number;
  readonly last: number;
  readonly parts: readonly number[];
}

/**
 * The labels of a series on the wire. Names are compared as bytes, a value becomes text when a
 * rule asks for it, and labels that were not set are copied. Reused from series to series.
 */
export class SeriesLabels implements LabelSet {
  #bytes: Uint8Array = new Uint8Array(0);
  /** The same memory, which is a `Buffer` where it becomes text. */
  #text = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  // Labels of the wire, then those that were set.
  #read = 0;
  #size = 0;
  #edited = false;
  readonly #tagStarts: number[] = [];
  readonly #nameStarts: number[] = [];
  readonly #nameEnds: number[] = [];
  readonly #valueStarts: number[] = [];
  readonly #valueEnds: number[] = [];
  readonly #present: boolean[] = [];
  readonly #values: (string | undefined)[] = [];
  readonly #names: (LabelName | undefined)[] = [];
  /** Names that became text before, by index. */
  readonly #namesBefore: (LabelName | undefined)[] = [];
  readonly #table = new NameTable();
  readonly #cursor = new LabelCursor();
  readonly #output = new Output(1024);

  /** Says which chunk the series are in. */
  begin(chunk: Bytes): void {
    this.#bytes = chunk;
    this.#text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  /** Begins with the labels of a valid series of the form, from `start` to `end`. */
  enter(start: number, end: number): void {
    this.#start = start;
    this.#end = end;
    this.#edited = false;
    let index = 0;
    const cursor = this.#cursor.enter(this.#bytes, start, end);
    for (; cursor.next(); index++) {
      this.#tagStarts[index] = cursor.tagStart;
      this.#nameStarts[index] = cursor.nameStart;
      this.#nameEnds[index] = cursor.nameEnd;
      this.#valueStarts[index] = cursor.valueStart;
      this.#valueEnds[index] = cursor.valueEnd;
      this.#present[index] = true;
      this.#values[index] = undefined;
      this.#names[index] = undefined;
    }
    this.#read = index;
    this.#size = index;
  }

  get(name: LabelName): string {
    const index = this.#find(name);
    return index < 0 ? '' : this.#valueAt(index);
  }

  set(name: LabelName, value: string): void {
    const index = this.#find(name);
    if (index < 0 && value === '') return;
    this.#edited = true;
    if (index >= this.#read && value !== '') {
      this.#values[index] = value;
      return;
    }
    if (index >= 0) this.#present[index] = false;
    if (value === '') return;
    this.#names[this.#size] = name;
    this.#values[this.#size] = value;
    this.#present[this.#size++] = true;
  }

  names(): readonly LabelName[] {
    const names: LabelName[] = [];
    for (let index = 0; index < this.#size; index++)
      if (this.#present[index] === true) names.push(this.#nameAt(index));
    return names;
  }

  /** The same as `peek`, with bytes in a buffer of their own. */
  finish(): Patch | undefined {
    const patch = this.peek();
    return patch === undefined ? undefined : { ...patch, bytes: patch.bytes.slice() };
  }

  /**
   * What makes the labels of the wire what they are now, good until the next labels are entered; undefined
   * when they are the same.
   */
  peek(): Patch | undefined {
    return this.#edited ? this.#compose(this.#edits()) : undefined;
  }

  /** How the labels became what they are; undefined when nobody set one. */
  plan(): Plan | undefined {
    if (!this.#edited) return undefined;
    const { first, last, parts } = this.#edits();
    const written = parts.map((part) => (part < this.#read ? part : this.#encoded(part)));
    return { first, last, parts: written };
  }

  /** Which labels stand where some were taken away or set, by their indexes. */
  #edits(): Edits {
    const added = this.#added();
    const [first, behind] = [this.#firstEdited(added), this.#behindEdited(added)];
    const parts: number[] = [];
    let next = 0;
    for (let index = first; index < behind; index++) {
      if (this.#present[index] !== true) continue;
      while (next < added.length && this.#isBefore(added[next]!, index)) parts.push(added[next++]!);
      parts.push(index);
    }
    while (next < added.length) parts.push(added[next++]!);
    return { first, last: Math.max(first, behind), parts };
  }

  #compose({ first, last, parts }: Edits): Patch | undefined {
    const output = this.#output;
    output.backTo(0);
    for (const index of parts) {
      if (index >= this.#read) this.#write(index);
      else output.append(this.#bytes, this.#startOf(index), this.#startOf(index + 1));
    }
    return this.#patch(this.#startOf(first), this.#startOf(last));
  }

  /** A label that was set, as it is written. */
  #encoded(index: number): Uint8Array {
    this.#output.backTo(0);
    this.#write(index);
    return this.#output.bytes.slice(0, this.#output.length);
  }

  #find(name: LabelName): number {
    for (let index = this.#read; index < this.#size; index++)
      if (this.#present[index] === true && this.#names[index]!.text === name.text) return index;
    const bytes = this.#bytes;
    const length = name.bytes.length;
    for (let index = 0; index < this.#read; index++) {
      const start = this.#nameStarts[index]!;
      const end = this.#nameEnds[index]!;
      if (end - start !== length || this.#present[index] !== true) continue;
      if (isNamed(name, bytes, start, end)) return index;
    }
    return -1;
  }

  #nameAt(index: number): LabelName {
    const known = this.#names[index];
    if (known !== undefined) return known;
    const [start, end] = [this.#nameStarts[index]!, this.#nameEnds[index]!];
    // Series after series has the same names in the same order.
    const before = this.#namesBefore[index];
    const isSame = before !== undefined && isNamed(before, this.#bytes, start, end);
    const name = isSame ? before : this.#table.find(this.#bytes, start, end);
    this.#names[index] = name;
    this.#namesBefore[index] = name;
    return name;
  }

  #valueAt(index: number): string {
    const known = this.#values[index];
    if (known !== undefined) return known;
    const value = this.#text.toString('utf8', this.#valueStarts[index], this.#valueEnds[index]);
    this.#values[index] = value;
    return value;
  }

  /** Indexes of the labels that were set, by name. */
  #added(): number[] {
    const added: number[] = [];
    for (let index = this.#read; index < this.#size; index++)
      if (this.#present[index] === true) added.push(index);
    const bytesOf = (index: number) => this.#names[index]!.bytes;
    if (added.length > 1) added.sort((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)));
    return added;
  }

  /** Whether a label that was set comes before one of the wire. */
  #isBefore(added: number, index: number): boolean {
    const wanted = this.#names[added]!.bytes;
    const [start, end] = [this.#nameStarts[index]!, this.#nameEnds[index]!];
    const length = Math.min(wanted.length, end - start);
    for (let i = 0; i < length; i++) {
      const difference = wanted[i]! - this.#bytes[start + i]!;
      if (difference !== 0) return difference < 0;
    }
    return wanted.length < end - start;
  }

  #write(index: number): void {
    const output = this.#output;
    const name = this.#names[index]!.bytes;
    const value = this.#values[index]!;
    const label = output.open(LABEL_TAG, 1);
    output.delimited(NAME_TAG, name, 0, name.length);
    if (!writeAscii(output, value)) {
      const length = Buffer.byteLength(value);
      output.reserve(length + 6);
      output.byte(VALUE_TAG);
      output.varint(length);
      encoder.encodeInto(value, output.bytes.subarray(output.length, output.length + length));
      output.length += length;
    }
    output.close(label, 1);
  }

  /** Index of the first label of the wire that is gone or has one that was set in front of it. */
  #firstEdited([added]: readonly number[]): number {
    let index = 0;
    while (index < this.#read && this.#present[index] === true) {
      if (added !== undefined && this.#isBefore(added, index)) break;
      index++;
    }
    return index;
  }

  /** Index behind the last label of the wire that is gone or has one that was set behind it. */
  #behindEdited(added: readonly number[]): number {
    const last = added.at(-1);
    let index = this.#read;
    while (index > 0 && this.#present[index - 1] === true) {
      if (last !== undefined && !this.#isBefore(last, index - 1)) break;
      index--;
    }
    return index;
  }

  #startOf(index: number): number {
    return index < this.#read ? this.#tagStarts[index]! : this.#end;
  }

  /** What was written, for the bytes from `from` to `to`; undefined when it is what they are. */
  #patch(from: number, to: number): Patch | undefined {
    const { bytes, length } = this.#output;
    const isSame = length === to - from && this.#text.compare(bytes, 0, length, from, to) === 0;
    if (isSame) return undefined;
    return { prefix: from - this.#start, suffix: this.#end - to, bytes: bytes.subarray(0, length) };
  }
}

/** Writes a short value that is ASCII; false, with nothing written, when it is not. */
function writeAscii(output: Output, value: string): boolean {
  const { length } = value;
  if (length > SHORT_VALUE) return false;
  output.reserve(length + 6);
  const [bytes, before] = [output.bytes, output.length];
  output.byte(VALUE_TAG);
  output.varint(length);
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if (code >= 0x80) {
      output.backTo(before);
      return false;
    }
    bytes[output.length++] = code;
  }
  return true;
}

/** Up to here a loop costs less than a call of the encoder. */
const SHORT_VALUE = 64;
const encoder = new TextEncoder();
