import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batch, type BatchShape } from '../../../test/flow/ends.ts';
import { Turns } from './turns.ts';

function entry(shape: BatchShape) {
  return { batch: batch(shape) };
}

test('one tenant is served first in, first out', () => {
  const turns = new Turns([]);
  const entries = [1, 2, 3, 200].map((items) => entry({ items }));
  for (const each of entries) turns.push(each);
  assert.deepEqual([turns.shift(), turns.shift(), turns.shift(), turns.shift()], entries);
  assert.equal(turns.shift(), undefined);
  assert.equal(turns.length, 0);
});

test('a tenant with a thousand batches does not starve one with a single batch', () => {
  const turns = new Turns([]);
  for (let index = 0; index < 1000; index++) turns.push(entry({ tenant: 'noisy', bytes: 50_000 }));
  turns.push(entry({ tenant: 'quiet', bytes: 50_000 }));
  const order = Array.from({ length: 6 }, () => turns.shift()?.batch.origin.tenant);
  assert.ok(order.includes('quiet'), `quiet is among the first six: ${order.join(' ')}`);
});

test('tenants move the same number of bytes, however large their batches are', () => {
  const turns = new Turns([]);
  for (let index = 0; index < 100; index++)
    turns.push(entry({ tenant: 'large', bytes: 1_000_000 }));
  for (let index = 0; index < 10_000; index++) turns.push(entry({ tenant: 'small', bytes: 1000 }));
  const moved = { large: 0, small: 0 };
  while (moved.large + moved.small < 10_000_000) {
    const { origin, byteLength } = turns.shift()!.batch;
    moved[origin.tenant as 'large' | 'small'] += byteLength;
  }
  assert.ok(Math.abs(moved.large - moved.small) <= 2_000_000, JSON.stringify(moved));
});

test('many partitions of one tenant get no more than the one partition of another', () => {
  const turns = new Turns(['x-team']);
  for (let index = 0; index < 1000; index++) {
    const metadata = { 'x-team': [String(index)] };
    turns.push(entry({ tenant: 'many', bytes: 60_000, metadata }));
    turns.push(entry({ tenant: 'one', bytes: 60_000 }));
  }
  let one = 0;
  for (let index = 0; index < 200; index++) if (turns.shift()!.batch.origin.tenant === 'one') one++;
  assert.ok(one >= 98 && one <= 102, `${one} of 200`);
});

test('what is put back is the next of its partition', () => {
  const turns = new Turns([]);
  const [first, second] = [entry({}), entry({})];
  turns.push(first);
  turns.push(second);
  turns.pushFront(turns.shift()!);
  assert.equal(turns.head(), first);
  assert.equal(turns.shift(), first);
  assert.equal(turns.shift(), second);
});

test('a long lane gives its memory back while it is in use', () => {
  const turns = new Turns([]);
  for (let round = 0; round < 10_000; round++) {
    turns.push(entry({ items: round % 7 }));
    turns.push(entry({ items: round % 5 }));
    assert.equal(turns.shift()?.batch.items === undefined, false);
  }
  assert.equal(turns.length, 10_000);
});
