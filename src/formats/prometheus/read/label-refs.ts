import type { Bytes } from '../../../contract/batch.ts';
import type { FieldCursor } from '../../../wire/cursor.ts';
import { WireError } from '../../../wire/error.ts';
import { copyRange } from '../../../wire/splice.ts';
import {
  LENGTH_DELIMITED,
  readUint32,
  sizeOfVarint,
  VARINT,
  writeVarint,
} from '../../../wire/varint.ts';
import type { Output } from '../output.ts';
import { type Fault, MAX_LABELS, NOT_UTF8, quoted, TOO_MANY_LABELS } from './fault.ts';
import { compareRanges, LabelList } from './labels.ts';
import { SYMBOL, type SymbolTable } from './symbols.ts';

const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** The labels of one series or exemplar of remote-write 2.0, as references to symbols. */
export class LabelRefs {
  readonly #bytes: Bytes;
  readonly #symbols: SymbolTable;
  readonly #list = new LabelList();
  #refs = new Uint32Array(64);
  #count = 0;
  /** Of all strings, once `#faultOfRefs` has found nothing. */
  #textBytes = 0;

  constructor(bytes: Bytes, symbols: SymbolTable) {
    this.#bytes = bytes;
    this.#symbols = symbols;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Takes in one field of references, packed or not. */
  add(field: FieldCursor): void {
    if (field.wireType === VARINT) this.#push(readUint32(this.#bytes, field.start));
    else if (field.wireType === LENGTH_DELIMITED) this.#unpack(field.start, field.end);
    else throw new WireError('wrong wire type', field.tagStart);
  }

  /** Writes the labels as the form wants them; what is wrong with them otherwise. */
  write(output: Output): Fault | undefined {
    const fault = this.#faultOfRefs();
    if (fault !== undefined) return fault;
    if (this.#areSorted()) {
      this.#writeLabels(output);
      return undefined;
    }
    const labels = this.#listed().normalise(this.#bytes);
    if ('reason' in labels) return labels;
    output.append(labels, 0, labels.length);
    return undefined;
  }

  /** Writes the labels in the order they have, as those of exemplars. */
  writeAsTheyAre(output: Output): Fault | undefined {
    const fault = this.#faultOfRefs();
    if (fault !== undefined) return fault;
    for (let i = 0; i < this.#count; i++)
      if ((this.#symbols.marks[this.#refs[i]!]! & SYMBOL.notUtf8) !== 0) return NOT_UTF8;
    this.#writeLabels(output);
    return undefined;
  }

  /** What is wrong with a reference to a string. */
  faultOfRef(ref: number): Fault | undefined {
    const { count, marks } = this.#symbols;
    if (ref >= count) return outOfRange(ref, count);
    return (marks[ref]! & SYMBOL.notUtf8) === 0 ? undefined : NOT_UTF8;
  }

  /** The value of `__name__`, as it may stand in a message. */
  metricName(): string {
    const { count, marks, starts, ends } = this.#symbols;
    for (let i = 0; i + 1 < this.#count; i += 2) {
      const [name, value] = [this.#refs[i]!, this.#refs[i + 1]!];
      if (name < count && value < count && (marks[name]! & SYMBOL.metricName) !== 0)
        return quoted(this.#bytes, starts[value]!, ends[value]!);
    }
    return '';
  }

  #unpack(start: number, end: number): void {
    const bytes = this.#bytes;
    for (let at = start; at < end; ) {
      const first = at;
      const byte = bytes[at++]!;
      if (byte < 0x80) {
        this.#push(byte);
        continue;
      }
      while (at < end && bytes[at]! >= 0x80) at++;
      if (at >= end) throw new WireError('truncated', first);
      at++;
      if (at - first > 10) throw new WireError('overlong varint', first);
      this.#push(readUint32(bytes, first));
    }
  }

  #push(ref: number): void {
    if (this.#count > 2 * MAX_LABELS) return;
    if (this.#count === this.#refs.length) {
      const grown = new Uint32Array(this.#count * 2);
      grown.set(this.#refs);
      this.#refs = grown;
    }
    this.#refs[this.#count++] = ref;
  }

  #faultOfRefs(): Fault | undefined {
    const { count, starts, ends } = this.#symbols;
    if (this.#count > 2 * MAX_LABELS) return TOO_MANY_LABELS;
    if (this.#count % 2 !== 0) return ODD;
    let size = 0;
    for (let i = 0; i < this.#count; i++) {
      const ref = this.#refs[i]!;
      if (ref >= count) return outOfRange(ref, count);
      size += ends[ref]! - starts[ref]!;
    }
    this.#symbols.spend(size);
    this.#textBytes = size;
    return undefined;
  }

  /** Whether the labels are sorted, unique, complete, UTF-8 and have a name among them. */
  #areSorted(): boolean {
    const { marks, starts, ends } = this.#symbols;
    let all = 0;
    let names = 0;
    for (let i = 0; i < this.#count; i += 2) {
      const name = this.#refs[i]!;
      names |= marks[name]!;
      all |= marks[this.#refs[i + 1]!]!;
      if (i === 0) continue;
      const before = this.#refs[i - 2]!;
      const order = compareRanges(
        this.#bytes,
        starts[before]!,
        ends[before]!,
        starts[name]!,
        ends[name]!,
      );
      if (order >= 0) return false;
    }
    const faults = SYMBOL.empty | SYMBOL.notUtf8;
    return (names & SYMBOL.metricName) !== 0 && ((all | names) & faults) === 0;
  }

  #listed(): LabelList {
    const { starts, ends } = this.#symbols;
    this.#list.clear();
    for (let i = 0; i < this.#count; i += 2) {
      const [name, value] = [this.#refs[i]!, this.#refs[i + 1]!];
      this.#list.add(starts[name]!, ends[name]!, starts[value]!, ends[value]!);
    }
    return this.#list;
  }

  #writeLabels(output: Output): void {
    const { starts, ends } = this.#symbols;
    const source = this.#bytes;
    output.reserve(this.#textBytes + this.#count * LABEL_BYTES);
    const target = output.bytes;
    let at = output.length;
    for (let i = 0; i < this.#count; i += 2) {
      const [name, value] = [this.#refs[i]!, this.#refs[i + 1]!];
      const nameLength = ends[name]! - starts[name]!;
      const valueLength = ends[value]! - starts[value]!;
      const size = 2 + nameLength + valueLength + sizeOf(nameLength) + sizeOf(valueLength);
      target[at++] = LABEL_TAG;
      at = writeVarint(target, at, size);
      target[at++] = NAME_TAG;
      at = writeVarint(target, at, nameLength);
      at = copyText(target, at, source, starts[name]!, ends[name]!);
      target[at++] = VALUE_TAG;
      at = writeVarint(target, at, valueLength);
      at = copyText(target, at, source, starts[value]!, ends[value]!);
    }
    output.length = at;
  }
}

/** Tags and lengths of a label take at most twice this. */
const LABEL_BYTES = 9;
/** Shorter texts are copied in a loop: a call costs more. */
const SHORT = 64;

function sizeOf(length: number): number {
  return length < 0x80 ? 1 : sizeOfVarint(length);
}

// oxlint-disable-next-line max-params -- one call per string: an object would be an allocation
function copyText(
  target: Uint8Array,
  offset: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > SHORT) return copyRange(target, offset, source, [start, end]);
  let to = offset;
  for (let at = start; at < end; at++) target[to++] = source[at]!;
  return to;
}

const ODD: Fault = {
  reason: 'bad_symbol_reference',
  message: 'a label has a name and no value: the number of labels_refs is odd',
};

function outOfRange(ref: number, count: number): Fault {
  const message = `symbol ${ref} does not exist; there are ${count}`;
  return { reason: 'bad_symbol_reference', message };
}
