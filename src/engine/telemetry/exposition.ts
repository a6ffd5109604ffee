/**
 * From merged numbers to the text that Prometheus reads, by way of prom-client: its registry
 * asks each of our metrics for values when it renders and knows nothing of shards and pages.
 * Labels are handed over as `sharedLabels`, which prom-client renders once per object and keeps.
 */
import { Gauge, Registry } from 'prom-client';
import type { Labels } from '../../contract/context.ts';
import { type Family, isDetailed, mergedCell, type Series } from './family.ts';

/** How metrics are shown; the numbers are the same. */
export interface ExpositionOptions {
  /** Put before every name, joined by `_` where it does not end in one; `millrace` by default. */
  readonly prefix: string;
  /** Whether counters end in `_total` in text 0.0.4. OpenMetrics always has it. */
  readonly totalSuffix: boolean;
  readonly level: 'none' | 'basic' | 'normal' | 'detailed';
  /** Labels of `target_info`, which says what this process is. */
  readonly resource: Labels;
}

const DEFAULTS: ExpositionOptions = {
  prefix: 'millrace',
  totalSuffix: false,
  level: 'normal',
  resource: {},
};

/** What prom-client reads off a value; its type declarations leave out `sharedLabels`. */
interface Value {
  value: number;
  labels: Record<string, string>;
  metricName: string;
  sharedLabels: Labels;
}

/** Renders the families of one registry. */
export class Exposition {
  readonly #options: ExpositionOptions;
  readonly #formats: readonly [Format, Format];

  constructor(options: Partial<ExpositionOptions>) {
    this.#options = { ...DEFAULTS, ...options };
    this.#formats = [new Format(this.#options, false), new Format(this.#options, true)];
  }

  /** `families` must be the same map at every call; it may have grown. */
  text(families: ReadonlyMap<string, Family>, openMetrics: boolean): Promise<string> {
    return this.#formats[openMetrics ? 1 : 0].text(families);
  }
}

class Format {
  readonly #options: ExpositionOptions;
  readonly #openMetrics: boolean;
  readonly #registry: Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> | Registry;
  readonly #known = new Set<string>();

  constructor(options: ExpositionOptions, openMetrics: boolean) {
    this.#options = options;
    this.#openMetrics = openMetrics;
    this.#registry = openMetrics ? openMetricsRegistry() : new Registry();
    const { resource } = options;
    if (Object.keys(resource).length === 0) return;
    const info = new Gauge({
      name: 'target_info',
      help: 'What this process is.',
      labelNames: Object.keys(resource),
      registers: [],
    });
    info.set(resource, 1);
    this.#registry.registerMetric(info);
  }

  text(families: ReadonlyMap<string, Family>): Promise<string> {
    if (families.size !== this.#known.size) {
      for (const family of families.values()) this.#add(family);
    }
    return this.#registry.metrics();
  }

  #add(family: Family): void {
    if (this.#known.has(family.name)) return;
    this.#known.add(family.name);
    if (isDetailed(family.name) && this.#options.level !== 'detailed') return;
    this.#registry.registerMetric(new FamilyMetric(family, this.#nameOf(family)));
  }

  #nameOf({ name, kind }: Family): string {
    const { prefix } = this.#options;
    const full = prefix === '' || /[_:]$/.test(prefix) ? prefix + name : `${prefix}_${name}`;
    // For OpenMetrics prom-client adds the suffix itself.
    const suffixed = kind === 'counter' && this.#options.totalSuffix && !this.#openMetrics;
    return suffixed ? `${full}_total` : full;
  }
}

function openMetricsRegistry(): Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE> {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** A family in the eyes of prom-client, which takes type and values from what `get` answers. */
class FamilyMetric extends Gauge {
  readonly #family: Family;
  readonly #name: string;
  readonly #labels = new WeakMap<Series, readonly Labels[]>();

  constructor(family: Family, name: string) {
    super({ name, help: family.help, registers: [] });
    this.#family = family;
    this.#name = name;
  }

  override async get() {
    const values: Value[] = [];
    for (const series of this.#family.series.values()) {
      if (this.#family.kind === 'histogram') this.#readHistogram(series, values);
      else this.#readNumber(series, values);
    }
    const described = { ...(await super.get()), values };
    Object.assign(described, { type: this.#family.kind });
    return described;
  }

  #readNumber(series: Series, values: Value[]): void {
    const value = mergedCell(this.#family, series, 0);
    if (Number.isNaN(value)) return;
    const [sharedLabels = {}] = this.#labelsOf(series);
    values.push({ value, labels: {}, metricName: this.#name, sharedLabels });
  }

  #readHistogram(series: Series, values: Value[]): void {
    const { bounds } = this.#family;
    const [plain = {}, ...buckets] = this.#labelsOf(series);
    let count = 0;
    for (const [bucket, sharedLabels] of buckets.entries()) {
      count += mergedCell(this.#family, series, bucket);
      values.push({ value: count, labels: {}, metricName: `${this.#name}_bucket`, sharedLabels });
    }
    const sum = mergedCell(this.#family, series, bounds.length + 1);
    const rest = { labels: {}, sharedLabels: plain };
    values.push({ value: sum, metricName: `${this.#name}_sum`, ...rest });
    values.push({ value: count, metricName: `${this.#name}_count`, ...rest });
  }

  /** The labels of a series as shown; of histograms, those of each bucket after them. */
  #labelsOf(series: Series): readonly Labels[] {
    const known = this.#labels.get(series);
    if (known !== undefined) return known;
    const plain: Record<string, string> = {};
    for (const [name, value] of Object.entries(series.labels)) {
      plain[name.replace(/[^a-zA-Z0-9_]/g, '_')] = value;
    }
    const { kind, bounds } = this.#family;
    const edges = kind === 'histogram' ? [...bounds.map(canonical), '+Inf'] : [];
    const all = [plain, ...edges.map((le) => ({ ...plain, le }))];
    this.#labels.set(series, all);
    return all;
  }
}

/** A bound as OpenMetrics wants it, and Prometheus keeps it: never an integer. */
function canonical(bound: number): string {
  return Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : String(bound);
}
