/** A parser of pages as simple as can be: what the fast one is measured against. */
import { isUtf8 } from 'node:buffer';
import { openMetricsNumber } from './text/number-reader.ts';

/** A sample of a page, text as UTF-8. */
export interface ReferenceSample {
  readonly labels: string;
  readonly value: number;
  /** Milliseconds; undefined where the page says none. */
  readonly time: number | undefined;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const QUOTED = String.raw`"(?:\\[^\n]|[^\\"])*"`;
const STRICT_QUOTED = String.raw`"(?:\\[^\n]|[^\\"\n])*"`;
const TYPES = ['counter', 'gauge', 'histogram', 'summary'];
const STRICT_TYPES = [...TYPES, 'unknown', 'gaugehistogram', 'info', 'stateset'];

/** All samples, or undefined when the page is not in its format. Bytes are read as Latin-1. */
export function referenceParse(page: Uint8Array, strict: boolean): ReferenceSample[] | undefined {
  let text = Buffer.from(page).toString('latin1');
  if (!text.endsWith('\n')) text += '\n';
  try {
    return new Reference(text, strict).parse();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class Reference {
  readonly #text: string;
  readonly #strict: boolean;
  #at = 0;
  #family = '';
  #types = new Map<string, string>();

  constructor(text: string, strict: boolean) {
    this.#text = text;
    this.#strict = strict;
  }

  parse(): ReferenceSample[] {
    const samples: ReferenceSample[] = [];
    while (this.#at < this.#text.length) {
      if (this.#strict && this.#text.startsWith('# EOF\n', this.#at)) {
        if (this.#at + 6 < this.#text.length) throw new SyntaxError();
        return samples;
      }
      if (!this.#strict) this.#take(/[ \t]*/y);
      if (!this.#strict && this.#try(/\n/y) !== undefined) continue;
      if (this.#text[this.#at] === '#') this.#comment();
      else samples.push(this.#sample());
    }
    if (this.#strict) throw new SyntaxError();
    return samples;
  }

  #comment(): void {
    const line = this.#take(/[^\n]*/y);
    this.#at++;
    const pattern = this.#strict ? /^# (HELP|TYPE|UNIT) (.*)$/s : /^#[ \t]+(HELP|TYPE)[ \t]+(.*)$/s;
    const [, keyword, rest = ''] = pattern.exec(line) ?? [];
    if (keyword === undefined && this.#strict) throw new SyntaxError();
    if (keyword === undefined) return;
    const [, name = '', after = ''] =
      /^("(?:\\.|[^\\"])*"|[a-zA-Z_:][a-zA-Z0-9_:]*)(.*)$/s.exec(rest) ?? [];
    if (name === '' || (this.#strict && !after.startsWith(' '))) throw new SyntaxError();
    const family = name.startsWith('"') ? unescape(name.slice(1, -1)) : name;
    const text = after.slice(1);
    if (!isUtf8(Buffer.from(family, 'latin1'))) throw new SyntaxError();
    this.#family = family;
    if (keyword === 'TYPE') {
      const types = this.#strict ? STRICT_TYPES : [...TYPES, 'untyped'];
      if (!types.includes(text)) throw new SyntaxError();
      this.#types.set(family, text);
    } else if (keyword === 'UNIT') {
      if (text !== '' && !family.endsWith(`_${text}`)) throw new SyntaxError();
    } else if (!isUtf8(Buffer.from(text, 'latin1'))) throw new SyntaxError();
  }

  #sample(): ReferenceSample {
    let name = this.#try(/[a-zA-Z_:][a-zA-Z0-9_:]*/y);
    const labels = new Map<string, string>();
    const before = this.#at;
    this.#blanks();
    if (this.#try(/\{/y) === undefined) this.#at = before;
    else name = this.#labels(name, labels);
    if (name === undefined) throw new SyntaxError();
    if (this.#strict) this.#take(/ /y);
    this.#blanks();
    const value = numberOf(this.#take(/[^ \t\n]+/y));
    const time = this.#strict ? this.#strictTail() : this.#tail();
    if (name === '') throw new SyntaxError();
    labels.set('__name__', name);
    return { labels: this.#describe(name, labels), value, time };
  }

  #labels(named: string | undefined, labels: Map<string, string>): string | undefined {
    const quoted = this.#strict ? STRICT_QUOTED : QUOTED;
    let name = named;
    this.#blanks();
    while (this.#try(/\}/y) === undefined) {
      const key = this.#take(new RegExp(`${quoted}|[a-zA-Z_][a-zA-Z0-9_]*`, 'y'));
      const label = key.startsWith('"') ? unescape(key.slice(1, -1)) : key;
      this.#blanks();
      if (key.startsWith('"') && /[,}]/.test(this.#text[this.#at] ?? '')) {
        if (name !== undefined) throw new SyntaxError();
        name = label;
        if (this.#try(/,/y) !== undefined) this.#blanks();
        continue;
      }
      this.#take(/=/y);
      this.#blanks();
      const value = unescape(this.#take(new RegExp(quoted, 'y')).slice(1, -1));
      if (label === '' || label === '__name__' || labels.has(label)) throw new SyntaxError();
      labels.set(label, value);
      this.#blanks();
      if (this.#try(/,/y) !== undefined) this.#blanks();
      else if (this.#strict && this.#text[this.#at] !== '}') throw new SyntaxError();
    }
    return name;
  }

  #tail(): number | undefined {
    this.#blanks();
    const time = this.#try(/[+-]?\d+(?=[ \t\n])/y);
    if (time !== undefined && !Number.isSafeInteger(Number(time))) throw new SyntaxError();
    this.#blanks();
    this.#take(/\n/y);
    return time === undefined ? undefined : Number(time);
  }

  #strictTail(): number | undefined {
    const seconds = this.#try(/ [^ #\n][^ \n]*/y)?.slice(1);
    const time = seconds === undefined ? undefined : Math.trunc(numberOf(seconds) * 1000);
    if (time !== undefined && !Number.isSafeInteger(time)) throw new SyntaxError();
    if (this.#try(/ # \{/y) !== undefined) {
      if (this.#labels('exemplar', new Map()) === undefined) throw new SyntaxError();
      numberOf(this.#take(/ [^ \n]+/y).slice(1));
      const at = this.#try(/ [^ \n]+/y)?.slice(1);
      if (at !== undefined && !Number.isFinite(numberOf(at))) throw new SyntaxError();
    }
    this.#take(/\n/y);
    return time;
  }

  #describe(name: string, labels: Map<string, string>): string {
    const type = this.#types.get(this.#family);
    const rest = name.startsWith(this.#family) ? name.slice(this.#family.length) : 'none';
    const isHistogram = type === 'histogram' && ['_bucket', '_sum', '_count', ''].includes(rest);
    const isSummary = type === 'summary' && ['_sum', '_count', ''].includes(rest);
    const bound = isHistogram ? 'le' : isSummary ? 'quantile' : '';
    return [...labels]
      .map(([label, value]): readonly [string, string] => {
        if (label !== bound) return [label, value];
        try {
          return [label, openMetricsNumber(numberOf(value))];
        } catch {
          return [label, value];
        }
      })
      .filter(([, value]) => value !== '')
      .map(([label, value]) => [utf8(label), utf8(value)] as const)
      .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([label, value]) => `${label}=${value}`)
      .join('|');
  }

  #blanks(): void {
    if (!this.#strict) this.#take(/[ \t]*/y);
  }

  #take(pattern: RegExp): string {
    const found = this.#try(pattern);
    if (found === undefined) throw new SyntaxError();
    return found;
  }

  #try(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

function numberOf(text: string): number {
  if (NUMBER.test(text) && Number.isFinite(Number(text))) return Number(text);
  if (/^[+]?inf(?:inity)?$/i.test(text)) return Infinity;
  if (/^-inf(?:inity)?$/i.test(text)) return -Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  throw new SyntaxError();
}

function unescape(text: string): string {
  const plain = text.replace(/\\(.)/gs, (both, next: string) =>
    next === 'n' ? '\n' : next === '"' || next === '\\' ? next : both,
  );
  return plain;
}

function utf8(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  if (!isUtf8(bytes)) throw new SyntaxError();
  return bytes.toString();
}
