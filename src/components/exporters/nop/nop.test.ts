import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from './index.ts';
import { settings } from './settings.ts';

test('everything is accepted', async () => {
  assert.deepEqual(await definition.create().send(), { kind: 'accepted' });
});

test('an empty section is fine and an unknown key is not', () => {
  assert.equal(settings.safeParse(null).success, true);
  assert.equal(settings.safeParse({ endpoint: 'x' }).success, false);
});
