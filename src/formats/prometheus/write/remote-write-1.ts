import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { Output } from '../output.ts';
import { REQUEST, SERIES, START_TIMESTAMP } from '../schema.ts';
import { type Dropped, NOTHING_DROPPED, type Written } from './written.ts';

const SERIES_TAG = 0x0a;
const SAMPLE_TAG = 0x12;
const HISTOGRAM_TAG = 0x22;
const CUSTOM_VALUES = 16;

/**
 * Writes a chunk of the form as a remote-write 1.0 request: the very same bytes when it says
 * nothing that 1.0 cannot say. Start timestamps and the metadata of series are left out.
 * Histograms with custom buckets cannot be said either: they are dropped and counted, and so are
 * their series when nothing else is in them.
 */
export function writeRemoteWrite1(chunk: Bytes): Written {
  return new Writer1(chunk).run();
}

class Writer1 {
  readonly #chunk: Bytes;
  readonly #top = new FieldCursor();
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  readonly #dropped: { -readonly [K in keyof Dropped]: number } = { ...NOTHING_DROPPED };
  #samples = 0;
  #histograms = 0;
  #exemplars = 0;
  #output: Output | undefined;
  #taken = 0;

  constructor(chunk: Bytes) {
    this.#chunk = chunk;
  }

  run(): Written {
    const top = this.#top.enter(this.#chunk);
    while (top.next())
      if (top.number === REQUEST.timeseries && !this.#isPlain(top)) this.#rewrite(top);
    let bytes = this.#chunk;
    if (this.#output !== undefined) {
      this.#output.append(bytes, this.#taken, bytes.length);
      bytes = this.#output.finish();
    }
    const [samples, histograms, exemplars] = [this.#samples, this.#histograms, this.#exemplars];
    return { bytes, samples, histograms, exemplars, dropped: this.#dropped };
  }

  /** Counts a series; false when 1.0 cannot say all of it, and nothing is counted then. */
  #isPlain(series: FieldRange): boolean {
    const fields = this.#fields.enter(this.#chunk, series.start, series.end);
    let samples = 0;
    let histograms = 0;
    let exemplars = 0;
    while (fields.next()) {
      switch (fields.number) {
        case SERIES.sample:
          if (this.#has(fields, START_TIMESTAMP.sample)) return false;
          samples++;
          break;
        case SERIES.histogram:
          if (this.#has(fields, START_TIMESTAMP.histogram, CUSTOM_VALUES)) return false;
          histograms++;
          break;
        case SERIES.exemplar:
          exemplars++;
          break;
        case SERIES.metadata:
          return false;
      }
    }
    this.#samples += samples;
    this.#histograms += histograms;
    this.#exemplars += exemplars;
    return true;
  }

  #has({ start, end }: FieldRange, number: number, other = number): boolean {
    const inner = this.#inner.enter(this.#chunk, start, end);
    while (inner.next()) if (inner.number === number || inner.number === other) return true;
    return false;
  }

  #rewrite({ tagStart, start, end }: FieldRange): void {
    const chunk = this.#chunk;
    this.#output ??= new Output(chunk.length + 64);
    const output = this.#output;
    output.append(chunk, this.#taken, tagStart);
    this.#taken = end;
    const before = output.length;
    const series = output.open(SERIES_TAG, 2);
    let parts = 0;
    const fields = this.#fields.enter(chunk, start, end);
    while (fields.next()) {
      switch (fields.number) {
        case SERIES.sample:
          this.#copyWithout(output, SAMPLE_TAG, fields, START_TIMESTAMP.sample);
          this.#samples++;
          parts++;
          break;
        case SERIES.histogram:
          if (this.#has(fields, CUSTOM_VALUES)) {
            this.#dropped.customHistograms++;
            break;
          }
          this.#copyWithout(output, HISTOGRAM_TAG, fields, START_TIMESTAMP.histogram);
          this.#histograms++;
          parts++;
          break;
        case SERIES.metadata:
          this.#dropped.metadata++;
          break;
        case SERIES.exemplar:
          this.#exemplars++;
          parts++;
          output.append(chunk, fields.tagStart, fields.end);
          break;
        default:
          output.append(chunk, fields.tagStart, fields.end);
      }
    }
    output.close(series, 2);
    if (parts === 0) output.backTo(before);
  }

  /** Copies a message without its fields of one number. */
  // oxlint-disable-next-line max-params -- one call per sample: an object would be an allocation
  #copyWithout(output: Output, tag: number, { start, end }: FieldRange, number: number): void {
    const message = output.open(tag, 1);
    const inner = this.#inner.enter(this.#chunk, start, end);
    while (inner.next()) {
      if (inner.number === number) this.#dropped.startTimestamps++;
      else output.append(this.#chunk, inner.tagStart, inner.end);
    }
    output.close(message, 1);
  }
}
