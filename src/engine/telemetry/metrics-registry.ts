/**
 * The reading side of self-metrics, on the main thread. It reads the pages of all shards where
 * they lie, so a scrape never waits for a shard and answers under full load.
 *
 * What is true of a shard that died: its counters and histograms stay in the totals, its gauges
 * are gone, and the items it still held wait in `takeHeld` for the supervisor to count as dropped.
 */
import { setImmediate } from 'node:timers/promises';
import type { Labels, Meter } from '../../contract/context.ts';
import { Exposition, type ExpositionOptions } from './exposition.ts';
import { type Family, gaugeMergeOf, mergedCell, type Series, type Source } from './family.ts';
import {
  ANNOUNCED_CELL,
  overflowLabels,
  seriesKey,
  type SeriesAnnouncement,
  ShardMetrics,
} from './shard-metrics.ts';

/** What a dead shard still held of one exporter. */
export interface HeldItems {
  readonly exporter: string;
  readonly items: number;
  /** All labels of the gauge, such as the signal, beside `exporter`. */
  readonly labels: Labels;
}

/** Name of the gauge by which a delivery says how many items it holds. */
const HELD_ITEMS = 'exporter_held_items';

const MAIN = -1;
const SERIES_PER_NAME = 4000;
/** How many turns of the event loop a reader waits for announcements at most. */
const MAX_TURNS = 100;

/** One of these per process. */
export class MetricsRegistry {
  readonly #families = new Map<string, Family>();
  readonly #pages = new Map<number, Float64Array[]>();
  readonly #attached = new Map<number, number>();
  readonly #held = new Map<number, HeldItems[]>();
  readonly #samplers: (() => void)[] = [];
  readonly #own: ShardMetrics;
  readonly #seriesPerName: number;
  readonly #exposition: Exposition;

  constructor(options: Partial<ExpositionOptions> = {}, seriesPerName = SERIES_PER_NAME) {
    this.#seriesPerName = seriesPerName;
    this.#own = new ShardMetrics(MAIN, (message) => this.attach(MAIN, message));
    this.#exposition = new Exposition(options);
  }

  /** A meter for what the main thread counts itself. */
  meter(labels: Labels = {}): Meter {
    return this.#own.meter(labels);
  }

  /** Takes in a series that a shard announced. Announcements of a shard come in order. */
  attach(shardIndex: number, announcement: SeriesAnnouncement): void {
    const { page, memory, slot } = announcement;
    let pages = this.#pages.get(shardIndex) ?? [];
    if (memory !== undefined) {
      // A first page where there is one already: the shard was replaced before anyone said so.
      if (pages[page] !== undefined) {
        this.shardDied(shardIndex);
        pages = [];
      }
      pages[page] = new Float64Array(memory);
      this.#pages.set(shardIndex, pages);
    }
    this.#attached.set(shardIndex, (this.#attached.get(shardIndex) ?? 0) + 1);
    const cells = pages[page];
    if (cells === undefined) return;
    const family = this.#familyOf(announcement);
    const series = this.#seriesOf(family, announcement, shardIndex);
    series.sources = [...series.sources, { shard: shardIndex, cells, slot }];
  }

  /** Folds the counters of a dead shard into the totals and forgets its gauges. */
  shardDied(shardIndex: number): void {
    const held = this.#readHeld(shardIndex);
    if (held.length > 0) this.#held.set(shardIndex, [...this.#heldOf(shardIndex), ...held]);
    this.#pages.delete(shardIndex);
    this.#attached.delete(shardIndex);
    for (const family of this.#families.values()) {
      for (const [key, series] of family.series) {
        const mine = series.sources.filter((source) => source.shard === shardIndex);
        if (mine.length === 0) continue;
        series.sources = series.sources.filter((source) => source.shard !== shardIndex);
        if (family.kind !== 'gauge') retire(series, mine, family.width);
        else if (series.sources.length === 0) family.series.delete(key);
      }
    }
  }

  /**
   * The items a dead shard still held, by exporter, so that they can be counted as dropped.
   * Answers each item once; to be called after the thread has ended.
   */
  takeHeld(shardIndex: number): readonly HeldItems[] {
    const held = [...this.#heldOf(shardIndex), ...this.#readHeld(shardIndex)];
    this.#held.delete(shardIndex);
    for (const series of this.#families.get(HELD_ITEMS)?.series.values() ?? []) {
      for (const source of series.sources) {
        if (source.shard === shardIndex) source.cells[source.slot] = 0;
      }
    }
    return held;
  }

  /** The merged value of one series, undefined when nobody has it. Of histograms, the count. */
  value(name: string, labels: Labels = {}): number | undefined {
    const family = this.#families.get(name);
    const series = family?.series.get(seriesKey(name, labels));
    return family === undefined || series === undefined ? undefined : total(family, series);
  }

  /** The sum over all series of `name` that have the labels given, whatever others they have. */
  sum(name: string, match: Labels = {}): number {
    let sum = 0;
    this.each(name, (labels, value) => {
      if (Object.entries(match).every(([label, wanted]) => labels[label] === wanted)) sum += value;
    });
    return sum;
  }

  /** Every series of `name` with its merged value. */
  each(name: string, visit: (labels: Labels, value: number) => void): void {
    const family = this.#families.get(name);
    if (family === undefined) return;
    for (const series of family.series.values()) visit(series.labels, total(family, series));
  }

  /** Has `sample` called before every exposition, for numbers that are read and not counted. */
  beforeText(sample: () => void): void {
    this.#samplers.push(sample);
  }

  /**
   * Everything, as Prometheus text 0.0.4 or OpenMetrics 1.0, with every series that was counted in
   * before the call, also where nobody has heard of it yet.
   */
  async text(openMetrics = false): Promise<string> {
    for (let turn = 0; turn < MAX_TURNS && this.#isBehind(); turn += 1) await setImmediate();
    for (const sample of this.#samplers) sample();
    return this.#exposition.text(this.#families, openMetrics);
  }

  /** Whether a shard has counted in a series whose announcement is still on its way. */
  #isBehind(): boolean {
    for (const [shard, pages] of this.#pages) {
      if ((pages[0]?.[ANNOUNCED_CELL] ?? 0) > (this.#attached.get(shard) ?? 0)) return true;
    }
    return false;
  }

  #heldOf(shardIndex: number): readonly HeldItems[] {
    return this.#held.get(shardIndex) ?? [];
  }

  #readHeld(shardIndex: number): HeldItems[] {
    const held: HeldItems[] = [];
    for (const { labels, sources } of this.#families.get(HELD_ITEMS)?.series.values() ?? []) {
      let items = 0;
      for (const source of sources) {
        if (source.shard === shardIndex) items += source.cells[source.slot] ?? 0;
      }
      if (items > 0) held.push({ exporter: labels['exporter'] ?? '', items, labels });
    }
    return held;
  }

  #familyOf(announcement: SeriesAnnouncement): Family {
    const { name, kind, help, bounds = [] } = announcement;
    const known = this.#families.get(name);
    if (known === undefined) {
      const width = kind === 'histogram' ? bounds.length + 2 : 1;
      const merge = kind === 'gauge' ? gaugeMergeOf(name) : 'sum';
      const family: Family = { name, help, kind, bounds, merge, width, series: new Map() };
      this.#families.set(name, family);
      return family;
    }
    if (known.kind !== kind || known.bounds.join() !== bounds.join()) {
      throw new Error(`bug: metric ${name} means one thing in one shard and another in the next`);
    }
    return known;
  }

  #seriesOf(family: Family, announcement: SeriesAnnouncement, shardIndex: number): Series {
    const { name, open } = announcement;
    let labels = announcement.labels;
    if (family.merge === 'shard' && shardIndex !== MAIN) {
      labels = { ...labels, shard: String(shardIndex) };
    }
    let key = seriesKey(name, labels);
    // Shards that die again and again may each bring other labels from outside.
    if (!family.series.has(key) && family.series.size >= this.#seriesPerName) {
      labels = overflowLabels(labels, open);
      key = seriesKey(name, labels);
    }
    const known = family.series.get(key);
    if (known !== undefined) return known;
    const series: Series = { labels, sources: [], retired: new Float64Array(family.width) };
    family.series.set(key, series);
    return series;
  }
}

function total(family: Family, series: Series): number {
  if (family.kind !== 'histogram') return mergedCell(family, series, 0);
  let count = 0;
  for (let bucket = 0; bucket <= family.bounds.length; bucket += 1) {
    count += mergedCell(family, series, bucket);
  }
  return count;
}

function retire(series: Series, sources: readonly Source[], width: number): void {
  for (const { cells, slot } of sources) {
    for (let offset = 0; offset < width; offset += 1) {
      series.retired[offset]! += cells[slot + offset] ?? 0;
    }
  }
}
