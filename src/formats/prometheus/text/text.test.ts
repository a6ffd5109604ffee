import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiate } from './accept.ts';
import { Blocks } from './blocks.ts';
import { escapeLabelName, escapeMetricName, quoted } from './escaping.ts';
import { boundOf, canonicalBound, secondsText, valueText } from './number-text.ts';

test('MAP-31: names in the four schemes', () => {
  for (const [name, underscores, dots, values] of [
    ['metric.name', 'metric_name', 'metric_dot_name', 'U__metric_2E_name'],
    ['no_dots:at_all', 'no_dots:at_all', 'no__dots:at__all', 'no_dots:at_all'],
    ['a_b.c', 'a_b_c', 'a__b_dot_c', 'U__a__b_2E_c'],
    ['5xx', '_xx', '_xx', 'U___35_xx'],
    ['größe😀', 'gr__e_', 'gr__e_', 'U__gr_F6__DF_e_1F600_'],
  ] as const) {
    assert.equal(escapeMetricName(name, 'underscores'), underscores);
    assert.equal(escapeMetricName(name, 'dots'), dots);
    assert.equal(escapeMetricName(name, 'values'), values);
    assert.equal(escapeMetricName(name, 'allow-utf-8'), name);
  }
  assert.equal(escapeLabelName('a:b', 'underscores'), 'a_b');
  assert.equal(escapeLabelName('a:b', 'allow-utf-8'), 'a:b');
  assert.equal(quoted('a"\\\nb'), '"a\\"\\\\\\nb"');
});

test('MAP-33: bounds as OpenMetrics writes them', () => {
  for (const [text, canonical] of [
    ['1', '1.0'],
    ['0', '0.0'],
    ['-1', '-1.0'],
    ['0.5', '0.5'],
    ['.5', '0.5'],
    ['100000', '100000.0'],
    ['1000000', '1e+06'],
    ['1234567', '1.234567e+06'],
    ['1000000000000000000000', '1e+21'],
    ['0.0001', '0.0001'],
    ['0.00001', '1e-05'],
    ['+Inf', '+Inf'],
    ['inf', '+Inf'],
    ['-Inf', '-Inf'],
    ['x', 'x'],
    ['1x', '1x'],
  ] as const) {
    assert.equal(canonicalBound(text), canonical);
  }
  assert.ok(Number.isNaN(boundOf('')) && Number.isNaN(boundOf('NaN')));
});

test('values and times as text', () => {
  assert.deepEqual([0, -0, 1.5, -Infinity].map(valueText), ['0', '-0', '1.5', '-Inf']);
  assert.equal(secondsText(1_700_000_000_123), '1700000000.123');
  assert.equal(secondsText(-1), '-0.001');
});

test('MAP-29: an Accept header of any kind has an answer', () => {
  for (const accept of [',,;;', 'text/plain;version', '*/*;q=-1', ';q=1', 'a'.repeat(100_000)]) {
    assert.equal(negotiate(accept, true).version, '0.0.4', accept.slice(0, 20));
  }
  const quotedVersion = 'TEXT/PLAIN; Version="1.0.0"; escaping="dots"';
  assert.equal(negotiate(quotedVersion, false).escaping, 'dots');
});

test('text goes on from block to block, and every range is found again', () => {
  const blocks = new Blocks();
  const source = Buffer.from('a"b\\c\nd');
  let expected = '';
  const found: string[] = [];
  const ranges = [];
  for (let i = 0; i < 40_000; i++) {
    blocks.ascii(`${i}`);
    blocks.text('ß');
    blocks.quoted(source, 0, source.length);
    blocks.copy(source, 0, 1);
    blocks.byte(10);
    expected += `${i}ß"a\\"b\\\\c\\nd"a\n`;
    if (i % 10_000 === 0) ranges.push(blocks.take());
  }
  ranges.push(blocks.take());
  const bytes = blocks.finish();
  assert.ok(bytes.length > 1);
  for (const { block, start, end } of ranges.flat()) {
    found.push(Buffer.from(bytes[block]!.subarray(start, end)).toString());
  }
  assert.ok(found.join('') === expected);
});
