import type { Bytes } from '../../../../contract/batch.ts';
import { MEMBER, type Member } from '../../../../formats/prometheus/membership.ts';
import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import { METRIC_TYPE } from '../../../../formats/translate/metric-type.ts';
import type { Facts, Family, Group, Series } from '../store/series.ts';
import type { SeriesStore } from '../store/series-store.ts';
import { writeHistogram, writeSummary } from './compound.ts';
import { type Heading, headingOf } from './heading.ts';
import { type AddedLabels, LineWriter } from './line-writer.ts';
import type { Omissions } from './omissions.ts';
import { Slices } from '../slices.ts';

/** What one shard has for a page; structured-cloneable, and the blocks can be moved. */
export interface Part {
  /** Of families, by number; the same name may come again. */
  readonly names: readonly string[];
  readonly types: readonly Heading['type'][];
  readonly headings: readonly string[];
  /** Where their lines are: number of the family, number of the block, start, end. */
  readonly ranges: readonly number[];
  readonly blocks: readonly Bytes[];
}

/** How lines are written. */
export interface PartOptions {
  readonly format: TextFormat;
  readonly sendTimestamps: boolean;
  /** Series that were not heard of since are left out; by the clock of this machine. */
  readonly since: number;
  /** Series with higher numbers came while the page was made, perhaps again: they can wait. */
  readonly upTo: number;
  readonly added: (tenant: string) => AddedLabels;
  readonly omissions: Omissions;
}

/** Members that are families of their own where no type holds them together. */
const APART: readonly (readonly [suffix: string, members: readonly Member[]])[] = [
  ['', [MEMBER.plain, MEMBER.quantile]],
  ['_bucket', [MEMBER.bucket]],
  ['_sum', [MEMBER.sum]],
  ['_count', [MEMBER.count]],
];

/** Writes the series of one shard, in slices that let others work in between. */
export class PartWriter {
  readonly #options: PartOptions;
  readonly #lines: LineWriter;
  readonly #slices = new Slices();
  readonly #names: string[] = [];
  readonly #types: Heading['type'][] = [];
  readonly #headings: string[] = [];
  readonly #ranges: number[] = [];

  constructor(options: PartOptions) {
    this.#options = options;
    this.#lines = new LineWriter(options.format, options.sendTimestamps);
  }

  async write(stores: Iterable<SeriesStore>): Promise<Part> {
    for (const store of stores) {
      this.#lines.add(this.#options.added(store.tenant));
      for (const family of store.families.values()) {
        await this.#family(store, family);
      }
    }
    return {
      names: this.#names,
      types: this.#types,
      headings: this.#headings,
      ranges: this.#ranges,
      blocks: this.#lines.blocks.finish(),
    };
  }

  async #family({ facts }: SeriesStore, family: Family): Promise<void> {
    const known = facts.of(family.name);
    if (known?.type === METRIC_TYPE.histogram || family.natives > 0) {
      return this.#compound(family, known, METRIC_TYPE.histogram);
    }
    if (known?.type === METRIC_TYPE.summary) {
      return this.#compound(family, known, METRIC_TYPE.summary);
    }
    for (const [suffix, members] of APART) {
      if (!members.some((member) => family.counts[member]! > 0)) continue;
      const name = `${family.name}${suffix}`;
      await this.#apart(family, members, headingOf(name, factsOf(name, facts), this.#format));
    }
  }

  async #compound(family: Family, known: Facts | undefined, type: number): Promise<void> {
    const facts = { help: '', unit: '', ...known, type };
    const heading = headingOf(family.name, facts, this.#format);
    const write = type === METRIC_TYPE.histogram ? writeHistogram : writeSummary;
    const { omissions } = this.#options;
    const of = {
      name: heading.name,
      isOpenMetrics: this.#format.kind === 'openmetrics',
      omissions,
    };
    for (const group of family.groups) {
      const live = this.#live(group);
      if (live.length > 0) write(live, this.#lines, of);
      if (this.#slices.isOver(live.length + 1)) await this.#slices.next();
    }
    this.#end(heading);
  }

  async #apart(family: Family, members: readonly Member[], heading: Heading): Promise<void> {
    const isOpen = this.#format.kind === 'openmetrics';
    const sample = `${heading.name}${isOpen ? (OPEN_SUFFIX[heading.type] ?? '') : ''}`;
    const line = { value: 0, exemplar: isOpen && heading.type === 'counter' };
    for (const group of family.groups) {
      for (const series of this.#live(group)) {
        if (!members.includes(series.member)) continue;
        if (isOpen && !isPossible(series.value, heading.type)) {
          this.#options.omissions.count('impossible_value');
          continue;
        }
        line.value = series.value;
        this.#lines.write(sample, series, line);
        if (!line.exemplar || series.startTimestamp <= 0) continue;
        this.#lines.write(`${heading.name}_created`, series, {
          value: series.startTimestamp / 1000,
        });
      }
      if (this.#slices.isOver(group.series.length)) await this.#slices.next();
    }
    this.#end(heading);
  }

  #live({ series }: Group): readonly Series[] {
    return series.every(this.#isShown) ? series : series.filter(this.#isShown);
  }

  readonly #isShown = ({ updatedAt, serial }: Series): boolean =>
    updatedAt >= this.#options.since && serial <= this.#options.upTo;

  /** What was written since the last heading is that of this one. */
  #end({ name, type, text }: Heading): void {
    const ranges = this.#lines.blocks.take();
    if (ranges.length === 0) return;
    const number = this.#names.push(name) - 1;
    this.#types.push(type);
    this.#headings.push(text);
    for (const { block, start, end } of ranges) this.#ranges.push(number, block, start, end);
  }

  get #format(): TextFormat {
    return this.#options.format;
  }
}

/** What OpenMetrics adds to the name of a family in its samples. */
const OPEN_SUFFIX: Readonly<Partial<Record<Heading['type'], string>>> = {
  counter: '_total',
  info: '_info',
};

/** Metadata of scraped OpenMetrics has names without the suffix of their type. */
function factsOf(name: string, facts: SeriesStore['facts']): Facts | undefined {
  const own = facts.of(name);
  if (own !== undefined) return own;
  for (const [suffix, type] of [
    ['_total', METRIC_TYPE.counter],
    ['_info', METRIC_TYPE.info],
  ] as const) {
    if (!name.endsWith(suffix)) continue;
    const short = facts.of(name.slice(0, -suffix.length));
    if (short?.type === type) return short;
  }
  return undefined;
}

/** A page of OpenMetrics with a value that its type cannot have is no good as a whole. */
function isPossible(value: number, type: Heading['type']): boolean {
  if (type === 'info') return value === 1;
  return type !== 'counter' || value >= 0;
}
