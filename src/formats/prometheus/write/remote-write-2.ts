import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { takeBytes } from '../../../wire/memory.ts';
import { copyRange } from '../../../wire/splice.ts';
import { Output } from '../output.ts';
import { REQUEST, SERIES } from '../schema.ts';
import { LabelCursor, SeriesCursor } from '../walk.ts';
import { SymbolWriter } from './symbol-writer.ts';
import { type Dropped, NOTHING_DROPPED, type Written } from './written.ts';

/** Tags of remote-write 2.0, of length-delimited fields unless they say otherwise. */
const TAG = { series: 0x2a, labelRefs: 0x0a, sample: 0x12, histogram: 0x1a, exemplar: 0x22 };
const METADATA = { tag: 0x2a, type: 0x08, help: 0x18, unit: 0x20 } as const;

/**
 * Writes chunks of the form as one remote-write 2.0 request, with each string once. A series with
 * both samples and histograms becomes two. Metadata of families, which 1.0 sends apart from any
 * series, has no place in 2.0: it is dropped and counted.
 */
export function writeRemoteWrite2(chunks: readonly Bytes[]): Written {
  const writer = new Writer2();
  for (const chunk of chunks) writer.add(chunk);
  return writer.finish();
}

class Writer2 {
  readonly #symbols = new SymbolWriter();
  readonly #output = new Output(65_536);
  readonly #series = new SeriesCursor();
  readonly #labels = new LabelCursor();
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  readonly #label = new FieldCursor();
  readonly #dropped: { -readonly [K in keyof Dropped]: number } = { ...NOTHING_DROPPED };
  // References of the series before, by position: most labels are the same from one to the next.
  readonly #before: number[] = [];
  #refs = new Uint32Array(64);
  #refCount = 0;
  #samples = 0;
  #histograms = 0;
  #exemplars = 0;

  add(chunk: Bytes): void {
    const series = this.#series.enter(chunk);
    while (series.next()) this.#write(chunk, series);
    const top = this.#inner.enter(chunk);
    while (top.next()) if (top.number === REQUEST.metadata) this.#dropped.metadata++;
  }

  finish(): Written {
    const [symbols, series] = [this.#symbols.output, this.#output];
    const bytes = takeBytes(series.length === 0 ? 0 : symbols.length + series.length);
    if (bytes.length > 0) {
      const offset = copyRange(bytes, 0, symbols.bytes, [0, symbols.length]);
      copyRange(bytes, offset, series.bytes, [0, series.length]);
    }
    symbols.discard();
    series.discard();
    const [samples, histograms, exemplars] = [this.#samples, this.#histograms, this.#exemplars];
    return { bytes, samples, histograms, exemplars, dropped: this.#dropped };
  }

  #write(chunk: Bytes, series: SeriesCursor): void {
    this.#findRefs(chunk, series);
    let hasSamples = false;
    let hasHistograms = false;
    const fields = this.#fields.enter(chunk, series.labelsEnd, series.end);
    while (fields.next()) {
      if (fields.number === SERIES.sample) hasSamples = true;
      else if (fields.number === SERIES.histogram) hasHistograms = true;
    }
    const isMixed = hasSamples && hasHistograms;
    this.#writeSeries(chunk, series, isMixed ? [SERIES.histogram] : []);
    if (isMixed) this.#writeSeries(chunk, series, [SERIES.sample, SERIES.exemplar]);
  }

  #writeSeries(chunk: Bytes, series: SeriesCursor, without: readonly number[]): void {
    const output = this.#output;
    const message = output.open(TAG.series, 1);
    this.#writeRefs(TAG.labelRefs);
    const fields = this.#fields.enter(chunk, series.labelsEnd, series.end);
    while (fields.next()) {
      if (without.length > 0 && without.includes(fields.number)) continue;
      switch (fields.number) {
        case SERIES.sample:
          output.delimited(TAG.sample, chunk, fields.start, fields.end);
          this.#samples++;
          break;
        case SERIES.histogram:
          output.delimited(TAG.histogram, chunk, fields.start, fields.end);
          this.#histograms++;
          break;
        case SERIES.exemplar:
          this.#writeExemplar(chunk, fields);
          this.#exemplars++;
          break;
        case SERIES.metadata:
          this.#writeMetadata(chunk, fields);
      }
    }
    output.close(message, 1);
  }

  #findRefs(chunk: Bytes, { start, labelsEnd }: SeriesCursor): void {
    const [symbols, before] = [this.#symbols, this.#before];
    const labels = this.#labels.enter(chunk, start, labelsEnd);
    let count = 0;
    while (labels.next()) {
      if (count + 2 > this.#refs.length) this.#growRefs();
      for (let part = 0; part < 2; part++) {
        const [from, to] =
          part === 0 ? [labels.nameStart, labels.nameEnd] : [labels.valueStart, labels.valueEnd];
        const last = before[count];
        const isSame = last !== undefined && symbols.is(last, chunk, from, to);
        const ref = isSame ? last : symbols.refOf(chunk, from, to);
        before[count] = ref;
        this.#refs[count++] = ref;
      }
    }
    this.#refCount = count;
  }

  #growRefs(): void {
    const grown = new Uint32Array(this.#refs.length * 2);
    grown.set(this.#refs);
    this.#refs = grown;
  }

  #writeRefs(tag: number): void {
    const output = this.#output;
    const list = output.open(tag, 1);
    output.reserve(this.#refCount * 5 + 5);
    for (let i = 0; i < this.#refCount; i++) output.varint(this.#refs[i]!);
    output.close(list, 1);
  }

  /** message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; } */
  #writeExemplar(chunk: Bytes, { start, end }: FieldRange): void {
    const output = this.#output;
    const message = output.open(TAG.exemplar, 1);
    const refs: number[] = [];
    const inner = this.#inner.enter(chunk, start, end);
    while (inner.next()) {
      if (inner.number !== 1) output.append(chunk, inner.tagStart, inner.end);
      else this.#exemplarLabel(chunk, inner, refs);
    }
    if (refs.length > 0) {
      const list = output.open(TAG.labelRefs, 1);
      output.reserve(refs.length * 5 + 5);
      for (const ref of refs) output.varint(ref);
      output.close(list, 1);
    }
    output.close(message, 1);
  }

  /** Labels of exemplars are in no particular order and may be written any way. */
  #exemplarLabel(chunk: Bytes, { start, end }: FieldRange, refs: number[]): void {
    let name = 0;
    let value = 0;
    const label = this.#label.enter(chunk, start, end);
    while (label.next()) {
      if (label.number === 1) name = this.#symbols.refOf(chunk, label.start, label.end);
      else if (label.number === 2) value = this.#symbols.refOf(chunk, label.start, label.end);
    }
    refs.push(name, value);
  }

  /** message Metadata { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; } */
  #writeMetadata(chunk: Bytes, { start, end }: FieldRange): void {
    const output = this.#output;
    const message = output.open(METADATA.tag, 1);
    const inner = this.#inner.enter(chunk, start, end);
    while (inner.next()) {
      output.reserve(16);
      if (inner.number === 1) {
        output.byte(METADATA.type);
        output.copy(chunk, inner.start, inner.end);
      } else if (inner.number === 2 || inner.number === 3) {
        output.byte(inner.number === 2 ? METADATA.help : METADATA.unit);
        output.varint(this.#symbols.refOf(chunk, inner.start, inner.end));
      }
    }
    output.close(message, 1);
  }
}
