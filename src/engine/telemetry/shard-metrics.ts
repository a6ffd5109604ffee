/**
 * The writing side of self-metrics. A number lives in a slot of a page, a `Float64Array` over
 * shared memory that one thread writes and the main thread reads. Counting is one addition;
 * nobody is told, nobody waits. Only the birth of a series is announced, once, by message.
 *
 * A counter or a gauge takes one slot. A histogram of n bounds takes n + 2: one per bucket, not
 * cumulative, the last for +Inf; then the sum. A cell behind the slots of the first page counts the
 * series announced, so that a reader knows of those whose announcement is still on its way.
 */
import type { Counter, Gauge, Histogram, Labels, Meter } from '../../contract/context.ts';

export type SeriesKind = 'counter' | 'gauge' | 'histogram';

/** The birth of a series: where its numbers are and what they mean. Structured-cloneable. */
export interface SeriesAnnouncement {
  /** Index of the page among those of this thread. */
  readonly page: number;
  /** The page itself, with the first series that lives in it. */
  readonly memory?: SharedArrayBuffer;
  /** First slot in the page. */
  readonly slot: number;
  readonly kind: SeriesKind;
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  /** Names of the labels that the call gave and the meter did not: the ones that may grow. */
  readonly open: readonly string[];
  /** Of histograms. */
  readonly bounds?: readonly number[];
}

/** Value of the labels of the one series that takes what comes after the bound. */
export const OTHER = '_other';

const PAGE_SLOTS = 1024;
/** Cell of the first page that counts the series announced. */
export const ANNOUNCED_CELL = PAGE_SLOTS;
const MAX_LABEL_LENGTH = 256;
const DEFAULT_SERIES_PER_NAME = 1000;

type Instrument = Counter | Gauge | Histogram;

interface Series {
  readonly kind: SeriesKind;
  readonly instrument: Instrument;
}

interface Page {
  readonly index: number;
  readonly memory: SharedArrayBuffer;
  readonly cells: Float64Array;
  used: number;
}

/** What a call asks for, before it has a slot. */
interface Wanted {
  readonly kind: SeriesKind;
  readonly name: string;
  readonly help: string;
  readonly bounds?: readonly number[];
}

/** One of these per thread. Its meters may be handed to anything in the same thread. */
export class ShardMetrics {
  readonly shardIndex: number;
  readonly #announce: (message: SeriesAnnouncement) => void;
  readonly #seriesPerName: number;
  readonly #series = new Map<string, Series>();
  readonly #seriesOfName = new Map<string, number>();
  #firstPage: Page | undefined;
  #page: Page | undefined;

  /** `seriesPerName` bounds how many label sets one name may have in this thread. */
  constructor(
    shardIndex: number,
    announce: (message: SeriesAnnouncement) => void,
    seriesPerName = DEFAULT_SERIES_PER_NAME,
  ) {
    this.shardIndex = shardIndex;
    this.#announce = announce;
    this.#seriesPerName = seriesPerName;
  }

  /**
   * A meter whose instruments all carry `baseLabels`. Those must come from the configuration;
   * labels of a call may come from outside, and the bound holds for them.
   */
  meter(baseLabels: Labels = {}): Meter {
    return {
      counter: (name, help, labels) =>
        this.#find({ kind: 'counter', name, help }, baseLabels, labels) as Counter,
      gauge: (name, help, labels) =>
        this.#find({ kind: 'gauge', name, help }, baseLabels, labels) as Gauge,
      histogram: (name, help, bounds, labels) =>
        this.#find({ kind: 'histogram', name, help, bounds }, baseLabels, labels) as Histogram,
    };
  }

  #find(wanted: Wanted, base: Labels, own: Labels = {}): Instrument {
    const key = seriesKey(wanted.name, { ...base, ...own });
    const known = this.#series.get(key);
    if (known !== undefined) {
      if (known.kind === wanted.kind) return known.instrument;
      throw new Error(`bug: metric ${wanted.name} is a ${known.kind}, not a ${wanted.kind}`);
    }
    const count = this.#seriesOfName.get(wanted.name) ?? 0;
    const open = Object.keys(own);
    if (count >= this.#seriesPerName && open.some((label) => own[label] !== OTHER)) {
      return this.#find(wanted, base, overflowLabels(own, open));
    }
    const labels = bounded({ ...base, ...own });
    const instrument = this.#place(wanted, labels, open);
    this.#series.set(key, { kind: wanted.kind, instrument });
    this.#seriesOfName.set(wanted.name, count + 1);
    return instrument;
  }

  #place(wanted: Wanted, labels: Labels, open: readonly string[]): Instrument {
    const { kind, name, bounds } = wanted;
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`bug: metric name ${name}`);
    const slots = bounds === undefined ? 1 : bounds.length + 2;
    if (slots > PAGE_SLOTS) throw new Error(`bug: metric ${name} has ${slots - 2} bounds`);
    let page = this.#page;
    const isNew = page === undefined || page.used + slots > PAGE_SLOTS;
    if (page === undefined || isNew) {
      page = newPage(page === undefined ? 0 : page.index + 1);
      this.#page = page;
      this.#firstPage ??= page;
    }
    const slot = page.used;
    page.used += slots;
    const memory = isNew ? { memory: page.memory } : {};
    this.#announce({ page: page.index, ...memory, slot, ...wanted, labels, open });
    this.#firstPage!.cells[ANNOUNCED_CELL]! += 1;
    if (bounds !== undefined) return new HistogramSlots(page.cells, slot, bounds);
    return kind === 'counter' ? new CounterSlot(page.cells, slot) : new GaugeSlot(page.cells, slot);
  }
}

/** Identity of a series: its name and its labels in whatever order. */
export function seriesKey(name: string, labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length > 1) names.sort();
  let key = name;
  for (const label of names) key += `\u0000${label}\u0001${labels[label] ?? ''}`;
  return key;
}

/** The labels of the series that takes what the bound keeps out. */
export function overflowLabels(labels: Labels, open: readonly string[]): Labels {
  const folded: Record<string, string> = { ...labels };
  for (const label of open) folded[label] = OTHER;
  return folded;
}

function newPage(index: number): Page {
  const memory = new SharedArrayBuffer((PAGE_SLOTS + 1) * Float64Array.BYTES_PER_ELEMENT);
  return { index, memory, cells: new Float64Array(memory), used: 0 };
}

function bounded(labels: Labels): Labels {
  const cut: Record<string, string> = {};
  for (const [label, value] of Object.entries(labels))
    cut[label] = value.slice(0, MAX_LABEL_LENGTH);
  return cut;
}

class CounterSlot implements Counter {
  readonly #cells: Float64Array;
  readonly #slot: number;

  constructor(cells: Float64Array, slot: number) {
    this.#cells = cells;
    this.#slot = slot;
  }

  /** Amounts that are not above 0 are ignored: a counter never goes back. */
  add(amount: number): void {
    if (amount > 0) this.#cells[this.#slot]! += amount;
  }
}

class GaugeSlot implements Gauge {
  readonly #cells: Float64Array;
  readonly #slot: number;

  constructor(cells: Float64Array, slot: number) {
    this.#cells = cells;
    this.#slot = slot;
  }

  set(value: number): void {
    this.#cells[this.#slot] = value;
  }

  add(amount: number): void {
    this.#cells[this.#slot]! += amount;
  }
}

class HistogramSlots implements Histogram {
  readonly #cells: Float64Array;
  readonly #slot: number;
  readonly #bounds: readonly number[];

  constructor(cells: Float64Array, slot: number, bounds: readonly number[]) {
    this.#cells = cells;
    this.#slot = slot;
    this.#bounds = bounds;
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    this.#cells[this.#slot + bucket]! += 1;
    this.#cells[this.#slot + bounds.length + 1]! += value;
  }
}
