/**
 * A strict reader of the Prometheus text format 0.0.4 and OpenMetrics 1.0, for tests: it takes
 * nothing on trust. Every sample belongs to the family declared last, families are declared once
 * and stay together, no series comes twice, histograms are cumulative and end at +Inf.
 */
import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposed {
  readonly samples: readonly Sample[];
  /** Family name to its type. */
  readonly types: ReadonlyMap<string, string>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;

/** Reads a whole exposition; an assertion fails at the first line that is not as it must be. */
export function parseExposition(text: string, openMetrics = false): Exposed {
  assert(text.endsWith('\n'), 'the last line ends');
  const lines = text.slice(0, -1).split('\n');
  if (openMetrics) assert.equal(lines.pop(), '# EOF');
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = '';
  let helped = '';
  for (const line of lines) {
    if (line === '' && !openMetrics) continue;
    const help = new RegExp(`^# HELP (${NAME}) (?:[^\\\\\\n]|\\\\[\\\\n])*$`).exec(line);
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (help !== null) {
      helped = help[1] ?? '';
    } else if (type !== null) {
      family = type[1] ?? '';
      assert.equal(helped, family, 'HELP comes before TYPE');
      assert(!types.has(family), `${family} is declared twice`);
      types.set(family, type[2] ?? '');
    } else {
      const sample = readSample(line);
      assert(names(family, types.get(family), openMetrics).includes(sample.name), line);
      const labels = Object.entries(sample.labels)
        .map(String)
        .toSorted((a, b) => (a < b ? -1 : 1));
      const key = JSON.stringify([sample.name, labels]);
      assert(!seen.has(key), `twice: ${line}`);
      seen.add(key);
      samples.push(sample);
    }
  }
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, samples);
  return { samples, types };
}

function names(family: string, type: string | undefined, openMetrics: boolean): string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].map((end) => family + end);
  return [type === 'counter' && openMetrics ? `${family}_total` : family];
}

function readSample(line: string): Sample {
  const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
  assert(match !== null, `not a sample: ${line}`);
  const [, name = '', inside = '', value = ''] = match;
  assert(VALUE.test(value), `not a value: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < inside.length; at = LABEL.lastIndex) {
    const label = LABEL.exec(inside);
    assert(label !== null, `not labels: ${line}`);
    const [, key = '', quoted = ''] = label;
    assert(!(key in labels), `label twice: ${line}`);
    labels[key] = quoted.replace(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one));
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const last = new Map<string, { le: number; count: number }>();
  for (const { name: of, labels, value } of samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    if (of === `${name}_bucket`) {
      const edge = Number(le?.replace('Inf', 'Infinity'));
      const before = last.get(key) ?? { le: -Infinity, count: 0 };
      assert(edge > before.le && value >= before.count, `${name} is not cumulative`);
      last.set(key, { le: edge, count: value });
    } else if (of === `${name}_count`) {
      assert.deepEqual(last.get(key), { le: Infinity, count: value });
    }
  }
}
