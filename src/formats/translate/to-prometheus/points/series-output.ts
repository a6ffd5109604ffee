import type { Bytes } from '../../../../contract/batch.ts';
import { Output } from '../../../prometheus/output.ts';
import { STALE_BYTES } from '../../metric-type.ts';
import type { LabelSet, Place } from '../label-set.ts';

/** Tags of the form. */
const TAG = { series: 0x0a, sample: 0x12, value: 0x09, timestamp: 0x10, start: 0x18 } as const;

/** Bytes guessed for the length of a series. */
const SERIES_LENGTH = 2;

/** A sample without its value: the tag and length, the tag of the value, two times. */
const SAMPLE_BYTES = 40;

/** Writes series of the form one after the other, field by field. */
export class SeriesOutput {
  /** Samples and histograms so far. */
  items = 0;
  readonly output: Output;
  #series = 0;
  readonly #scratch = new Uint8Array(8);
  readonly #view = new DataView(this.#scratch.buffer);

  constructor(capacity: number) {
    this.output = new Output(capacity);
  }

  /** Begins a series with its labels; `name` is the `__name__` label, encoded. */
  begin(set: LabelSet, name: Uint8Array): void {
    const { output } = this;
    const { bytes, nameAt } = set;
    this.#series = output.open(TAG.series, SERIES_LENGTH);
    output.reserve(bytes.length + name.length);
    output.copy(bytes, 0, nameAt);
    output.copy(name, 0, name.length);
    output.copy(bytes, nameAt, bytes.length);
  }

  /** The same with one label more, which takes the place of one with its name. */
  // oxlint-disable-next-line max-params -- one call per bucket: an object would be an allocation
  beginWith(set: LabelSet, name: Uint8Array, { start, end }: Place, label: Uint8Array): void {
    const { output } = this;
    const { bytes, nameAt } = set;
    this.#series = output.open(TAG.series, SERIES_LENGTH);
    output.reserve(bytes.length + name.length + label.length);
    output.copy(bytes, 0, nameAt);
    output.copy(name, 0, name.length);
    output.copy(bytes, nameAt, start);
    output.copy(label, 0, label.length);
    output.copy(bytes, end, bytes.length);
  }

  /** A sample whose value is the eight bytes at `at`, copied. Times are milliseconds; 0 start is none. */
  // oxlint-disable-next-line max-params -- one call per sample: an object would be an allocation
  sample(source: Uint8Array, at: number, time: number, start: number): void {
    const { output } = this;
    output.reserve(SAMPLE_BYTES);
    const message = output.open(TAG.sample, 1);
    output.byte(TAG.value);
    output.copy(source, at, at + 8);
    if (time > 0) {
      output.byte(TAG.timestamp);
      output.varint(time);
    }
    if (start > 0) {
      output.byte(TAG.start);
      output.varint(start);
    }
    output.close(message, 1);
    this.items++;
  }

  /** A sample of a number that was computed. */
  number(value: number, time: number, start: number): void {
    this.#view.setFloat64(0, value, true);
    this.sample(this.#scratch, 0, time, start);
  }

  /** A sample that says that the series ends. */
  stale(time: number): void {
    this.sample(STALE_BYTES, 0, time, 0);
  }

  /** Ends the series; `metadata` is its field, encoded, or empty. */
  end(metadata: Uint8Array): void {
    this.output.append(metadata, 0, metadata.length);
    this.output.close(this.#series, SERIES_LENGTH);
  }

  /** The chunk, held by the caller; nothing may be written afterwards. */
  finish(): Bytes {
    return this.output.finish();
  }
}
