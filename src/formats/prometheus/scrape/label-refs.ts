import { sizeOfVarint } from '../../../wire/varint.ts';
import type { Output } from '../output.ts';
import { LabelCursor } from '../walk.ts';

// message Label { string name = 1; string value = 2; }
const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;
/** So many labels are sorted one by one. */
const FEW = 40;

/** A label as ranges of the bytes it is in; the value may be empty. */
export interface LabelRef {
  readonly name: Uint8Array;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly value: Uint8Array;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** A label of text. */
export function labelRef(name: string, value: string): LabelRef {
  const [nameBytes, valueBytes] = [encoder.encode(name), encoder.encode(value)];
  return {
    name: nameBytes,
    nameStart: 0,
    nameEnd: nameBytes.length,
    value: valueBytes,
    valueStart: 0,
    valueEnd: valueBytes.length,
  };
}

/** Compares names by their bytes: below 0, 0 or above 0. */
export function compareNames(a: LabelRef, b: LabelRef): number {
  const { name, nameStart } = a;
  const { name: otherName, nameStart: otherStart } = b;
  const length = a.nameEnd - nameStart;
  const otherLength = b.nameEnd - otherStart;
  const shorter = length < otherLength ? length : otherLength;
  for (let i = 0; i < shorter; i++) {
    const difference = name[nameStart + i]! - otherName[otherStart + i]!;
    if (difference !== 0) return difference;
  }
  return length - otherLength;
}

export function isEmpty({ valueStart, valueEnd }: LabelRef): boolean {
  return valueStart === valueEnd;
}

export function nameText({ name, nameStart, nameEnd }: LabelRef): string {
  return decoder.decode(name.subarray(nameStart, nameEnd));
}

/** Whether the name of a label is this one. */
export function isNamed(label: LabelRef, name: Uint8Array): boolean {
  const { nameStart, nameEnd } = label;
  if (nameEnd - nameStart !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (label.name[nameStart + i] !== name[i]) return false;
  return true;
}

/** Sorts labels that are few, and mostly sorted, by their names. */
export function sortLabels(labels: LabelRef[]): void {
  if (labels.length > FEW) {
    labels.sort(compareNames);
    return;
  }
  for (let at = 1; at < labels.length; at++) {
    const label = labels[at]!;
    let to = at;
    for (; to > 0 && compareNames(labels[to - 1]!, label) > 0; to--) labels[to] = labels[to - 1]!;
    labels[to] = label;
  }
}

/** Two sorted lists as one; of the same name the label of `first` stays. */
export function merged(first: readonly LabelRef[], second: readonly LabelRef[]): LabelRef[] {
  const labels: LabelRef[] = [];
  let next = 0;
  for (const label of first) {
    while (next < second.length && compareNames(second[next]!, label) < 0)
      labels.push(second[next++]!);
    if (next < second.length && compareNames(second[next]!, label) === 0) next++;
    labels.push(label);
  }
  while (next < second.length) labels.push(second[next++]!);
  return labels;
}

/** Writes sorted labels as the form has them; those without a value are none. */
export function writeLabels(output: Output, labels: readonly LabelRef[]): void {
  for (const { name, nameStart, nameEnd, value, valueStart, valueEnd } of labels) {
    const [nameLength, valueLength] = [nameEnd - nameStart, valueEnd - valueStart];
    if (valueLength === 0) continue;
    const sizes = sizeOfVarint(nameLength) + sizeOfVarint(valueLength);
    output.reserve(16 + nameLength + valueLength);
    output.byte(LABEL_TAG);
    output.varint(2 + sizes + nameLength + valueLength);
    output.byte(NAME_TAG);
    output.varint(nameLength);
    output.copy(name, nameStart, nameEnd);
    output.byte(VALUE_TAG);
    output.varint(valueLength);
    output.copy(value, valueStart, valueEnd);
  }
}

/** The labels from `start` to `end` of bytes of the form; they refer to these bytes. */
export function readLabels(bytes: Uint8Array, start: number, end: number): LabelRef[] {
  const labels: LabelRef[] = [];
  const cursor = new LabelCursor().enter(bytes, start, end);
  while (cursor.next()) {
    const { nameStart, nameEnd, valueStart, valueEnd } = cursor;
    labels.push({ name: bytes, nameStart, nameEnd, value: bytes, valueStart, valueEnd });
  }
  return labels;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
