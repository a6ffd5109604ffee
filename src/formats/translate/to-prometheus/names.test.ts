import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TranslationStrategy } from '../../../contract/translation.ts';
import { floatText } from '../float-text.ts';
import { unitOfWords, unitText, wordsOfUnit } from '../units.ts';
import { type MetricIdentity, Names } from './names.ts';

const DEFAULT: TranslationStrategy = 'UnderscoreEscapingWithSuffixes';

function nameOf(
  name: string,
  more: Partial<MetricIdentity> = {},
  strategy = DEFAULT,
  namespace = '',
): string | undefined {
  return new Names(strategy, namespace).metric({ unit: '', kind: 'other', ...more, name })?.name;
}

test('MAP-1: the four strategies make four names of one counter', () => {
  const counter = { unit: 'By', kind: 'counter' } as const;
  const names = (
    [
      'UnderscoreEscapingWithSuffixes',
      'UnderscoreEscapingWithoutSuffixes',
      'NoUTF8EscapingWithSuffixes',
      'NoTranslation',
    ] as const
  ).map((strategy) => nameOf('foo.bar', counter, strategy));
  assert.deepEqual(names, ['foo_bar_bytes_total', 'foo_bar', 'foo.bar_bytes_total', 'foo.bar']);
});

test('MAP-2: what a name may not hold becomes one underscore, and a digit gets one in front', () => {
  assert.equal(nameOf('a..b--c:d'), 'a_b_c:d');
  assert.equal(nameOf('5xx.count'), '_5xx_count');
  assert.equal(nameOf('größe'), 'gr_e');
  assert.equal(nameOf('a__b', {}, 'UnderscoreEscapingWithoutSuffixes'), 'a_b');
});

test('MAP-2: a name of which nothing is left is an error, unless it was all underscores', () => {
  for (const name of ['', '...', '日本', '._.']) assert.equal(nameOf(name), undefined, name);
  assert.equal(nameOf('___'), '_');
});

test('MAP-3: units become words: what, then per what; known tokens are not repeated', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['a', 'ms', 'a_milliseconds'],
    ['a', '{request}', 'a'],
    ['a', '{request}/s', 'a_per_second'],
    ['a', 'By{data}/min', 'a_bytes_per_min'],
    ['a', 'm/mo', 'a_meters_per_month'],
    ['a', 'fathom', 'a_fathom'],
    ['a', 'k{x}$!m', 'a_k_m'],
    ['bytes.a', 'By', 'bytes_a'],
    ['a', 'KBy', 'a_kilobytes'],
    ['a', 'kBy', 'a_kilobytes'],
    ['a', '%', 'a_percent'],
    ['a', '1', 'a'],
    ['a', ' s / y ', 'a_seconds_per_year'],
    ['a', 'constructor', 'a_constructor'],
  ];
  for (const [name, unit, expected] of rows) assert.equal(nameOf(name, { unit }), expected, unit);
});

test('MAP-4: counters alone end in total, once', () => {
  const kind = 'counter';
  assert.equal(nameOf('a', { kind }), 'a_total');
  assert.equal(nameOf('a_total', { kind }), 'a_total');
  assert.equal(nameOf('total.a', { kind, unit: 's' }), 'a_seconds_total');
  assert.equal(nameOf('a_total', { kind: 'gauge' }), 'a_total');
  assert.equal(nameOf('a', { kind: 'other' }), 'a');
  assert.equal(nameOf('a_total', { kind }, 'NoUTF8EscapingWithSuffixes'), 'a_total');
});

test('MAP-5: gauges in 1 end in ratio, counters do not', () => {
  assert.equal(nameOf('a', { kind: 'gauge', unit: '1' }), 'a_ratio');
  assert.equal(nameOf('a.ratio', { kind: 'gauge', unit: '1' }), 'a_ratio');
  assert.equal(nameOf('a', { kind: 'counter', unit: '1' }), 'a_total');
  assert.equal(nameOf('a', { kind: 'other', unit: '1' }), 'a');
});

test('a namespace stands in front of every name', () => {
  assert.equal(nameOf('a', {}, DEFAULT, 'shop'), 'shop_a');
  assert.equal(nameOf('5.a', {}, DEFAULT, 'shop'), 'shop_5_a');
  assert.equal(nameOf('a.b', {}, 'NoTranslation', 'shop'), 'shop_a.b');
  assert.equal(new Names(DEFAULT, 'shop').targetInfo, 'shop_target_info');
});

test('MAP-7: label names are cleaned, names between two underscores stay', () => {
  const names = new Names(DEFAULT, '');
  const rows = { 'a.b': 'a_b', a__b: 'a_b', '1st': 'key_1st', __x__: '__x__', ü: '_', '': '' };
  for (const [key, expected] of Object.entries(rows)) assert.equal(names.label(key), expected, key);
  assert.equal(new Names('NoTranslation', '').label('1st.a'), '1st.a');
});

test('MAP-21: words of UNIT become units of UCUM again', () => {
  const units = ['s', 'By', 'MiBy', 'By/s', 'Cel', '%', 'kBy'];
  for (const unit of units) assert.equal(unitOfWords(unitText(wordsOfUnit(unit))), unit);
  assert.equal(unitOfWords('requests'), 'requests');
  assert.equal(unitOfWords('per_second'), '/s');
  assert.equal(unitOfWords('apples_per_tree'), 'apples_per_tree');
});

test('N-4: floats are written as Go does, without an exponent', () => {
  const rows: readonly (readonly [number, string])[] = [
    [1e21, '1000000000000000000000'],
    [1e-7, '0.0000001'],
    [1.5e-9, '0.0000000015'],
    [-2.5e22, '-25000000000000000000000'],
    [0.1, '0.1'],
    [-0, '-0'],
    [5e-324, `0.${'0'.repeat(323)}5`],
    [1.7976931348623157e308, `17976931348623157${'0'.repeat(292)}`],
    [Number.NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ];
  for (const [value, text] of rows) {
    assert.equal(floatText(value), text);
    if (Number.isFinite(value)) assert.ok(Object.is(Number(text), value), text);
  }
});
