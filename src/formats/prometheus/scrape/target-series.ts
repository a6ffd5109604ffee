import type { Bytes } from '../../../contract/batch.ts';
import { areEqual } from '../ranges.ts';
import { METRIC_TYPE } from '../../translate/metric-type.ts';
import { compacted } from './compaction.ts';
import { encodeMetadata } from './families.ts';
import { LineKeys } from './line-keys.ts';
import { MessageWriter } from './message-writer.ts';
import { PageReader } from './page-reader.ts';
import { SampleLabels, type SampleLabelOptions } from './sample-labels.ts';
import type { SampleTail } from './text/sample-tail.ts';
import type { SampleSink } from './sample-sink.ts';
import { ScrapeError } from './scrape-error.ts';
import type { SeriesMemory } from './series-memory.ts';
import { SeriesMessages } from './series-messages.ts';

/** What becomes of the pages of a target. */
export interface TargetSeriesOptions extends SampleLabelOptions {
  /** Whether times that a page says are used. */
  readonly honorTimestamps: boolean;
  /** Whether series with such times are marked as stale, too. */
  readonly trackTimestampsStaleness: boolean;
  /** Samples of a page that rules leave, at most; 0: no limit. */
  readonly sampleLimit: number;
  readonly memory: SeriesMemory;
}

/** A series that the scrape itself makes. */
export interface Report {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

/** What a page held; of a page that failed, up to where it did. */
export interface PageCounts {
  /** Samples. */
  readonly scraped: number;
  /** Samples that rules left. */
  readonly kept: number;
  /** Series that were not in the page before. */
  readonly added: number;
  /** Samples and exemplars that were left out, by reason. */
  readonly left: Readonly<
    Record<'duplicate' | 'out_of_order' | 'too_far_ahead' | 'exemplar', number>
  >;
}

/** A scrape as a chunk of the form. */
export interface ScrapedChunk {
  readonly bytes: Bytes;
  readonly items: number;
  /** Says once whether it was taken; if not, its stale markers come again with the next scrape. */
  readonly settle: (isTaken: boolean) => void;
}

/** Samples further ahead are no samples of now. */
const MAX_AHEAD_MS = 600_000;
/** What a target takes from the start. */
const FIRST_BYTES = 20_000;
/** Keys, or bytes of messages, that may be of no use beside as many that are. */
const MAX_WASTE = 1000;

/**
 * The series of one target from scrape to scrape: what its pages say, and what is there no more.
 * One scrape at a time: `begin`, then `read` or not, then `finish`.
 */
export class TargetSeries implements SampleSink {
  readonly #options: TargetSeriesOptions;
  readonly #labels: SampleLabels;
  readonly #reader: PageReader;
  readonly #writer = new MessageWriter();
  readonly #reports: SeriesMessages;
  #keys: LineKeys;
  #messages: SeriesMessages;
  /** Exemplars as they were written last, by series: a page shows them again and again. */
  #exemplars = new Map<number, Uint8Array>();
  #scrape = 0;
  /** Number of the last scrape that went well. */
  #lastSuccess = 0;
  #hasPage = false;
  /** Of the last page that went well. */
  #keysInUse = 0;
  #time = 0;
  #unsettled = 0;
  #kept = 0;
  #added = 0;
  #left = { duplicate: 0, out_of_order: 0, too_far_ahead: 0, exemplar: 0 };

  /** Throws `ScrapeError` when there is no memory for it. */
  constructor(options: TargetSeriesOptions) {
    options.memory.take(FIRST_BYTES);
    this.#options = options;
    this.#labels = new SampleLabels(options);
    this.#reader = new PageReader(this.#labels);
    this.#keys = new LineKeys(options.memory);
    this.#messages = new SeriesMessages(options.memory);
    this.#reports = new SeriesMessages(options.memory);
  }

  /** Begins a scrape; `time` is in milliseconds since the epoch. */
  begin(time: number): void {
    if (this.#unsettled === 0) this.#tidy();
    this.#scrape++;
    this.#time = time;
    this.#hasPage = false;
    this.#kept = 0;
    this.#added = 0;
    this.#left = { duplicate: 0, out_of_order: 0, too_far_ahead: 0, exemplar: 0 };
    this.#reader.scraped = 0;
    this.#writer.begin(time, this.#messages.length + 4096);
  }

  /** Reads the page of this scrape. Throws `ScrapeError`: nothing of it is sent then. */
  read(page: Uint8Array, isOpenMetrics: boolean): void {
    const target = { keys: this.#keys, messages: this.#messages, scrape: this.#scrape };
    try {
      this.#reader.read(page, isOpenMetrics, target, this);
      const { sampleLimit } = this.#options;
      const over = `the page has ${this.#kept} samples; sample_limit is ${sampleLimit}`;
      if (sampleLimit > 0 && this.#kept > sampleLimit) throw new ScrapeError('sample_limit', over);
      this.#hasPage = true;
    } catch (error) {
      this.#writer.clear();
      forgetTimes(this.#messages);
      throw error;
    }
  }

  get counts(): PageCounts {
    return {
      scraped: this.#reader.scraped,
      kept: this.#kept,
      added: this.#added,
      left: this.#left,
    };
  }

  /** Series that are remembered. */
  get size(): number {
    return this.#messages.count;
  }

  /**
   * Ends the scrape: what was read, stale markers for what was not there, and the reports. With
   * no page every series is stale.
   */
  finish(reports: readonly Report[]): ScrapedChunk {
    const stale = this.#markStale();
    for (const report of reports) {
      const series = this.#reportOf(report);
      this.#reports.live[series] = 1;
      this.#writer.write(this.#reports, series, report.value);
    }
    if (this.#hasPage) {
      this.#lastSuccess = this.#scrape;
      this.#keysInUse = this.#reader.keysInUse;
    }
    return this.#chunk(stale);
  }

  /** The last chunk of a target that is gone: everything is stale, the reports, too. */
  end(time: number): ScrapedChunk {
    this.begin(time);
    const stale = this.#markStale();
    const { live, count } = this.#reports;
    for (let series = 0; series < count; series++)
      if (live[series] === 1) this.#writer.writeStale(this.#reports, series);
    return this.#chunk(stale);
  }

  /** Gives its memory back; it is of no use afterwards. */
  release(): void {
    this.#options.memory.give(FIRST_BYTES);
    for (const part of [this.#keys, this.#messages, this.#reports]) part.release();
  }

  sample(series: number, value: number): void {
    const { seen } = this.#messages;
    const before = seen[series]!;
    this.#kept++;
    if (before === this.#scrape) {
      this.#left.duplicate++;
      return;
    }
    if (before < this.#lastSuccess || before === 0) this.#added++;
    seen[series] = this.#scrape;
    this.#messages.tracked[series] = 1;
    this.#messages.lastTime[series] = this.#time;
    this.#writer.write(this.#messages, series, value);
  }

  sampleWithTail(series: number, value: number, tail: SampleTail): void {
    const { honorTimestamps, trackTimestampsStaleness } = this.#options;
    const isTimed = honorTimestamps && !Number.isNaN(tail.time);
    const exemplar = this.#newExemplar(series, tail);
    if (!isTimed && exemplar === undefined) {
      this.sample(series, value);
      return;
    }
    const messages = this.#messages;
    const time = isTimed ? tail.time : this.#time;
    const before = messages.seen[series]!;
    this.#kept++;
    if (before < this.#lastSuccess || before === 0) this.#added++;
    messages.seen[series] = this.#scrape;
    messages.tracked[series] = isTimed && !trackTimestampsStaleness ? 0 : 1;
    if (!this.#isNext(series, time, before)) return;
    messages.lastTime[series] = time;
    if (exemplar === undefined) this.#writer.writeAt(messages, series, value, time);
    else this.#writer.writeWithExemplar(messages, series, { value, time, exemplar });
  }

  /** Whether a sample of that time may follow what was sent of its series. */
  #isNext(series: number, time: number, before: number): boolean {
    const last = this.#messages.lastTime[series]!;
    if (time > this.#time + MAX_AHEAD_MS) this.#left.too_far_ahead++;
    else if (time > last) return true;
    else if (time < last) this.#left.out_of_order++;
    // The same sample once more is what a page shows until there is another.
    else if (before === this.#scrape) this.#left.duplicate++;
    return false;
  }

  /** The exemplar of a line, unless it was written before. */
  #newExemplar(series: number, { page, exemplarAt, end, exemplar }: SampleTail) {
    if (exemplarAt < 0) return undefined;
    const known = this.#exemplars.get(series);
    const length = end - exemplarAt;
    if (known?.length === length && areEqual(known, 0, page, exemplarAt, length)) return undefined;
    this.#exemplars.set(series, page.slice(exemplarAt, end));
    const encoded = exemplar.encode(page, this.#time);
    if (encoded === undefined) this.#left.exemplar++;
    return encoded;
  }

  #reportOf({ name, help }: Report): number {
    const metadata = encodeMetadata(METRIC_TYPE.gauge, encoder.encode(help), NOTHING);
    return this.#reports.of(this.#labels.ofReport(name), metadata);
  }

  /** Marks what was sent and is not there now, and answers which series these are. */
  #markStale(): number[] {
    const messages = this.#messages;
    const { seen, live, tracked } = messages;
    const stale: number[] = [];
    for (let series = 0; series < messages.count; series++) {
      if (this.#hasPage && seen[series] === this.#scrape) {
        live[series] = tracked[series]!;
      } else if (live[series] === 1) {
        live[series] = 0;
        messages.lastTime[series] = this.#time;
        this.#writer.writeStale(messages, series);
        stale.push(series);
      }
    }
    return stale;
  }

  #chunk(stale: readonly number[]): ScrapedChunk {
    const messages = this.#messages;
    const { items } = this.#writer;
    this.#unsettled++;
    return {
      bytes: this.#writer.finish(),
      items,
      settle: (isTaken) => {
        this.#unsettled--;
        if (isTaken) return;
        for (const series of stale) messages.live[series] = 1;
        forgetTimes(messages);
      },
    };
  }

  /** Forgets what the last page did not have, or all that failed pages brought, once it is much. */
  #tidy(): void {
    const [keys, messages] = [this.#keys, this.#messages];
    const hasFailed = this.#lastSuccess !== this.#scrape;
    const isWasteful =
      keys.count > 2 * this.#keysInUse + MAX_WASTE ||
      messages.garbage > messages.length / 2 + MAX_WASTE;
    if (!isWasteful) return;
    const since = hasFailed ? Infinity : this.#lastSuccess;
    this.#reader.families.forget(since);
    const old = { keys, messages, exemplars: this.#exemplars };
    const fresh = compacted(old, since, this.#options.memory);
    this.#keys = fresh.keys;
    this.#messages = fresh.messages;
    this.#exemplars = fresh.exemplars;
  }
}

/** Samples with times of their own that were not sent may come again with the next page. */
function forgetTimes({ tracked, lastTime, count }: SeriesMessages): void {
  for (let series = 0; series < count; series++)
    if (tracked[series] === 0) lastTime[series] = -Infinity;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const encoder = new TextEncoder();
