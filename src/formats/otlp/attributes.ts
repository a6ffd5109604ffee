import { FieldCursor } from '../../wire/cursor.ts';
import type { Splice } from '../../wire/splice.ts';
import { LENGTH_DELIMITED, sizeOfVarint, writeVarint } from '../../wire/varint.ts';

// message KeyValue { string key = 1; AnyValue value = 2; }
const KEY = 1;
const VALUE = 2;
const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/**
 * The attributes of one message, on the wire: keys are bytes and values are encoded AnyValues.
 *
 * `read` may be called more than once before the edits, as protobuf allows a message field to
 * occur in parts, whose attributes count together. Edits are noted, and `apply` hands those of a
 * part to a splice. Indexes stay valid until the next `clear`; a deleted attribute keeps its own.
 */
export class AttributeList {
  #bytes: Uint8Array = NOTHING;
  #number = 0;
  #size = 0;
  #read = 0;
  #changed = false;
  // Per attribute: where its field and its payload begin and where it ends.
  readonly #tagStarts: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  // Per attribute: undefined as it was, null deleted, or the whole new field, tag included.
  readonly #edits: (Uint8Array | null | undefined)[] = [];
  readonly #cursor = new FieldCursor();
  #last = { key: NOTHING, value: NOTHING, number: 0, field: NOTHING };

  /** How many indexes there are, those of deleted attributes included. */
  get size(): number {
    return this.#size;
  }

  /** Whether an edit was made since `clear`. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Empties the list. `number` is that of the attributes' field in the messages to be read. */
  clear(bytes: Uint8Array, number: number): void {
    this.#bytes = bytes;
    this.#number = number;
    this.#size = 0;
    this.#read = 0;
    this.#changed = false;
  }

  /** Adds the attributes of the message, or of the part of one, from `start` to `end`. */
  read(start: number, end: number): void {
    const cursor = this.#cursor.enter(this.#bytes, start, end);
    while (cursor.next())
      if (cursor.number === this.#number && cursor.wireType === LENGTH_DELIMITED)
        this.#add(cursor.tagStart, cursor.start, cursor.end);
    this.#read = this.#size;
  }

  /** Index of the first attribute with that key, or -1. */
  find(key: Uint8Array): number {
    for (let index = 0; index < this.#size; index++) if (this.#hasKey(index, key)) return index;
    return -1;
  }

  /** Whether the attribute at `index` is still there. */
  has(index: number): boolean {
    return index < this.#size && this.#edits[index] !== null;
  }

  /** Key of an attribute. Looks at the request's memory. */
  keyAt(index: number): Uint8Array {
    const pair = this.#pairAt(index);
    const cursor = new FieldCursor().enter(pair);
    let key = NOTHING;
    while (cursor.next()) if (cursor.number === KEY) key = pair.subarray(cursor.start, cursor.end);
    return key;
  }

  /** Value of an attribute: an encoded AnyValue. Looks at the request's memory when it can. */
  valueAt(index: number): Uint8Array {
    const pair = this.#pairAt(index);
    const cursor = new FieldCursor().enter(pair);
    let value: Uint8Array | undefined;
    while (cursor.next()) {
      if (cursor.number !== VALUE) continue;
      const part = pair.subarray(cursor.start, cursor.end);
      // A value in parts is one value: its parts, one after the other.
      value = value === undefined ? part : Buffer.concat([value, part]);
    }
    return value ?? NOTHING;
  }

  /**
   * Gives `key` that value: in the place of its first attribute, or behind all others. It is no
   * change when it has it already. Neither array may be written to afterwards.
   */
  set(key: Uint8Array, value: Uint8Array): void {
    const first = this.find(key);
    if (first === -1) {
      this.#add(0, 0, 0);
      this.#edit(this.#size - 1, this.#field(key, value));
      return;
    }
    // What has that value already stays, so that a request with nothing to change is not copied.
    if (!equals(this.valueAt(first), value)) this.#edit(first, this.#field(key, value));
    for (let index = first + 1; index < this.#size; index++)
      if (this.#hasKey(index, key)) this.#edit(index, null);
  }

  /** Gives the attribute at `index` another value. */
  replaceAt(index: number, value: Uint8Array): void {
    this.#edit(index, this.#field(this.keyAt(index), value));
  }

  deleteAt(index: number): void {
    this.#edit(index, null);
  }

  /** Deletes every attribute with that key; answers how many there were. */
  delete(key: Uint8Array): number {
    let deleted = 0;
    for (let index = 0; index < this.#size; index++) {
      if (!this.#hasKey(index, key)) continue;
      this.#edit(index, null);
      deleted++;
    }
    return deleted;
  }

  /** Edits, in a splice that has entered it, the part of the message from `start` to `end`. */
  apply(splice: Splice, start: number, end: number): void {
    for (let index = 0; index < this.#read; index++) {
      const edit = this.#edits[index];
      const tagStart = this.#tagStarts[index]!;
      if (edit === undefined || tagStart < start || tagStart >= end) continue;
      if (edit === null) splice.remove(tagStart, this.#ends[index]!);
      else splice.replace(tagStart, this.#ends[index]!, edit);
    }
  }

  /** Adds the attributes that are new, in a splice that stands at `at` in the last part. */
  applyNew(splice: Splice, at: number): void {
    const fields = this.newFields();
    if (fields.length > 0) splice.insert(at, fields);
  }

  /** The attributes that are new, encoded with their tags. Empty when there are none. */
  newFields(): Uint8Array {
    let fields = NOTHING;
    for (let index = this.#read; index < this.#size; index++) {
      const edit = this.#edits[index];
      if (!edit) continue;
      fields = fields.length === 0 ? edit : Buffer.concat([fields, edit]);
    }
    return fields;
  }

  #add(tagStart: number, start: number, end: number): void {
    const index = this.#size++;
    this.#tagStarts[index] = tagStart;
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#edits[index] = undefined;
  }

  /** The same key and value as the last time, as constants of a configuration are, encode once. */
  #field(key: Uint8Array, value: Uint8Array): Uint8Array {
    const { key: lastKey, value: lastValue, number } = this.#last;
    if (key !== lastKey || value !== lastValue || number !== this.#number) {
      const field = fieldOf(this.#number, key, value);
      this.#last = { key, value, number: this.#number, field };
    }
    return this.#last.field;
  }

  #edit(index: number, field: Uint8Array | null): void {
    this.#edits[index] = field;
    this.#changed = true;
  }

  #pairAt(index: number): Uint8Array {
    const edit = this.#edits[index];
    if (!edit) return this.#bytes.subarray(this.#starts[index], this.#ends[index]);
    const cursor = new FieldCursor().enter(edit);
    cursor.next();
    return edit.subarray(cursor.start);
  }

  #hasKey(index: number, key: Uint8Array): boolean {
    const edit = this.#edits[index];
    if (edit === null) return false;
    if (edit !== undefined) return equals(this.keyAt(index), key);
    const bytes = this.#bytes;
    const start = this.#starts[index]!;
    const end = this.#ends[index]!;
    // fast path: a short key, then a short value, then nothing
    const behind = start + 2 + bytes[start + 1]!;
    if (bytes[start] !== KEY_TAG || bytes[behind] !== VALUE_TAG)
      return equals(this.keyAt(index), key);
    if (behind + 2 + bytes[behind + 1]! !== end || end - start > 127)
      return equals(this.keyAt(index), key);
    if (bytes[start + 1] !== key.length) return false;
    for (let at = 0; at < key.length; at++) if (bytes[start + 2 + at] !== key[at]) return false;
    return true;
  }
}

function equals(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

/** A field that is a KeyValue, in pooled memory: it only lives until a splice copies it. */
function fieldOf(number: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const tag = number * 8 + LENGTH_DELIMITED;
  const pairSize =
    2 + sizeOfVarint(key.length) + key.length + sizeOfVarint(value.length) + value.length;
  const field = Buffer.allocUnsafe(sizeOfVarint(tag) + sizeOfVarint(pairSize) + pairSize);
  let at = writeVarint(field, writeVarint(field, 0, tag), pairSize);
  field[at++] = KEY_TAG;
  at = writeVarint(field, at, key.length);
  field.set(key, at);
  at += key.length;
  field[at++] = VALUE_TAG;
  field.set(value, writeVarint(field, at, value.length));
  return field;
}

const NOTHING: Uint8Array = new Uint8Array(0);
