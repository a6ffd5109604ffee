import type { Bytes } from '../../../contract/batch.ts';
import { isValidUtf8 } from '../../../wire/utf8.ts';
import { Output } from '../output.ts';
import { LabelCursor } from '../walk.ts';
import { type Fault, MAX_LABELS, NOT_UTF8, quoted, TOO_MANY_LABELS } from './fault.ts';

const NAME = new TextEncoder().encode('__name__');
const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** Whether the bytes from `start` to `end` are `__name__`. */
export function isMetricName(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== NAME.length) return false;
  for (let i = 0; i < NAME.length; i++) if (bytes[start + i] !== NAME[i]) return false;
  return true;
}

/**
 * Compares the names `a` and `b` of `bytes` byte by byte, which for UTF-8 is by code point: below
 * 0, 0 or above 0.
 */
// oxlint-disable-next-line max-params -- one call per label: an object would be an allocation
export function compareRanges(
  bytes: Uint8Array,
  a: number,
  aEnd: number,
  b: number,
  bEnd: number,
): number {
  const length = Math.min(aEnd - a, bEnd - b);
  for (let i = 0; i < length; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!;
    if (difference !== 0) return difference;
  }
  return aEnd - a - (bEnd - b);
}

/**
 * Where the labels at `start` of a series end, when they are as the form wants them: first,
 * sorted, unique, complete, UTF-8 and written the shortest way. -1 when they are not, or are
 * longer than usual; then a closer look decides.
 */
export function endOfSortedLabels(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): number {
  let at = start;
  let before = start;
  let beforeEnd = start;
  let hasName = false;
  while (at < end && bytes[at] === LABEL_TAG) {
    let length = bytes[at + 1]!;
    let name = at + 4;
    if (length >= 0x80) {
      const high = bytes[at + 2]!;
      if (high >= 0x80 || high === 0) return -1;
      length = (length & 0x7f) | (high << 7);
      name++;
    }
    const labelEnd = name - 2 + length;
    const nameLength = bytes[name - 1]!;
    const nameEnd = name + nameLength;
    if (labelEnd > end || bytes[name - 2] !== NAME_TAG) return -1;
    if (nameLength === 0 || nameLength >= 0x80) return -1;
    if (nameEnd + 2 >= labelEnd || bytes[nameEnd] !== VALUE_TAG) return -1;
    const valueLength = bytes[nameEnd + 1]!;
    if (valueLength < 0x80) {
      if (nameEnd + 2 + valueLength !== labelEnd) return -1;
    } else {
      const high = bytes[nameEnd + 2]!;
      if (high >= 0x80 || high === 0) return -1;
      if (nameEnd + 3 + ((valueLength & 0x7f) | (high << 7)) !== labelEnd) return -1;
    }
    if (compareRanges(bytes, before, beforeEnd, name, nameEnd) >= 0) return -1;
    if (!hasName && nameLength === 8) hasName = isMetricName(bytes, name, nameEnd);
    before = name;
    beforeEnd = nameEnd;
    at = labelEnd;
  }
  if (!hasName || !(isAscii(view, start, at) || areUtf8(bytes, start, at))) return -1;
  return at;
}

/** Four bytes at a time; a length of two bytes counts as not ASCII, too. */
function isAscii(view: DataView, start: number, end: number): boolean {
  let at = start;
  let bits = 0;
  for (; at + 4 <= end; at += 4) bits |= view.getUint32(at, true);
  for (; at < end; at++) bits |= view.getUint8(at);
  return (bits & 0x80808080) === 0;
}

function areUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  const labels = new LabelCursor().enter(bytes, start, end);
  while (labels.next()) {
    if (!isValidUtf8(bytes, labels.nameStart, labels.nameEnd)) return false;
    if (!isValidUtf8(bytes, labels.valueStart, labels.valueEnd)) return false;
  }
  return true;
}

/** Collects labels in any order and makes of them what the form wants. */
export class LabelList {
  readonly #order: number[] = [];
  // Of each label: start and end of its name, start and end of its value.
  readonly #ranges: number[] = [];

  clear(): void {
    this.#order.length = 0;
    this.#ranges.length = 0;
  }

  /** A label by the ranges of its name and its value; equal ends stand for an absent one. */
  // oxlint-disable-next-line max-params -- one call per label: an object would be an allocation
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    if (this.#order.length > MAX_LABELS) return;
    this.#order.push(this.#ranges.length);
    this.#ranges.push(nameStart, nameEnd, valueStart, valueEnd);
  }

  /** The labels in the order of their names, without empty ones; or what is wrong with them. */
  normalise(bytes: Uint8Array): Bytes | Fault {
    if (this.#order.length > MAX_LABELS) return TOO_MANY_LABELS;
    const fault = this.#faultOfStrings(bytes);
    if (fault !== undefined) return fault;
    this.#order.sort((a, b) => this.#compare(bytes, a, b));
    const [ranges, order] = [this.#ranges, this.#order];
    const output = new Output(512);
    let hasName = false;
    for (const [index, at] of order.entries()) {
      const [nameStart, nameEnd] = [ranges[at]!, ranges[at + 1]!];
      if (index > 0 && this.#compare(bytes, order[index - 1]!, at) === 0)
        return repeated(bytes, nameStart, nameEnd);
      if (ranges[at + 2] === ranges[at + 3]) continue;
      hasName ||= isMetricName(bytes, nameStart, nameEnd);
      writeLabel(output, bytes, ranges, at);
    }
    return hasName ? output.finish() : MISSING_NAME;
  }

  /** The value of `__name__`, as it may stand in a message. */
  metricName(bytes: Uint8Array): string {
    for (let at = 0; at < this.#ranges.length; at += 4) {
      const [start, end] = [this.#ranges[at]!, this.#ranges[at + 1]!];
      if (isMetricName(bytes, start, end))
        return quoted(bytes, this.#ranges[at + 2]!, this.#ranges[at + 3]!);
    }
    return '';
  }

  #faultOfStrings(bytes: Uint8Array): Fault | undefined {
    for (let at = 0; at < this.#ranges.length; at += 2) {
      const [start, end] = [this.#ranges[at]!, this.#ranges[at + 1]!];
      if (start === end && at % 4 === 0) return EMPTY_NAME;
      if (!isValidUtf8(bytes, start, end)) return NOT_UTF8;
    }
    return undefined;
  }

  #compare(bytes: Uint8Array, a: number, b: number): number {
    const ranges = this.#ranges;
    return compareRanges(bytes, ranges[a]!, ranges[a + 1]!, ranges[b]!, ranges[b + 1]!);
  }
}

/** Writes a label of which name and value stand in `bytes` at the four numbers at `at`. */
// oxlint-disable-next-line max-params -- one call per label: an object would be an allocation
function writeLabel(
  output: Output,
  bytes: Uint8Array,
  ranges: readonly number[],
  at: number,
): void {
  const [nameStart, nameEnd] = [ranges[at]!, ranges[at + 1]!];
  const [valueStart, valueEnd] = [ranges[at + 2]!, ranges[at + 3]!];
  const label = output.open(LABEL_TAG, 1);
  output.delimited(NAME_TAG, bytes, nameStart, nameEnd);
  output.delimited(VALUE_TAG, bytes, valueStart, valueEnd);
  output.close(label, 1);
}

function repeated(bytes: Uint8Array, start: number, end: number): Fault {
  const message = `label ${quoted(bytes, start, end)} is there more than once`;
  return { reason: 'repeated_label', message };
}

const EMPTY_NAME: Fault = { reason: 'empty_label_name', message: 'a label has no name' };
const MISSING_NAME: Fault = { reason: 'missing_name', message: 'the label __name__ is missing' };
