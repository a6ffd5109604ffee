import { isWord } from './text/comment-line.ts';
import { Families, type Family } from './families.ts';
import { COMMENT, DROPPED, type LineKeys } from './line-keys.ts';
import { METRIC_TYPE } from '../../translate/metric-type.ts';
import { isOfFamily } from './text/metric-types.ts';
import { NumberReader } from './text/number-reader.ts';
import type { SampleSink } from './sample-sink.ts';
import type { SampleLabels } from './sample-labels.ts';
import { LineError, parseError } from './scrape-error.ts';
import type { SeriesMessages } from './series-messages.ts';
import { behindBlanks, SeriesText, unescape } from './text/series-text.ts';
import { SampleTail } from './text/sample-tail.ts';

const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;
const HASH = 0x23;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const NOTHING: Uint8Array = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));

/** What a page is read into. */
export interface PageTarget {
  readonly keys: LineKeys;
  readonly messages: SeriesMessages;
  /** Number of this scrape, one more than that of the last. */
  readonly scrape: number;
}

/**
 * Reads pages of one target. A line that follows the same line as the last time costs a
 * comparison; another line costs a look into a table; what was never seen is taken apart.
 */
export class PageReader {
  /** Samples of the page, those that a rule drops included. */
  scraped = 0;
  /** Keys of the page, each counted once. */
  keysInUse = 0;
  readonly families = new Families();
  readonly #labels: SampleLabels;
  readonly #texts = [new SeriesText(false), new SeriesText(true)] as const;
  readonly #numbers = new NumberReader();
  readonly #tail: SampleTail;
  #page: Uint8Array = NOTHING;
  #view = NO_VIEW;
  #keys!: LineKeys;
  #messages!: SeriesMessages;
  #scrape = 0;
  #isStrict = false;
  #family: Family | undefined;

  constructor(labels: SampleLabels) {
    this.#labels = labels;
    this.#tail = new SampleTail();
  }

  /**
   * Reads a page and gives its samples to `sink`. Throws `ScrapeError` when it is not in the
   * format or when one of its series cannot be taken.
   */
  read(page: Uint8Array, isStrict: boolean, target: PageTarget, sink: SampleSink): void {
    this.scraped = 0;
    this.keysInUse = 0;
    this.#keys = target.keys;
    this.#messages = target.messages;
    this.#scrape = target.scrape;
    this.#isStrict = isStrict;
    this.#family = undefined;
    this.#page = page.at(-1) === NEWLINE ? page : withNewline(page);
    const { buffer, byteOffset, byteLength } = this.#page;
    this.#view = new DataView(buffer, byteOffset, byteLength);
    try {
      this.#readLines(sink);
    } catch (error) {
      throw error instanceof LineError ? parseError(this.#page, error) : error;
    } finally {
      this.#letGo();
    }
  }

  #readLines(sink: SampleSink): void {
    const page = this.#page;
    const keys = this.#keys;
    const numbers = this.#numbers;
    const scrape = this.#scrape;
    const isStrict = this.#isStrict;
    let before = -1;
    let predicted = keys.first;
    let version = 0;
    let at = 0;
    while (at < page.length) {
      let key = predicted;
      if (key < 0 || !this.#isKey(key, at)) {
        const byte = page[at]!;
        if (byte === NEWLINE || byte === SPACE || byte === TAB) {
          if (isStrict) throw new LineError('expected a metric or a comment', at);
          at++;
          continue;
        }
        if (byte !== HASH) {
          key = this.#findSeries(at);
        } else {
          if (isStrict && this.#isLast(at)) return;
          key = this.#findComment(at);
          if (key < 0) {
            at = page.indexOf(NEWLINE, at) + 1;
            continue;
          }
        }
      }
      if (keys.seen[key] !== scrape) {
        keys.seen[key] = scrape;
        this.keysInUse++;
      }
      if (before < 0) keys.first = key;
      else if (keys.next[before] !== key) keys.next[before] = key;
      before = key;
      predicted = keys.next[key]!;
      let end = at + keys.end[key]! - keys.start[key]!;
      let series = keys.series[key]!;
      if (series === COMMENT) {
        version = this.#enterFamily(key, at);
        at = end + 1;
        continue;
      }
      if (keys.version[key] !== version) series = this.#define(key, at, version);
      if (page[end] === SPACE) end++;
      if (!isStrict) end = behindBlanks(page, end);
      else if (page[end - 1] !== SPACE) throw new LineError('expected a space and a value', end);
      const value = numbers.read(page, end);
      if (numbers.end < 0) throw new LineError('expected a value', end);
      this.scraped++;
      at = numbers.end;
      if (page[at] === NEWLINE) {
        at++;
        if (series !== DROPPED) sink.sample(series, value);
        continue;
      }
      const tail = this.#tail;
      tail.read(page, at, isStrict);
      at = tail.end + 1;
      if (series !== DROPPED) sink.sampleWithTail(series, value, tail);
    }
    if (isStrict) throw new LineError('the page does not end with # EOF', page.length);
  }

  /** A page is larger than all that is remembered of it. */
  #letGo(): void {
    this.#page = NOTHING;
    this.#view = NO_VIEW;
    this.#numbers.release();
    this.#tail.release();
    for (const text of this.#texts) text.release();
  }

  /** Whether the text of a key stands at `at`, and ends there. */
  #isKey(key: number, at: number): boolean {
    const { view: text, start, end } = this.#keys;
    const view = this.#view;
    const from = start[key]!;
    const length = end[key]! - from;
    if (at + length >= view.byteLength) return false;
    let offset = 0;
    for (; offset + 4 <= length; offset += 4)
      if (text.getInt32(from + offset) !== view.getInt32(at + offset)) return false;
    for (; offset < length; offset++)
      if (text.getInt8(from + offset) !== view.getInt8(at + offset)) return false;
    const page = this.#page;
    const next = page[at + length]!;
    if (this.#keys.series[key] === COMMENT) return next === NEWLINE;
    if (page[at + length - 1] === CLOSE) return true;
    // A name alone: it must not go on, nor may labels follow.
    if (next !== SPACE && next !== TAB) return false;
    return page[behindBlanks(page, at + length)] !== OPEN;
  }

  /** The key of the series at `at`, which is a new one when the series is. */
  #findSeries(at: number): number {
    const page = this.#page;
    const text = this.#text;
    text.read(page, at);
    const hash = this.#keys.hashOf(page, at, text.end);
    const known = this.#keys.find(page, at, text.end, hash);
    if (known >= 0) return known;
    const [series, version] = this.#seriesOf(text);
    const key = this.#keys.add(page, at, text.end, hash);
    this.#keys.series[key] = series;
    this.#keys.version[key] = version;
    return key;
  }

  /** What a key stands for now that another family was said above it. */
  #define(key: number, at: number, version: number): number {
    const text = this.#text;
    text.read(this.#page, at);
    const [series] = this.#seriesOf(text);
    this.#keys.series[key] = series;
    this.#keys.version[key] = version;
    return series;
  }

  #seriesOf(text: SeriesText): [series: number, version: number] {
    const page = this.#page;
    const family = this.#family;
    const version = family?.version ?? 0;
    const isOwn = family !== undefined && this.#isOf(family, text);
    const type = isOwn ? family.type : METRIC_TYPE.unknown;
    const labels = this.#labels.of(page, text, type);
    if (labels === undefined) return [DROPPED, version];
    return [this.#messages.of(labels, isOwn ? family.metadata : NOTHING), version];
  }

  #isOf({ bytes, type }: Family, { nameStart, nameEnd, isEscaped }: SeriesText): boolean {
    if (!isEscaped) return isOfFamily(this.#page, nameStart, nameEnd, bytes, type);
    const name = unescape(this.#page, nameStart, nameEnd);
    return isOfFamily(name, 0, name.length, bytes, type);
  }

  /** The key of a comment that says something; -1 for others. */
  #findComment(at: number): number {
    const page = this.#page;
    const end = page.indexOf(NEWLINE, at);
    const hash = this.#keys.hashOf(page, at, end);
    const known = this.#keys.find(page, at, end, hash);
    if (known >= 0) return known;
    const taken = this.families.take(page, at, end, this.#isStrict);
    if (taken === undefined) return -1;
    const [family, keyword] = taken;
    const key = this.#keys.add(page, at, end, hash);
    this.#keys.series[key] = COMMENT;
    this.#keys.families[key] = family;
    family.lines[keyword] = key;
    return key;
  }

  /** The family of a comment becomes that of the lines below; answers its version. */
  #enterFamily(key: number, at: number): number {
    let family = this.#keys.families[key]!;
    const { HELP, TYPE, UNIT } = family.lines;
    if (HELP !== key && TYPE !== key && UNIT !== key) {
      // Another line said something else in between.
      const end = this.#page.indexOf(NEWLINE, at);
      const [again, keyword] = this.families.take(this.#page, at, end, this.#isStrict)!;
      family = again;
      this.#keys.families[key] = family;
      family.lines[keyword] = key;
    }
    family.seen = this.#scrape;
    this.#family = family;
    return family.version;
  }

  /** Whether the line is `# EOF`. Throws when something follows it. */
  #isLast(at: number): boolean {
    const page = this.#page;
    if (!isWord(page, at, '# EOF') || page[at + 5] !== NEWLINE) return false;
    if (at + 6 < page.length) throw new LineError('something follows # EOF', at + 6);
    return true;
  }

  get #text(): SeriesText {
    return this.#texts[this.#isStrict ? 1 : 0];
  }
}

function withNewline(page: Uint8Array): Uint8Array {
  const copy = new Uint8Array(page.length + 1);
  copy.set(page);
  copy[page.length] = NEWLINE;
  return copy;
}
