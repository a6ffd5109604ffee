import { plainSamples } from '../../../formats/prometheus/plain.ts';
import { type Skim, skimmer } from '../../../formats/prometheus/skim.ts';
import { sizeOfVarint } from '../../../wire/varint.ts';
import { isLabelName, isMetricName } from './names.ts';

/** Tags of the form, and of remote-write 1.0, which is the same. */
const SERIES_TAG = 0x0a;
const LABEL_TAG = 0x0a;
const SAMPLE_TAG = 0x12;
const EXEMPLAR_TAG = 0x1a;
const VALUE_TAG = 0x09;
const TIMESTAMP_TAG = 0x10;
/** Of `__name__`. */
const METRIC_NAME_LENGTH = 8;
const UNDERSCORE = 0x5f;
/** A value and its tag. */
const VALUE_BYTES = 9;

/**
 * Finds out in one pass whether a chunk of the form is a 1.0 request as it is, and counts it. It
 * knows series of samples and exemplars under names of 1.0, which is what almost all are; of
 * anything else it says no, and others look closer.
 */
export class PlainScan {
  samples = 0;
  exemplars = 0;
  readonly #skim: Skim;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** `skim` passes over what it can before this looks. */
  constructor(skim: Skim = skimmer()) {
    this.#skim = skim;
  }

  /** `samples` and `exemplars` are those of the chunk when the answer is true. */
  isPlain(chunk: Uint8Array): boolean {
    this.#bytes = chunk;
    const known = plainSamples(chunk);
    this.samples = known ?? 0;
    this.exemplars = 0;
    if (known !== undefined) return true;
    this.#skim.enter(chunk, true);
    this.#at = this.#skim.pass(0);
    while (this.#at < chunk.length) {
      if (chunk[this.#at++] !== SERIES_TAG) return false;
      const length = this.#length();
      const end = this.#at + length;
      const labelsEnd = endOfLegacyLabels(chunk, this.#at, end);
      if (labelsEnd < 0) return false;
      this.#at = labelsEnd;
      if (!this.#areParts(end)) return false;
      this.#at = this.#skim.pass(this.#at);
    }
    this.samples += this.#skim.samples;
    return true;
  }

  /** message Sample { double value = 1; int64 timestamp = 2; }, perhaps one of them absent. */
  #areParts(end: number): boolean {
    const bytes = this.#bytes;
    while (this.#at < end) {
      const tag = bytes[this.#at++];
      const length = this.#length();
      const next = this.#at + length;
      if (tag === EXEMPLAR_TAG) this.exemplars++;
      else if (tag !== SAMPLE_TAG) return false;
      else {
        if (bytes[this.#at] === VALUE_TAG) this.#at += VALUE_BYTES;
        if (this.#at < next && !this.#isTimestamp(next)) return false;
        this.samples++;
      }
      this.#at = next;
    }
    return true;
  }

  /** Whether there is a timestamp and nothing else up to `end`. */
  #isTimestamp(end: number): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at++] !== TIMESTAMP_TAG) return false;
    while (bytes[this.#at++]! >= 0x80);
    return this.#at === end;
  }

  #length(): number {
    const bytes = this.#bytes;
    let value = bytes[this.#at++]!;
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; ; shift += 7) {
      const byte = bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

/**
 * Where the labels end, or -1 when a name is not one of 1.0.
 * message Label { string name = 1; string value = 2; }, both there, in this order.
 */
function endOfLegacyLabels(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === LABEL_TAG) {
    let size = bytes[++at]!;
    if (size >= 0x80) size = longLength(bytes, at);
    at += size < 0x80 ? 1 : sizeOfVarint(size);
    const next = at + size;
    let length = bytes[++at]!;
    if (length >= 0x80) length = longLength(bytes, at);
    at += length < 0x80 ? 1 : sizeOfVarint(length);
    if (!isLabelName(bytes, at, at + length)) return -1;
    if (length === METRIC_NAME_LENGTH && isMetricLabel(bytes, at)) {
      // Values are as long as they say, so that where one begins is known from its end.
      let value = bytes[at + length + 1]!;
      if (value >= 0x80) value = longLength(bytes, at + length + 1);
      if (!isMetricName(bytes, next - value, next)) return -1;
    }
    at = next;
  }
  return at;
}

function longLength(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    value |= (bytes[at]! & 0x7f) << shift;
    if (bytes[at]! < 0x80) return value;
  }
}

/** Whether the eight bytes from `start`, which are the name of a label, are `__name__`. */
function isMetricLabel(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start] === UNDERSCORE &&
    bytes[start + 1] === UNDERSCORE &&
    bytes[start + 2] === 0x6e &&
    bytes[start + 3] === 0x61 &&
    bytes[start + 4] === 0x6d &&
    bytes[start + 5] === 0x65 &&
    bytes[start + 6] === UNDERSCORE &&
    bytes[start + 7] === UNDERSCORE
  );
}
