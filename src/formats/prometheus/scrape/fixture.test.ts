import protobuf from 'protobufjs';
import type { Label } from '../relabel/label-set.ts';
import { reflection } from '../reflection.ts';
import { SeriesMemory } from './series-memory.ts';
import {
  type PageCounts,
  type Report,
  TargetSeries,
  type TargetSeriesOptions,
} from './target-series.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');

/** The time of the first scrape in tests. */
export const T0 = 1_760_000_000_000;

/** A series as tests look at it: labels as text, the bits of values. */
export interface Seen {
  readonly labels: string;
  readonly value: number;
  readonly bits: string;
  readonly time: number;
  readonly exemplars: readonly { labels: string; value: number; time: number }[];
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

interface Decoded {
  readonly timeseries: {
    readonly labels: Label[];
    readonly samples: { readonly value?: number; readonly timestamp: string }[];
    readonly exemplars: { labels: Label[]; value?: number; timestamp: string }[];
    readonly metadata?: { type?: number; help?: string; unit?: string };
  }[];
}

/** What a chunk holds. */
export function decodeChunk(bytes: Uint8Array): Seen[] {
  const options = { longs: String, arrays: true, objects: true, defaults: false } as const;
  const { timeseries } = REQUEST.toObject(REQUEST.decode(bytes), options) as unknown as Decoded;
  return timeseries.map(({ labels, samples, exemplars, metadata }) => {
    const [sample] = samples;
    const value = sample?.value ?? 0;
    return {
      labels: textOf(labels),
      value,
      bits: bitsOf(value),
      time: Number(sample?.timestamp ?? 0),
      exemplars: exemplars.map((each) => ({
        labels: textOf(each.labels),
        value: each.value ?? 0,
        time: Number(each.timestamp),
      })),
      type: metadata?.type ?? 0,
      help: metadata?.help ?? '',
      unit: metadata?.unit ?? '',
    };
  });
}

export function textOf(labels: readonly Label[]): string {
  return labels.map(({ name, value }) => `${name}=${value}`).join('|');
}

/** The eight bytes of a double, the highest first. */
export function bitsOf(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

/** What came of one scrape. */
export interface Scraped {
  /** Why the page failed; empty when it did not. */
  readonly error: string;
  readonly reason: string;
  readonly series: readonly Seen[];
  readonly counts: PageCounts;
  readonly bytes: Uint8Array;
  readonly settle: (isTaken: boolean) => void;
}

/** A target whose pages are given to it. */
export class Page {
  readonly memory: SeriesMemory;
  readonly series: TargetSeries;
  time = T0;

  constructor(options: Partial<TargetSeriesOptions> = {}) {
    this.memory = options.memory ?? new SeriesMemory(1 << 30);
    this.series = new TargetSeries({
      target: [],
      honorLabels: false,
      external: [],
      naming: 'utf8',
      limits: { labels: 0, nameBytes: 0, valueBytes: 0 },
      honorTimestamps: true,
      trackTimestampsStaleness: false,
      sampleLimit: 0,
      ...options,
      memory: this.memory,
    });
  }

  /** Scrapes a page, or fails when there is none; every scrape is a second after the last. */
  scrape(
    page: string | Uint8Array | undefined,
    isOpenMetrics = false,
    reports: readonly Report[] = [],
  ): Scraped {
    this.series.begin(this.time);
    this.time += 1000;
    let [error, reason] = ['', ''];
    try {
      const bytes = typeof page === 'string' ? Buffer.from(page) : page;
      if (bytes !== undefined) this.series.read(Uint8Array.from(bytes), isOpenMetrics);
    } catch (caught) {
      ({ message: error, reason } = caught as { message: string; reason: string });
    }
    const { counts } = this.series;
    const { bytes, settle } = this.series.finish(reports);
    return { error, reason, series: decodeChunk(bytes), counts, bytes, settle };
  }
}
