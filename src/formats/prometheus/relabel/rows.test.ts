import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Naming } from './label-name.ts';
import { checkRules, rulesSettings } from './settings.ts';
import { RelabelRules } from './rules.ts';

type Labels = Record<string, string>;
type Rule = Record<string, unknown>;

interface Row {
  readonly number: number;
  readonly labels: Labels;
  readonly rules: readonly Rule[];
  /** Of the labels in, changed; undefined for dropped. */
  readonly out: Labels | undefined;
  readonly naming?: Naming;
}

const DROPPED = undefined;
const a = ['a'];

function row(number: number, labels: Labels, rule: Rule, out: Labels | undefined): Row {
  return { number, labels, rules: [rule], out };
}

/** Replaces from `a` into `b`. */
function toB(regex: string | undefined, replacement: string): Rule {
  return {
    source_labels: a,
    target_label: 'b',
    replacement,
    ...(regex === undefined ? {} : { regex }),
  };
}

function hashed(labels: Labels, modulus: number | string, hash: string, sources = a): Row[] {
  const rule = { action: 'hashmod', source_labels: sources, modulus, target_label: 'h' };
  return [row(0, labels, rule, { ...labels, h: hash })];
}

function numbered(number: number, rows: readonly Row[]): Row[] {
  return rows.map((each) => ({ ...each, number }));
}

function cased(number: number, action: string, text: string, expected: string): Row {
  const rule = { action, source_labels: a, target_label: 'b' };
  return row(number, { a: text }, rule, { a: text, b: expected });
}

function matching(number: number, text: string, regex: string, matches: boolean): Row {
  const rule = { action: 'keep', source_labels: a, regex };
  return row(number, { a: text }, rule, matches ? { a: text } : DROPPED);
}

const ROWS: readonly Row[] = [
  row(1, { a: 'foo' }, { action: 'keep', source_labels: a, regex: 'f|o' }, DROPPED),
  row(2, { a: 'foobar' }, { action: 'drop', source_labels: a, regex: 'foo|bar' }, { a: 'foobar' }),
  row(3, { a: 'x\ny' }, toB('x.y', 'ok'), { a: 'x\ny', b: 'ok' }),
  row(4, { a: 'x\ny' }, toB('(?-s)x.y', 'ok'), { a: 'x\ny' }),
  row(5, { a: 'foo' }, toB('(.*)', '$1_x'), { a: 'foo' }),
  row(6, { a: 'foo' }, toB('(.*)', '${1}_x'), { a: 'foo', b: 'foo_x' }),
  row(7, { a: 'foo', b: 'old' }, toB(undefined, '$1x'), { a: 'foo' }),
  row(8, { a: 'foo' }, toB(undefined, '$1-x'), { a: 'foo', b: 'foo-x' }),
  row(9, { a: 'foo' }, toB(undefined, '$$1'), { a: 'foo', b: '$1' }),
  row(10, { a: 'foo' }, toB(undefined, 'x$'), { a: 'foo', b: 'x$' }),
  row(10, { a: 'foo' }, toB(undefined, '[$&]'), { a: 'foo', b: '[$&]' }),
  row(10, { a: 'foo' }, toB(undefined, 'x${1'), { a: 'foo', b: 'x${1' }),
  row(11, { a: 'foo' }, toB('(?P<n>.*)', '$<n>|$n|${n}'), { a: 'foo', b: '$<n>|foo|foo' }),
  row(12, { a: 'foo' }, toB(undefined, '$10'), { a: 'foo' }),
  row(12, { a: 'foo' }, toB(undefined, '[$01]'), { a: 'foo', b: '[]' }),
  row(13, { a: 'foo' }, toB('f(o)o', '<$0>'), { a: 'foo', b: '<foo>' }),
  row(14, { b: 'old' }, toB(undefined, '$1'), {}),
  row(15, { b: 'old' }, toB('(.+)', '$1'), { b: 'old' }),
  row(16, { z: '1' }, { target_label: 'c', replacement: 'v' }, { z: '1', c: 'v' }),
  row(17, { b: 'old' }, { target_label: 'b', replacement: '' }, {}),
  row(
    18,
    { a: 'foo' },
    { source_labels: ['nope'], regex: null, target_label: 'b', replacement: 'hit' },
    { a: 'foo', b: 'hit' },
  ),
  row(
    19,
    { q: '1' },
    { source_labels: ['a', 'b'], regex: ';', target_label: 'c', replacement: 'v' },
    { q: '1', c: 'v' },
  ),
  row(
    20,
    { a: 'x', b: 'y' },
    { action: 'keep', source_labels: ['a', 'b'], separator: '', regex: 'xy' },
    { a: 'x', b: 'y' },
  ),
  row(21, { z: '1' }, { action: 'keepequal', source_labels: a, target_label: 'b' }, { z: '1' }),
  row(22, { z: '1' }, { action: 'dropequal', source_labels: a, target_label: 'b' }, DROPPED),
  row(
    23,
    { a: '1', c: '2', b: '1;2' },
    { action: 'keepequal', source_labels: ['a', 'c'], target_label: 'b' },
    { a: '1', c: '2', b: '1;2' },
  ),
  row(24, { abc: '1' }, { action: 'labelmap', regex: 'abc' }, { abc: '1' }),
  row(
    25,
    { app: 'orig', k8s_app: 'x' },
    { action: 'labelmap', regex: 'k8s_(.+)' },
    { app: 'x', k8s_app: 'x' },
  ),
  row(
    26,
    { x_a: '1', y_a: '2' },
    { action: 'labelmap', regex: '[xy]_(a)' },
    { a: '2', x_a: '1', y_a: '2' },
  ),
  row(27, { p_p_z: '1' }, { action: 'labelmap', regex: 'p_(.+)' }, { p_p_z: '1', p_z: '1' }),
  row(28, { __name__: 'up', a: '1' }, { action: 'labelkeep', regex: 'a' }, { a: '1' }),
  ...numbered(29, hashed({ a: 'foo' }, 1000, '696')),
  ...numbered(30, hashed({ c: 'baz' }, 1000, '976', ['c'])),
  ...numbered(31, hashed({ a: 'foo\nbar' }, 1000, '734')),
  ...numbered(32, hashed({}, 1000, '958')),
  ...numbered(33, hashed({ a: 'foo', b: 'bar' }, 1000, '750', ['a', 'b'])),
  ...numbered(34, hashed({ __address__: '10.132.183.40:80' }, 3, '1', ['__address__'])),
  ...numbered(35, hashed({ a: 'foo' }, '18446744073709551615', '17145033699835028696')),
  cased(36, 'uppercase', 'straße', 'STRAßE'),
  cased(37, 'lowercase', 'İX', 'ix'),
  cased(38, 'lowercase', 'ΟΔΟΣ', 'οδοσ'),
  cased(39, 'uppercase', 'ŉ ﬁ ǰ', 'ŉ ﬁ ǰ'),
  row(
    40,
    { a: 'env=prod' },
    { source_labels: a, regex: '([^=]+)=(.*)', target_label: '$1', replacement: '$2' },
    { a: 'env=prod', env: 'prod' },
  ),
  row(41, { a: 'x' }, { source_labels: a, regex: 'x(y?)', target_label: '$1' }, { a: 'x' }),
  {
    ...row(42, { a: '1bad' }, { source_labels: a, target_label: '$1' }, { a: '1bad' }),
    naming: 'legacy',
  },
  row(
    43,
    { a: 'my.label' },
    { source_labels: a, target_label: '$1', replacement: 'v' },
    { a: 'my.label', 'my.label': 'v' },
  ),
  matching(44, '\u212a', '(?i)k', true),
  matching(44, 'ſ', '(?i)s', true),
  matching(45, '٣', '\\d', false),
  matching(45, '\v', '\\s', false),
  matching(45, '\u00a0', '\\s', false),
  matching(46, '😀', '.', true),
  matching(47, 'abc1', '[[:alpha:]]+1', true),
  matching(47, 'é', '\\pL', true),
  matching(47, 'a.b', '\\Qa.b\\E', true),
  matching(47, 'ab', 'ab\\z', true),
  matching(47, ':', '\\:', true),
  matching(47, 'aaa', '(?U)a+', true),
  row(48, { a: 'abc' }, toB('(a|ab)(c|bcd)?(.*)', '$1/$2/$3'), { a: 'abc', b: 'a//bc' }),
  row(
    49,
    { __address__: '10.0.0.1:90', p: '81' },
    {
      source_labels: ['__address__', 'p'],
      regex: '(.+?)(\\:\\d+)?;(\\d+)',
      replacement: '$1:$3',
      target_label: '__address__',
    },
    { __address__: '10.0.0.1:81', p: '81' },
  ),
  row(
    50,
    { __name__: 'foo_total' },
    {
      source_labels: ['__name__'],
      regex: 'foo_(.*)',
      target_label: '__name__',
      replacement: 'bar_$1',
    },
    { __name__: 'bar_total' },
  ),
];

function relabel({ labels, rules, naming = 'utf8' }: Row): Labels | undefined {
  const schema = rulesSettings().superRefine((parsed, context) =>
    checkRules(parsed, naming, context),
  );
  const list = Object.entries(labels).map(([name, value]) => ({ name, value }));
  const result = new RelabelRules(schema.parse(rules), naming).relabel(list);
  return result && Object.fromEntries(result.map(({ name, value }) => [name, value]));
}

test('the fifty tricky rows give what Prometheus gives', async (context) => {
  assert.deepEqual(
    [...new Set(ROWS.map(({ number }) => number))],
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  for (const each of ROWS) {
    const title = `row ${each.number}: ${JSON.stringify(each.labels)} ${JSON.stringify(each.rules)}`;
    await context.test(title, () => assert.deepEqual(relabel(each), each.out));
  }
});
