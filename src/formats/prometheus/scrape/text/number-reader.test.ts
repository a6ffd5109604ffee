import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberReader, openMetricsNumber } from './number-reader.ts';

const numbers = new NumberReader();

function read(text: string): number | undefined {
  const value = numbers.read(Buffer.from(`${text}\n`), 0);
  return numbers.end === text.length ? value : undefined;
}

test('numbers are read as the engine itself reads them, to the last bit', () => {
  const texts = [
    '0',
    '-0',
    '1',
    '+1',
    '.5',
    '5.',
    '1e3',
    '1E-3',
    '1.7976931348623157e308',
    '5e-324',
  ];
  for (let round = 0; round < 20_000; round++) {
    const value = (Math.random() - 0.5) * 10 ** Math.floor(Math.random() * 40 - 20);
    texts.push(String(value), value.toFixed(Math.floor(Math.random() * 9)), value.toExponential());
  }
  for (const text of texts) assert.ok(Object.is(read(text), Number(text)), text);
});

test('infinities and NaN may be written in any case', () => {
  for (const text of ['Inf', '+inf', 'INFINITY']) assert.equal(read(text), Infinity);
  assert.equal(read('-Inf'), -Infinity);
  assert.ok(Number.isNaN(read('nAn')));
});

test('what Go does not take for a number of Prometheus is none', () => {
  for (const text of [
    '',
    '.',
    '-',
    'e5',
    '1e',
    '1e+',
    '0x10',
    '1_000',
    '1p3',
    '+NaN',
    '1e999',
    '1,5',
  ])
    assert.equal(read(text), undefined, text);
});

test('bounds of buckets are written as Prometheus 3 writes them', () => {
  const f = (value: number, text: string) => assert.equal(openMetricsNumber(value), text);
  f(1, '1.0');
  f(0, '0.0');
  f(0.005, '0.005');
  f(-2.5, '-2.5');
  f(100_000, '100000.0');
  f(1e6, '1e+06');
  f(1_048_576, '1.048576e+06');
  f(0.0001, '0.0001');
  f(0.00001, '1e-05');
  f(Infinity, '+Inf');
});
