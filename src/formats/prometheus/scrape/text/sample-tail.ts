import { NumberReader } from './number-reader.ts';
import { LineError } from '../scrape-error.ts';
import { behindBlanks } from './series-text.ts';
import { ExemplarLine } from './exemplar-line.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const HASH = 0x23;
const OPEN = 0x7b;
/** No time needs more digits. */
const MAX_DIGITS = 18;
const NOTHING: Uint8Array = new Uint8Array(0);
const INTEGER = /^[+-]?\d+$/;

/** What may follow the value of a sample: a time, and in OpenMetrics an exemplar. */
export class SampleTail {
  /** Where the line ends. */
  end = 0;
  /** In milliseconds since the epoch; NaN when the line says none. */
  time = Number.NaN;
  /** Where the brace of the exemplar is; -1 when there is none. */
  exemplarAt = -1;
  readonly exemplar = new ExemplarLine();
  page = NOTHING;
  readonly #numbers = new NumberReader();

  /** Reads what is behind the value that ends at `at`. Throws `LineError`. */
  read(page: Uint8Array, at: number, isStrict: boolean): void {
    this.page = page;
    this.time = Number.NaN;
    this.exemplarAt = -1;
    if (isStrict) this.#readStrict(page, at);
    else this.#readText(page, at);
  }

  /** Lets go of the page. */
  release(): void {
    this.page = NOTHING;
    this.#numbers.release();
    this.exemplar.release();
  }

  #readText(page: Uint8Array, start: number): void {
    let at = behindBlanks(page, start);
    if (page[at] !== NEWLINE) {
      let end = at;
      while (end - at <= MAX_DIGITS && page[end]! > SPACE) end++;
      const text = decoder.decode(page.subarray(at, end));
      this.time = Number(text);
      if (!INTEGER.test(text) || !Number.isSafeInteger(this.time))
        throw new LineError('expected a time in milliseconds', at);
      at = behindBlanks(page, end);
    }
    if (page[at] !== NEWLINE) throw new LineError('expected the end of the line', at);
    this.end = at;
  }

  #readStrict(page: Uint8Array, start: number): void {
    let at = start;
    if (page[at] === SPACE && page[at + 1] !== HASH) {
      const seconds = this.#numbers.read(page, at + 1);
      if (this.#numbers.end < 0 || !Number.isSafeInteger(Math.trunc(seconds * 1000)))
        throw new LineError('expected a time in seconds', at + 1);
      this.time = Math.trunc(seconds * 1000);
      at = this.#numbers.end;
    }
    if (page[at] === SPACE && page[at + 1] === HASH && page[at + 2] === SPACE) {
      if (page[at + 3] !== OPEN) throw new LineError('expected an exemplar', at + 3);
      this.exemplarAt = at + 3;
      this.exemplar.read(page, at + 3);
      at = this.exemplar.end;
    }
    if (page[at] !== NEWLINE) throw new LineError('expected the end of the line', at);
    this.end = at;
  }
}

const decoder = new TextDecoder();
