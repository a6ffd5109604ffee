import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestName } from './nearest.ts';

test('the distance counts insertions, deletions, replacements and swaps', () => {
  const check = (from: string, to: string, expected: number): void => {
    assert.equal(editDistance(from, to), expected);
    assert.equal(editDistance(to, from), expected);
  };
  check('', 'abc', 3);
  check('abc', 'abc', 0);
  check('compresion', 'compression', 1);
  check('endpiont', 'endpoint', 1);
  check('kitten', 'sitting', 3);
});

test('a misspelt name finds the known one, a foreign name finds none', () => {
  const known = ['endpoint', 'compression', 'headers', 'tls'];
  const check = (name: string, expected: string | undefined): void => {
    assert.equal(nearestName(name, known), expected);
  };
  check('endpiont', 'endpoint');
  check('Header', 'headers');
  check('tsl', 'tls');
  check('kafka', undefined);
});
