import { FieldCursor } from '../../../../wire/cursor.ts';
import { readUint64 } from '../../../../wire/varint.ts';
import { MEMBER, type Member } from '../../../../formats/prometheus/membership.ts';
import { areEqual } from '../../../../formats/prometheus/ranges.ts';
import { REQUEST, SERIES } from '../../../../formats/prometheus/schema.ts';
import { SeriesCursor } from '../../../../formats/prometheus/walk.ts';
import { isStale, METRIC_TYPE } from '../../../../formats/translate/metric-type.ts';
import { readFamilyMetadata, readSeriesMetadata } from './facts-book.ts';
import type { Series } from './series.ts';
import { type Chunk, chunkOf, type SeriesStore } from './series-store.ts';

/** Why samples are not kept. */
export type Loss = 'out_of_order' | 'series_limit' | 'conflicting_type';

/** Field numbers of a sample, an exemplar and a histogram of the form. */
const SAMPLE = { value: 1, timestamp: 2, startTimestamp: 3 } as const;
const EXEMPLAR = { timestamp: 3 } as const;
const HISTOGRAM = { sum: 3, timestamp: 15, startTimestamp: 17 } as const;

/** Puts a chunk of the form into a store, as many series at a time as its caller likes. */
export class Intake {
  readonly losses = new Map<Loss, number>();
  readonly #chunk: Uint8Array;
  readonly #look: Chunk;
  readonly #store: SeriesStore;
  readonly #now: number;
  readonly #series = new SeriesCursor();
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  /** Whether the last that is known of the current series is that it is stale. */
  #hasEnded = false;

  constructor(chunk: Uint8Array, store: SeriesStore, now: number) {
    this.#chunk = chunk;
    this.#look = chunkOf(chunk);
    this.#store = store;
    this.#now = now;
    this.#readFamilies();
    this.#series.enter(chunk);
  }

  /** Takes up to `count` series; false when there are no more. */
  take(count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (!this.#series.next()) return false;
      this.#one();
    }
    return true;
  }

  /** What is known of families comes first, wherever in the chunk it stands. */
  #readFamilies(): void {
    const fields = this.#fields.enter(this.#chunk);
    while (fields.next()) {
      if (fields.number !== REQUEST.metadata) continue;
      const facts = readFamilyMetadata(this.#chunk, fields.start, fields.end);
      this.#store.facts.tell(facts, this.#now);
    }
  }

  #one(): void {
    const { start, labelsEnd, end } = this.#series;
    const known = this.#store.find(this.#look, start, labelsEnd);
    const series = known ?? this.#store.add(this.#chunk, start, labelsEnd);
    if (series === undefined) return this.#lose('series_limit', this.#itemsIn(labelsEnd, end));
    if (!this.#isOfItsType(series, labelsEnd, end)) {
      if (known === undefined) this.#store.remove(series);
      return this.#lose('conflicting_type', this.#itemsIn(labelsEnd, end));
    }
    this.#hasEnded = false;
    const fields = this.#fields.enter(this.#chunk, labelsEnd, end);
    while (fields.next()) {
      if (fields.number === SERIES.sample) this.#sample(series);
      else if (fields.number === SERIES.histogram) this.#histogram(series);
      else if (fields.number === SERIES.exemplar) this.#exemplar(series);
    }
    // A series that somebody only has exemplars of is none.
    if (this.#hasEnded || series.timestamp === -Infinity) this.#store.remove(series);
  }

  #sample(series: Series): void {
    const { start, end } = this.#fields;
    const chunk = this.#chunk;
    const inner = this.#inner.enter(chunk, start, end);
    let [timestamp, startTimestamp, valueAt] = [0, 0, -1];
    while (inner.next()) {
      if (inner.number === SAMPLE.value) valueAt = inner.start;
      else if (inner.number === SAMPLE.timestamp) timestamp = millisAt(chunk, inner.start);
      else if (inner.number === SAMPLE.startTimestamp) {
        startTimestamp = millisAt(chunk, inner.start);
      }
    }
    const hasEnded = valueAt >= 0 && isStale(chunk, valueAt);
    if (!this.#advance(series, timestamp, hasEnded)) return;
    series.startTimestamp = startTimestamp;
    series.value = valueAt < 0 ? 0 : this.#look.view.getFloat64(valueAt, true);
    if (series.histogram !== undefined) this.#store.replace(series, 'histogram', undefined);
  }

  #histogram(series: Series): void {
    const { start, end } = this.#fields;
    const chunk = this.#chunk;
    const inner = this.#inner.enter(chunk, start, end);
    let [timestamp, startTimestamp, sumAt] = [0, 0, -1];
    while (inner.next()) {
      if (inner.number === HISTOGRAM.sum) sumAt = inner.start;
      else if (inner.number === HISTOGRAM.timestamp) timestamp = millisAt(chunk, inner.start);
      else if (inner.number === HISTOGRAM.startTimestamp) {
        startTimestamp = millisAt(chunk, inner.start);
      }
    }
    const hasEnded = sumAt >= 0 && isStale(chunk, sumAt);
    if (!this.#advance(series, timestamp, hasEnded)) return;
    series.startTimestamp = startTimestamp;
    this.#store.replace(series, 'histogram', chunk.slice(start, end));
  }

  /** False for what is older than what is known; of two with one time the later counts. */
  #advance(series: Series, timestamp: number, hasEnded: boolean): boolean {
    if (timestamp < series.timestamp) {
      this.#lose('out_of_order', 1);
      return false;
    }
    series.timestamp = timestamp;
    series.updatedAt = this.#now;
    this.#hasEnded = hasEnded;
    return true;
  }

  #exemplar(series: Series): void {
    const { start, end } = this.#fields;
    const inner = this.#inner.enter(this.#chunk, start, end);
    let timestamp = 0;
    while (inner.next()) {
      if (inner.number === EXEMPLAR.timestamp) timestamp = millisAt(this.#chunk, inner.start);
    }
    if (timestamp < series.exemplarTimestamp) return;
    series.exemplarTimestamp = timestamp;
    this.#store.replace(series, 'exemplar', this.#chunk.slice(start, end));
  }

  /** Looks at the metadata that came with the series, unless it is what it was before. */
  #isOfItsType({ group, member }: Series, labelsEnd: number, end: number): boolean {
    const chunk = this.#chunk;
    const fields = this.#fields.enter(chunk, labelsEnd, end);
    while (fields.next()) if (fields.number === SERIES.metadata) break;
    if (fields.number !== SERIES.metadata) return true;
    const { said, name: stem } = group.family;
    const length = fields.end - fields.start;
    const before = said[member];
    const isSame =
      before?.bytes.length === length && areEqual(before.bytes, 0, chunk, fields.start, length);
    if (isSame) {
      before.facts.updatedAt = this.#now;
      return true;
    }
    const bytes = chunk.slice(fields.start, fields.end);
    const told = readSeriesMetadata(bytes, stem);
    if (told.type === METRIC_TYPE.unknown && told.help === '' && told.unit === '') return true;
    const isOfStem = told.type === METRIC_TYPE.histogram || told.type === METRIC_TYPE.summary;
    const name = isOfStem ? stem : `${stem}${SUFFIX[member]}`;
    const facts = this.#store.facts.say({ ...told, name }, this.#now);
    if (facts === undefined) return true;
    if (facts.type !== told.type) return false;
    said[member] = { bytes, facts };
    return true;
  }

  #itemsIn(labelsEnd: number, end: number): number {
    const fields = this.#fields.enter(this.#chunk, labelsEnd, end);
    let items = 0;
    while (fields.next()) {
      if (fields.number === SERIES.sample || fields.number === SERIES.histogram) items++;
    }
    return items;
  }

  #lose(reason: Loss, items: number): void {
    if (items > 0) this.losses.set(reason, (this.losses.get(reason) ?? 0) + items);
  }
}

/** What a member adds to the name of its family. */
const SUFFIX: Readonly<Record<Member, string>> = {
  [MEMBER.bucket]: '_bucket',
  [MEMBER.sum]: '_sum',
  [MEMBER.count]: '_count',
  [MEMBER.quantile]: '',
  [MEMBER.plain]: '',
};

/** The varint at `offset` as milliseconds; times that need more than 53 bits lose the last ones. */
function millisAt(bytes: Uint8Array, offset: number): number {
  let value = 0;
  let factor = 1;
  for (let at = offset; at < offset + MAX_EXACT_BYTES; at++, factor *= 0x80) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  return Number(BigInt.asIntN(64, readUint64(bytes, offset)));
}

/** Varints of so many bytes are below 2^49. */
const MAX_EXACT_BYTES = 7;
