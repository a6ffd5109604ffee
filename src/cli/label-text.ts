import type { Label } from '../formats/prometheus/relabel/label-set.ts';
import { UsageError } from './arguments.ts';

const BARE_NAME = /[\p{L}_:][\p{L}\p{Nd}_:.]*/uy;
const QUOTED = /"(?:[^"\\]|\\.)*"/suy;
const METRIC = '__name__';

/**
 * Labels as people write them: `up{job="api"}`, `{__name__="up", "my.label"="x"}`,
 * `{"my.metric", job="api"}`, or a JSON object of texts.
 */
export function parseLabels(text: string): readonly Label[] {
  return parseObject(text) ?? new LabelReader(text).read();
}

/** The same notation back. */
export function labelsText(labels: readonly Label[]): string {
  return `{${labels.map(labelText).join(', ')}}`;
}

/** One label, its name in quotes where it has to be. */
export function labelText({ name, value }: Label): string {
  return `${nameText(name)}=${JSON.stringify(value)}`;
}

/** A name, in quotes where it has to be. */
export function nameText(name: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:.]*$/.test(name) ? name : JSON.stringify(name);
}

function parseObject(text: string): readonly Label[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  return Object.entries(parsed).map(([name, value]) => {
    if (typeof value === 'string') return { name, value };
    throw new UsageError(`--labels: the value of ${JSON.stringify(name)} is no text`);
  });
}

class LabelReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly Label[] {
    const labels: Label[] = [];
    const metric = this.#match(BARE_NAME);
    if (metric !== undefined) labels.push({ name: METRIC, value: metric });
    if (!this.#skip('{')) {
      if (metric === undefined || this.#at < this.#text.length) throw this.#mistake('{');
      return labels;
    }
    while (!this.#skip('}')) {
      labels.push(this.#label());
      if (!this.#skip(',') && this.#text[this.#at] !== '}') throw this.#mistake(', or }');
    }
    if (this.#at < this.#text.length) throw this.#mistake('the end');
    return labels;
  }

  #label(): Label {
    const quoted = this.#match(QUOTED);
    const name = quoted === undefined ? this.#match(BARE_NAME) : unquote(quoted);
    if (name === undefined) throw this.#mistake('the name of a label');
    if (quoted !== undefined && this.#text[this.#at] !== '=') return { name: METRIC, value: name };
    if (!this.#skip('=')) throw this.#mistake('=');
    const value = this.#match(QUOTED);
    if (value === undefined) throw this.#mistake('a value in double quotes');
    return { name, value: unquote(value) };
  }

  #match(pattern: RegExp): string | undefined {
    this.#blanks();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    this.#blanks();
    return found;
  }

  #skip(character: string): boolean {
    this.#blanks();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    this.#blanks();
    return true;
  }

  #blanks(): void {
    while (/^\s$/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #mistake(wanted: string): UsageError {
    const found = this.#text.slice(this.#at, this.#at + 20);
    const where = found === '' ? 'the end' : JSON.stringify(found);
    return new UsageError(`--labels: expected ${wanted} at ${where}, as in '{job="api"}'`);
  }
}

function unquote(quoted: string): string {
  const inside = quoted.slice(1, -1);
  return inside.replaceAll(/\\(.)/gsu, (_, letter: string) => ESCAPES[letter] ?? letter);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
