import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { WireError } from '../../../wire/error.ts';
import { LENGTH_DELIMITED, readUint32, VARINT } from '../../../wire/varint.ts';
import type { Output } from '../output.ts';
import { SERIES_2 } from '../schema.ts';
import type { Counts } from '../walk.ts';
import type { Fault, Refusals } from './fault.ts';
import { HistogramCheck } from './histogram.ts';
import { LabelRefs } from './label-refs.ts';
import { expect, isZeroVarint, PartsCheck } from './parts.ts';
import type { SymbolTable } from './symbols.ts';

// message TimeSeries {
//   repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
//   repeated Exemplar exemplars = 4; Metadata metadata = 5; int64 created_timestamp = 6;
// }
// message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
// message Metadata { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }

/** Tags of the form, of length-delimited fields unless they say otherwise. */
const TAG = { series: 0x0a, sample: 0x12, exemplar: 0x1a, histogram: 0x22, metadata: 0x7a };
const SAMPLE_START = 0x18;
const HISTOGRAM_START = [0x88, 0x01] as const;
const METADATA = { type: 0x08, help: 0x12, unit: 0x1a } as const;

/** What the series of a request have in common. */
export interface SeriesContext {
  readonly bytes: Bytes;
  readonly symbols: SymbolTable;
  readonly output: Output;
  readonly refusals: Refusals;
}

/** Reads series of remote-write 2.0 one after the other and writes them in the form. */
export class SeriesReader2 {
  readonly #context: SeriesContext;
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  readonly #labels: LabelRefs;
  readonly #exemplarLabels: LabelRefs;
  readonly #parts = new PartsCheck();
  readonly #histograms = new HistogramCheck();
  readonly #total = { samples: 0, histograms: 0, exemplars: 0, metadata: 0 };
  readonly #nameOf = () => this.#labels.metricName();
  // Of the series at hand.
  #samples = 0;
  #histogramCount = 0;
  #exemplars = 0;
  #metadataAt = -1;
  #metadataEnd = -1;
  /** Where the varint of `created_timestamp` is; -1 when there is none or it is 0. */
  #createdAt = -1;
  #createdEnd = -1;

  constructor(context: SeriesContext) {
    const { bytes, symbols } = context;
    this.#context = context;
    this.#labels = new LabelRefs(bytes, symbols);
    this.#exemplarLabels = new LabelRefs(bytes, symbols);
    this.#parts.enter(bytes);
    this.#histograms.enter(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  /** Of all that was written. */
  get counts(): Counts {
    return this.#total;
  }

  /** Reads the series from `start` to `end` of the request. */
  read(start: number, end: number): void {
    this.#look(start, end);
    const { output, refusals } = this.#context;
    const fault = this.#seriesFault();
    if (fault !== undefined) {
      refusals.add(fault, this.#samples + this.#histogramCount, this.#nameOf);
      return;
    }
    const before = output.length;
    const series = output.open(TAG.series, 2);
    const labelFault = this.#labels.write(output);
    if (labelFault !== undefined) {
      output.backTo(before);
      refusals.add(labelFault, this.#samples + this.#histogramCount, this.#nameOf);
      return;
    }
    const written = this.#writeContent(start, end);
    if (written === 0) {
      output.backTo(before);
      return;
    }
    if (this.#metadataAt >= 0) this.#writeMetadata();
    output.close(series, 2);
  }

  /** First pass: labels, counts, and what must be known before the first sample is written. */
  #look(start: number, end: number): void {
    const { bytes } = this.#context;
    this.#labels.clear();
    this.#samples = 0;
    this.#histogramCount = 0;
    this.#exemplars = 0;
    this.#metadataAt = -1;
    this.#createdAt = -1;
    const fields = this.#fields.enter(bytes, start, end);
    while (fields.next()) {
      switch (fields.number) {
        case SERIES_2.labelRef:
          this.#labels.add(fields);
          break;
        case SERIES_2.sample:
          expect(fields, LENGTH_DELIMITED);
          this.#samples++;
          break;
        case SERIES_2.histogram:
          expect(fields, LENGTH_DELIMITED);
          this.#histogramCount++;
          break;
        case SERIES_2.exemplar:
          expect(fields, LENGTH_DELIMITED);
          this.#exemplars++;
          break;
        case SERIES_2.metadata:
          expect(fields, LENGTH_DELIMITED);
          this.#metadataAt = fields.start;
          this.#metadataEnd = fields.end;
          break;
        case SERIES_2.created:
          expect(fields, VARINT);
          this.#createdAt = isZeroVarint(bytes, fields.start, fields.end) ? -1 : fields.start;
          this.#createdEnd = fields.end;
      }
    }
  }

  #seriesFault(): Fault | undefined {
    if (this.#samples > 0 && this.#histogramCount > 0) return MIXED;
    if (this.#samples + this.#histogramCount + this.#exemplars === 0) return EMPTY;
    return this.#metadataAt >= 0 ? this.#metadataFault() : undefined;
  }

  #metadataFault(): Fault | undefined {
    const inner = this.#inner.enter(this.#context.bytes, this.#metadataAt, this.#metadataEnd);
    let fault: Fault | undefined;
    while (inner.next()) {
      if (inner.number === 1) expect(inner, VARINT);
      if (inner.number !== 3 && inner.number !== 4) continue;
      expect(inner, VARINT);
      fault ??= this.#labels.faultOfRef(readUint32(this.#context.bytes, inner.start));
    }
    return fault;
  }

  /** Writes samples, histograms and exemplars; answers how many. */
  #writeContent(start: number, end: number): number {
    const { bytes, output, refusals } = this.#context;
    const total = this.#total;
    let written = 0;
    const fields = this.#fields.enter(bytes, start, end);
    while (fields.next()) {
      const { number } = fields;
      let fault: Fault | undefined;
      if (number === SERIES_2.sample) {
        this.#parts.sample(fields.start, fields.end);
        this.#writeTimed(TAG.sample, fields, this.#parts.hasStart);
        total.samples++;
      } else if (number === SERIES_2.histogram) {
        fault = this.#histograms.faultOf(fields.start, fields.end);
        if (fault === undefined) {
          this.#writeTimed(TAG.histogram, fields, this.#histograms.hasStart);
          total.histograms++;
        }
      } else if (number === SERIES_2.exemplar) {
        fault = this.#writeExemplar(fields.start, fields.end);
        if (fault === undefined) total.exemplars++;
      } else {
        if (number > SERIES_2.created) output.append(bytes, fields.tagStart, fields.end);
        continue;
      }
      if (fault === undefined) written++;
      else refusals.add(fault, number === SERIES_2.histogram ? 1 : 0, this.#nameOf);
    }
    return written;
  }

  /** A sample or a histogram, with the series' created timestamp when it has no start of its own. */
  #writeTimed(tag: number, { start, end }: FieldCursor, hasStart: boolean): void {
    const { bytes, output } = this.#context;
    if (hasStart || this.#createdAt < 0) {
      output.delimited(tag, bytes, start, end);
      return;
    }
    const message = output.open(tag, 1);
    output.append(bytes, start, end);
    output.reserve(12);
    if (tag === TAG.sample) output.byte(SAMPLE_START);
    else for (const byte of HISTOGRAM_START) output.byte(byte);
    output.copy(bytes, this.#createdAt, this.#createdEnd);
    output.close(message, 1);
  }

  #writeExemplar(start: number, end: number): Fault | undefined {
    const { bytes, output } = this.#context;
    const before = output.length;
    const message = output.open(TAG.exemplar, 1);
    const labels = this.#exemplarLabels;
    labels.clear();
    const inner = this.#inner.enter(bytes, start, end);
    while (inner.next()) {
      if (inner.number === 1) labels.add(inner);
      else if (inner.number === 3) expect(inner, VARINT);
      else if (inner.number === 2 && inner.wireType !== 1)
        throw new WireError('wrong wire type', inner.tagStart);
    }
    const fault = labels.writeAsTheyAre(output);
    if (fault !== undefined) {
      output.backTo(before);
      return fault;
    }
    inner.enter(bytes, start, end);
    while (inner.next()) if (inner.number !== 1) output.append(bytes, inner.tagStart, inner.end);
    output.close(message, 1);
    return undefined;
  }

  /** message SeriesMetadata { MetricType type = 1; string help = 2; string unit = 3; } */
  #writeMetadata(): void {
    const { bytes, symbols, output } = this.#context;
    const message = output.open(TAG.metadata, 1);
    const inner = this.#inner.enter(bytes, this.#metadataAt, this.#metadataEnd);
    while (inner.next()) {
      if (inner.number === 1) {
        output.reserve(12);
        output.byte(METADATA.type);
        output.copy(bytes, inner.start, inner.end);
      } else if (inner.number === 3 || inner.number === 4) {
        const ref = readUint32(bytes, inner.start);
        const tag = inner.number === 3 ? METADATA.help : METADATA.unit;
        symbols.spend(symbols.ends[ref]! - symbols.starts[ref]!);
        output.delimited(tag, bytes, symbols.starts[ref]!, symbols.ends[ref]!);
      }
    }
    output.close(message, 1);
    this.#total.metadata++;
  }
}

const MIXED: Fault = {
  reason: 'mixed_series',
  message: 'a series has both samples and histograms',
};
const EMPTY: Fault = {
  reason: 'empty_series',
  message: 'a series has neither samples nor histograms',
};
