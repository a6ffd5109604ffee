import { isValidUtf8 } from '../../../wire/utf8.ts';
import { METRIC_TYPE } from '../../translate/metric-type.ts';
import { Output } from '../output.ts';
import {
  type CommentLine,
  type Keyword,
  readComment,
  readStrictComment,
} from './text/comment-line.ts';
import { typeOf } from './text/metric-types.ts';
import { LineError } from './scrape-error.ts';
import { unescape } from './text/series-text.ts';

const BACKSLASH = 0x5c;
const NOTHING: Uint8Array = new Uint8Array(0);

// TimeSeries { SeriesMetadata metadata = 15; }
// message SeriesMetadata { MetricType type = 1; string help = 2; string unit = 3; }
const METADATA_TAG = 0x7a;
const TYPE_TAG = 0x08;
const HELP_TAG = 0x12;
const UNIT_TAG = 0x1a;

/** What the comments of a page say of a family of metrics. */
export interface Family {
  readonly name: string;
  /** The name. */
  readonly bytes: Uint8Array;
  type: number;
  help: Uint8Array;
  unit: Uint8Array;
  /** The three as the last field of a series of the form; empty when nothing is known. */
  metadata: Uint8Array;
  /** No two families have the same, nor has one before and after a change. */
  version: number;
  /** Keys of the lines that said so last. */
  readonly lines: Record<Keyword, number>;
  /** Number of the scrape in which it was seen last. */
  seen: number;
}

/** The families of one target, from scrape to scrape. */
export class Families {
  readonly #known = new Map<string, Family>();
  #versions = 0;

  get size(): number {
    return this.#known.size;
  }

  /**
   * Takes in the comment from `start` to `end`, a line without its break; undefined when it says
   * nothing. `isStrict` for OpenMetrics. Throws `LineError`.
   */
  // oxlint-disable-next-line max-params -- a range and how to read it
  take(
    page: Uint8Array,
    start: number,
    end: number,
    isStrict: boolean,
  ): readonly [Family, Keyword] | undefined {
    const line = isStrict ? readStrictComment(page, start, end) : readComment(page, start, end);
    if (line === undefined) return undefined;
    const family = this.#of(line.name);
    const { type, help, unit } = family;
    change(family, line, isStrict);
    const isSame = type === family.type && isEqual(help, family.help) && isEqual(unit, family.unit);
    if (!isSame) {
      family.version = ++this.#versions;
      family.metadata = encodeMetadata(family.type, family.help, family.unit);
    }
    return [family, line.keyword];
  }

  /** Forgets what was not seen since a scrape. */
  forget(before: number): void {
    for (const [name, { seen }] of this.#known) if (seen < before) this.#known.delete(name);
  }

  #of(name: string): Family {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const family: Family = {
      name,
      bytes: Buffer.from(name),
      type: METRIC_TYPE.unknown,
      help: NOTHING,
      unit: NOTHING,
      metadata: NOTHING,
      version: ++this.#versions,
      lines: { HELP: -1, TYPE: -1, UNIT: -1 },
      seen: 0,
    };
    this.#known.set(name, family);
    return family;
  }
}

function change(family: Family, { keyword, text, at }: CommentLine, isStrict: boolean): void {
  if (keyword === 'TYPE') {
    const word = decoder.decode(text);
    const found = typeOf(word, isStrict);
    if (found === undefined)
      throw new LineError(`${JSON.stringify(word.slice(0, 40))} is no type of a metric`, at);
    family.type = found;
  } else if (keyword === 'HELP') {
    if (!isValidUtf8(text, 0, text.length)) throw new LineError('the help is not UTF-8', at);
    const isEscaped = text.includes(BACKSLASH);
    family.help = (isEscaped ? unescape(text, 0, text.length, isStrict) : text).slice();
  } else {
    checkUnit(family.name, text, at);
    family.unit = text.slice();
  }
}

function checkUnit(name: string, unit: Uint8Array, at: number): void {
  if (unit.length === 0) return;
  const text = decoder.decode(unit);
  if (isValidUtf8(unit, 0, unit.length) && name.endsWith(`_${text}`)) return;
  throw new LineError(`the unit ${JSON.stringify(text)} does not end the name of its metric`, at);
}

/** Type, help and unit as the last field of a series of the form; empty when all of them are. */
export function encodeMetadata(type: number, help: Uint8Array, unit: Uint8Array): Uint8Array {
  if (type === METRIC_TYPE.unknown && help.length === 0 && unit.length === 0) return NOTHING;
  scratch.backTo(0);
  const start = scratch.open(METADATA_TAG, 1);
  if (type !== METRIC_TYPE.unknown) {
    scratch.byte(TYPE_TAG);
    scratch.byte(type);
  }
  if (help.length > 0) scratch.delimited(HELP_TAG, help, 0, help.length);
  if (unit.length > 0) scratch.delimited(UNIT_TAG, unit, 0, unit.length);
  scratch.close(start, 1);
  return scratch.bytes.slice(0, scratch.length);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const scratch = new Output(1024);
