/**
 * The part of a line that says which series it is, as in
 *
 *   name   name{label="value",…}   {"any name",label="value"}
 *
 * Text 0.0.4 and 1.0.0 allow blanks between any two tokens, commas may be missing, and line breaks
 * may stand in values; OpenMetrics has none of that.
 */
import { MAX_LABELS } from '../../read/fault.ts';
import { LineError } from '../scrape-error.ts';

const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_N = 0x6e;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const EQUALS = 0x3d;
const COMMA = 0x2c;
const COLON = 0x3a;

const NOTHING: Uint8Array = new Uint8Array(0);

const FIRST_OF_LABEL = 1;
const IN_LABEL = 2;
const FIRST_OF_NAME = 4;
const IN_NAME = 8;

/** What a byte may be in a name that is not quoted. */
const KINDS = Uint8Array.from({ length: 256 }, (_each, byte) => {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isLetter = /^[a-zA-Z_]$/.test(String.fromCharCode(byte));
  if (isLetter) return FIRST_OF_LABEL | IN_LABEL | FIRST_OF_NAME | IN_NAME;
  if (isDigit) return IN_LABEL | IN_NAME;
  return byte === COLON ? FIRST_OF_NAME | IN_NAME : 0;
});

/** Where the name of a metric ends that begins at `start`; `start` when none does. */
export function endOfName(page: Uint8Array, start: number): number {
  if ((KINDS[page[start]!]! & FIRST_OF_NAME) === 0) return start;
  let at = start + 1;
  while ((KINDS[page[at]!]! & IN_NAME) !== 0) at++;
  return at;
}

/** Where the next byte is that is neither space nor tab. */
export function behindBlanks(page: Uint8Array, start: number): number {
  let at = start;
  while (page[at] === SPACE || page[at] === TAB) at++;
  return at;
}

/** Finds the parts of a series. One is reused from line to line. The page ends with a line break. */
export class SeriesText {
  /** Behind the series; the value follows. */
  end = 0;
  nameStart = 0;
  nameEnd = 0;
  /** Of each label: start and end of its name, start and end of its value, without quotes. */
  readonly ranges: number[] = [];
  /** Whether any byte is beyond ASCII, and whether there is a backslash. */
  isWide = false;
  isEscaped = false;
  readonly #isStrict: boolean;
  #page = NOTHING;
  #at = 0;

  /** `isStrict` for OpenMetrics. */
  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  /** Reads the series at `start`. Throws `LineError`. */
  read(page: Uint8Array, start: number): void {
    this.#page = page;
    this.ranges.length = 0;
    this.isWide = false;
    this.isEscaped = false;
    this.nameStart = start;
    this.nameEnd = endOfName(page, start);
    this.#at = this.nameEnd;
    if (this.nameEnd > start && page[this.nameEnd] !== OPEN) this.#skip();
    if (page[this.#at] === OPEN) this.#readLabels(this.nameEnd > start);
    else if (this.nameEnd === start) throw new LineError('expected the name of a metric', start);
    else this.#at = this.nameEnd;
    this.end = this.#at;
  }

  /** The labels of an exemplar, `start` being behind the brace; no name among them. */
  readExemplar(page: Uint8Array, start: number): void {
    this.#page = page;
    this.ranges.length = 0;
    this.isEscaped = false;
    this.#at = start - 1;
    this.#readLabels(true);
    this.end = this.#at;
  }

  /** Lets go of the page. */
  release(): void {
    this.#page = NOTHING;
  }

  #readLabels(isNamed: boolean): void {
    const page = this.#page;
    let hasName = isNamed;
    this.#at++;
    this.#skip();
    while (page[this.#at] !== CLOSE) {
      const isQuoted = page[this.#at] === QUOTE;
      const start = isQuoted ? this.#at + 1 : this.#at;
      const end = isQuoted ? this.#quoted() : this.#labelName();
      this.#skip();
      const next = page[this.#at];
      if (isQuoted && (next === COMMA || next === CLOSE)) {
        if (hasName) throw new LineError('there is a second name of the metric', start);
        hasName = true;
        this.nameStart = start;
        this.nameEnd = end;
        if (next === COMMA) this.#step();
        continue;
      }
      if (next !== EQUALS) throw new LineError('expected = behind the name of a label', this.#at);
      this.#step();
      if (page[this.#at] !== QUOTE)
        throw new LineError('expected the value of a label in quotes', this.#at);
      const valueStart = this.#at + 1;
      this.ranges.push(start, end, valueStart, this.#quoted());
      if (this.ranges.length > 4 * MAX_LABELS) throw new LineError('too many labels', start);
      this.#skip();
      if (page[this.#at] === COMMA) this.#step();
      else if (this.#isStrict && page[this.#at] !== CLOSE)
        throw new LineError('expected a comma or a brace behind a label', this.#at);
    }
    this.#at++;
    if (!hasName) throw new LineError('the metric has no name', this.#at);
  }

  /** One byte on, and behind blanks. */
  #step(): void {
    this.#at++;
    this.#skip();
  }

  #skip(): void {
    if (!this.#isStrict) this.#at = behindBlanks(this.#page, this.#at);
  }

  #labelName(): number {
    const page = this.#page;
    let at = this.#at;
    if ((KINDS[page[at]!]! & FIRST_OF_LABEL) === 0)
      throw new LineError('expected the name of a label', at);
    while ((KINDS[page[at]!]! & IN_LABEL) !== 0) at++;
    this.#at = at;
    return at;
  }

  /** Goes behind the closing quote and answers where it is. */
  #quoted(): number {
    const page = this.#page;
    const last = page.length - 1;
    let at = this.#at + 1;
    let seen = 0;
    for (; at <= last; at++) {
      const byte = page[at]!;
      seen |= byte;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        this.isEscaped = true;
        seen |= page[++at] ?? 0;
        if (page[at] === NEWLINE) break;
      } else if (byte === NEWLINE && (this.#isStrict || at === last)) break;
    }
    if (page[at] !== QUOTE) throw new LineError('a quote is not closed', this.#at);
    if (seen >= 0x80) this.isWide = true;
    this.#at = at + 1;
    return at;
  }
}

/**
 * Text without its escapes, which are those of backslash, line break and, if `hasQuotes`, quote;
 * other backslashes stand for themselves.
 */
// oxlint-disable-next-line max-params -- a range and what is in it
export function unescape(
  text: Uint8Array,
  start: number,
  end: number,
  hasQuotes = true,
): Uint8Array {
  const out = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = text[at]!;
    const next = byte === BACKSLASH && at + 1 < end ? text[at + 1]! : 0;
    const isSelf = next === BACKSLASH || (hasQuotes && next === QUOTE);
    const plain = next === LETTER_N ? NEWLINE : isSelf ? next : 0;
    if (plain !== 0) at++;
    out[length++] = plain === 0 ? byte : plain;
  }
  return out.subarray(0, length);
}
