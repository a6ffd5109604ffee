import { FieldCursor } from '../../../wire/cursor.ts';
import { WireError } from '../../../wire/error.ts';
import { FIXED64, LENGTH_DELIMITED, VARINT } from '../../../wire/varint.ts';
import { isValidUtf8 } from '../../../wire/utf8.ts';
import { type Fault, NOT_UTF8 } from './fault.ts';
import type { LabelList } from './labels.ts';

/** Checks the parts of a series that are the same in 1.0 and 2.0, and those of 1.0. */
export class PartsCheck {
  /** Whether the sample checked last has a start timestamp other than 0. */
  hasStart = false;
  readonly #fields = new FieldCursor();
  readonly #label = new FieldCursor();
  #bytes: Uint8Array = new Uint8Array(0);

  /** Says which bytes the parts are in. */
  enter(bytes: Uint8Array): void {
    this.#bytes = bytes;
  }

  /** message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; } */
  sample(start: number, end: number): void {
    const bytes = this.#bytes;
    this.hasStart = false;
    // fast path: a value, then a time to the end
    if (bytes[start] === 0x09 && bytes[start + 9] === 0x10) {
      let at = start + 10;
      while (at < end && bytes[at]! >= 0x80) at++;
      if (at === end - 1 && at < start + 19) return;
    }
    const fields = this.#fields.enter(bytes, start, end);
    while (fields.next()) {
      if (fields.number === 1) expect(fields, FIXED64);
      else if (fields.number <= 3) expect(fields, VARINT);
      if (fields.number === 3) this.hasStart = !isZeroVarint(bytes, fields.start, fields.end);
    }
  }

  /** message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; } */
  exemplar(start: number, end: number): Fault | undefined {
    let fault: Fault | undefined;
    const fields = this.#fields.enter(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.number === 1) {
        expect(fields, LENGTH_DELIMITED);
        fault ??= this.#labelFault(fields.start, fields.end);
      } else if (fields.number === 2) expect(fields, FIXED64);
      else if (fields.number === 3) expect(fields, VARINT);
    }
    return fault;
  }

  /** A message of a type in field 1 and strings in the fields named by the bits of `strings`. */
  metadata(start: number, end: number, strings: number): Fault | undefined {
    let fault: Fault | undefined;
    const fields = this.#fields.enter(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.number === 1) expect(fields, VARINT);
      if (fields.number > 30 || ((strings >> fields.number) & 1) === 0) continue;
      expect(fields, LENGTH_DELIMITED);
      if (!isValidUtf8(this.#bytes, fields.start, fields.end)) fault = NOT_UTF8;
    }
    return fault;
  }

  /** message Label { string name = 1; string value = 2; }, with its fields in any order. */
  label(start: number, end: number, into: LabelList): void {
    let [nameStart, nameEnd, valueStart, valueEnd] = [start, start, start, start];
    const fields = this.#label.enter(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.number > 2) continue;
      expect(fields, LENGTH_DELIMITED);
      if (fields.number === 1) [nameStart, nameEnd] = [fields.start, fields.end];
      else [valueStart, valueEnd] = [fields.start, fields.end];
    }
    into.add(nameStart, nameEnd, valueStart, valueEnd);
  }

  #labelFault(start: number, end: number): Fault | undefined {
    let fault: Fault | undefined;
    const fields = this.#label.enter(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.number > 2) continue;
      expect(fields, LENGTH_DELIMITED);
      if (!isValidUtf8(this.#bytes, fields.start, fields.end)) fault = NOT_UTF8;
    }
    return fault;
  }
}

/** Throws `WireError` when a field is not what its number says. */
export function expect(field: FieldCursor, wireType: number): void {
  if (field.wireType !== wireType) throw new WireError('wrong wire type', field.tagStart);
}

/** Whether the varint from `start` to `end` is 0. */
export function isZeroVarint(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at]! & 0x7f) !== 0) return false;
  return true;
}
