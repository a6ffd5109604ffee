import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { LENGTH_DELIMITED } from '../../../wire/varint.ts';
import type { LabelSetCache } from '../label-set-cache.ts';
import { Output } from '../output.ts';
import { notePlain } from '../plain.ts';
import { areEqual } from '../ranges.ts';
import { REQUEST, REQUEST_2, SERIES } from '../schema.ts';
import { type Skim, skimmer } from '../skim.ts';
import { type Fault, type Read, Refusals } from './fault.ts';
import { HistogramCheck } from './histogram.ts';
import { endOfSortedLabels, LabelList } from './labels.ts';
import { expect, PartsCheck } from './parts.ts';

/** What is known of label sets that need more than a glance: what they become, or their fault. */
export type Normalised = Bytes | Fault;

/**
 * Reads a remote-write 1.0 request into a chunk of the `prometheus` form: the very same bytes
 * when nothing in them has to change. Labels are sorted, empty ones left out; a series, histogram
 * or exemplar that is not valid is left out alone. Throws `WireError` when the bytes are no such
 * request at all; one of remote-write 2.0 is refused as a whole. `cache` spares senders of unsorted labels the sorting.
 */
export function readRemoteWrite1(bytes: Bytes, cache?: LabelSetCache<Normalised>): Read {
  return new Reader(bytes, cache, skimmer()).run();
}

/** The same, with a skim of the caller's choice. */
export function readWith(bytes: Bytes, skim: Skim, cache?: LabelSetCache<Normalised>): Read {
  return new Reader(bytes, cache, skim).run();
}

const SERIES_TAG = 0x0a;
const METADATA_STRINGS = (1 << 2) | (1 << 4) | (1 << 5);
const SERIES_METADATA_STRINGS = (1 << 2) | (1 << 3);

const WRONG_VERSION: Fault = {
  reason: 'wrong_version',
  message:
    'the body is remote-write 2.0; say so with content-type application/x-protobuf;proto=io.prometheus.write.v2.Request',
};

/** What was found in one series. */
class Found {
  samples = 0;
  histograms = 0;
  exemplars = 0;
  metadata = 0;
  /** Histograms and exemplars that stay behind. */
  faulty = 0;

  /** Nothing of the series goes on. */
  get isEmpty(): boolean {
    return this.samples + this.histograms + this.exemplars === 0;
  }

  clear(): void {
    this.samples = 0;
    this.histograms = 0;
    this.exemplars = 0;
    this.metadata = 0;
    this.faulty = 0;
  }
}

class Reader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #cache: LabelSetCache<Normalised> | undefined;
  readonly #skim: Skim;
  readonly #top = new FieldCursor();
  readonly #fields = new FieldCursor();
  readonly #parts = new PartsCheck();
  readonly #histograms = new HistogramCheck();
  readonly #labels = new LabelList();
  readonly #refusals = new Refusals();
  readonly #found = new Found();
  readonly #total = new Found();
  // Present once something differs from the request, with all that is valid before #taken.
  #output: Output | undefined;
  #taken = 0;
  // Where the labels of the series looked into last end; -1 when something stands between them.
  #labelsEnd = 0;
  #sawVersion2 = false;

  constructor(bytes: Bytes, cache: LabelSetCache<Normalised> | undefined, skim: Skim) {
    this.#bytes = bytes;
    this.#skim = skim;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#cache = cache;
    this.#parts.enter(bytes);
    this.#histograms.enter(bytes, this.#view);
  }

  run(): Read {
    const [bytes, top, skim] = [this.#bytes, this.#top, this.#skim];
    skim.enter(bytes);
    let at = skim.pass(0);
    if (at === bytes.length && skim.isLegacy) notePlain(bytes, skim.samples);
    let known = at;
    while (at < bytes.length) {
      top.enter(bytes, at).next();
      if (top.number === REQUEST.timeseries) {
        expect(top, LENGTH_DELIMITED);
        this.#series(top.tagStart, top.start, top.end);
        known++;
      } else if (top.number === REQUEST.metadata) {
        expect(top, LENGTH_DELIMITED);
        this.#metadata(top.tagStart, top.start, top.end);
        known++;
      } else {
        if (top.number === REQUEST_2.symbol || top.number === REQUEST_2.timeseries)
          this.#sawVersion2 = true;
        this.#leaveOut(top.tagStart, top.end);
      }
      at = skim.pass(top.end);
    }
    this.#total.samples += skim.samples;
    if (known === 0 && this.#sawVersion2) this.#refusals.addRequest(WRONG_VERSION);
    return this.#finish();
  }

  #finish(): Read {
    const { samples, histograms, exemplars, metadata } = this.#total;
    const counts = { samples, histograms, exemplars, metadata };
    const refused = this.#refusals.finish();
    let bytes = this.#bytes;
    if (this.#output !== undefined) {
      this.#output.append(bytes, this.#taken, bytes.length);
      bytes = this.#output.finish();
    }
    return {
      counts,
      ...(bytes.length > 0 && { bytes }),
      ...(refused !== undefined && { refused }),
    };
  }

  /** Nothing of the request from `start` to `end` goes on. */
  #leaveOut(start: number, end: number): Output {
    this.#output ??= new Output(this.#bytes.length + 64);
    this.#output.append(this.#bytes, this.#taken, start);
    this.#taken = end;
    return this.#output;
  }

  #metadata(tagStart: number, start: number, end: number): void {
    const fault = this.#parts.metadata(start, end, METADATA_STRINGS);
    if (fault === undefined) {
      this.#total.metadata++;
      return;
    }
    this.#refusals.add(fault, 0, () => '');
    this.#leaveOut(tagStart, end);
  }

  #series(tagStart: number, start: number, end: number): void {
    const labelsEnd = endOfSortedLabels(this.#bytes, this.#view, start, end);
    const isSorted = labelsEnd >= 0 && this.#content(labelsEnd, end);
    if (!isSorted) return this.#closerLook(tagStart, start, end);
    const found = this.#found;
    if (found.faulty > 0 || found.isEmpty) {
      const labels = this.#bytes.subarray(start, labelsEnd);
      this.#rewrite(tagStart, start, end, labels);
    }
    this.#count();
  }

  #count(): void {
    const [found, total] = [this.#found, this.#total];
    if (found.isEmpty) return;
    total.samples += found.samples;
    total.histograms += found.histograms;
    total.exemplars += found.exemplars;
    total.metadata += found.metadata;
  }

  /** Checks and counts what follows the labels; false when more labels do. */
  #content(start: number, end: number): boolean {
    const found = this.#found;
    found.clear();
    this.#labelsEnd = start;
    const fields = this.#fields.enter(this.#bytes, start, end);
    let isSorted = true;
    while (fields.next()) {
      switch (fields.number) {
        case SERIES.label:
          expect(fields, LENGTH_DELIMITED);
          this.#labelsEnd = this.#labelsEnd === fields.tagStart ? fields.end : -1;
          isSorted = false;
          break;
        case SERIES.sample:
          expect(fields, LENGTH_DELIMITED);
          this.#parts.sample(fields.start, fields.end);
          found.samples++;
          break;
        case SERIES.exemplar:
          expect(fields, LENGTH_DELIMITED);
          if (this.#parts.exemplar(fields.start, fields.end) === undefined) found.exemplars++;
          else found.faulty++;
          break;
        case SERIES.histogram:
          expect(fields, LENGTH_DELIMITED);
          if (this.#histograms.faultOf(fields.start, fields.end) === undefined) found.histograms++;
          else found.faulty++;
          break;
        case SERIES.metadata:
          expect(fields, LENGTH_DELIMITED);
          if (this.#parts.metadata(fields.start, fields.end, SERIES_METADATA_STRINGS) === undefined)
            found.metadata++;
          else found.faulty++;
      }
    }
    return isSorted;
  }

  /** A series whose labels are not as the form wants them. */
  #closerLook(tagStart: number, start: number, end: number): void {
    this.#content(start, end);
    const labels = this.#normalised(start, end);
    if ('reason' in labels) {
      const { samples, histograms } = this.#found;
      this.#refusals.add(labels, samples + histograms, () => this.#nameIn(start, end));
      this.#leaveOut(tagStart, end);
      return;
    }
    const { faulty, isEmpty } = this.#found;
    if (faulty > 0 || isEmpty || !this.#isAlready(labels, start))
      this.#rewrite(tagStart, start, end, labels);
    this.#count();
  }

  /** Whether the labels stand at the start of the series just as they should be: long ones may. */
  #isAlready(labels: Bytes, start: number): boolean {
    const { length } = labels;
    return this.#labelsEnd === start + length && areEqual(labels, 0, this.#bytes, start, length);
  }

  /** The labels of a series as they should be, or what is wrong with them. */
  #normalised(start: number, end: number): Normalised {
    const labelsEnd = this.#labelsEnd;
    const cache = labelsEnd < 0 ? undefined : this.#cache;
    const known = cache?.get(this.#bytes, start, labelsEnd);
    if (known !== undefined) return known;
    this.#collect(start, end);
    const labels = this.#labels.normalise(this.#bytes);
    cache?.set(this.#bytes, start, labelsEnd, labels);
    return labels;
  }

  #collect(start: number, end: number): void {
    this.#labels.clear();
    const fields = new FieldCursor().enter(this.#bytes, start, end);
    while (fields.next())
      if (fields.number === SERIES.label) this.#parts.label(fields.start, fields.end, this.#labels);
  }

  /** Writes a series with these labels in front, without what is faulty in it. */
  // oxlint-disable-next-line max-params -- a range and what it becomes
  #rewrite(tagStart: number, start: number, end: number, labels: Uint8Array): void {
    const output = this.#leaveOut(tagStart, end);
    const before = output.length;
    const series = output.open(SERIES_TAG, 2);
    output.append(labels, 0, labels.length);
    const fields = this.#fields.enter(this.#bytes, start, end);
    while (fields.next()) {
      if (fields.number === SERIES.label) continue;
      const fault = this.#faultOf(fields);
      if (fault === undefined) output.append(this.#bytes, fields.tagStart, fields.end);
      else {
        const items = fields.number === SERIES.histogram ? 1 : 0;
        this.#refusals.add(fault, items, () => this.#nameIn(start, end));
      }
    }
    output.close(series, 2);
    if (this.#found.isEmpty) output.backTo(before);
  }

  #faultOf({ number, start, end }: FieldCursor): Fault | undefined {
    if (number === SERIES.histogram) return this.#histograms.faultOf(start, end);
    if (number === SERIES.exemplar) return this.#parts.exemplar(start, end);
    if (number === SERIES.metadata)
      return this.#parts.metadata(start, end, SERIES_METADATA_STRINGS);
    return undefined;
  }

  /** The value of `__name__` in a series, as it may stand in a message. */
  #nameIn(start: number, end: number): string {
    this.#collect(start, end);
    return this.#labels.metricName(this.#bytes);
  }
}
