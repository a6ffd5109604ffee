import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HandClock } from '../../../../../test/flow/ends.ts';
import { Backends } from './backends.ts';

const NAMES = ['http://a/write', 'http://b/write', 'http://c/write'];
const HASHES = Array.from({ length: 30_000 }, (_, index) => Math.imul(index, 0x9e3779b1));

function shares(backends: Backends): number[] {
  const counts = NAMES.map(() => 0);
  for (const hash of HASHES) counts[backends.of(hash)]! += 1;
  return counts;
}

test('every backend gets its share of the series', () => {
  const backends = new Backends(NAMES, 1000, new HandClock());
  for (const share of shares(backends)) assert.ok(Math.abs(share - 10_000) < 600, `${share}`);
});

test('one backend more moves only what it gets', () => {
  const few = new Backends(NAMES.slice(0, 2), 1000, new HandClock());
  const more = new Backends(NAMES, 1000, new HandClock());
  for (const hash of HASHES) {
    const now = more.of(hash);
    if (now !== 2) assert.equal(now, few.of(hash));
  }
});

test('series of one that is down go to all others, and no other series moves', () => {
  const backends = new Backends(NAMES, 1000, new HandClock());
  const moved = [0, 0, 0];
  for (const hash of HASHES) {
    const home = backends.of(hash);
    const now = backends.ofThoseUp(hash, [true, false, true]);
    if (home === 1) moved[now]! += 1;
    else assert.equal(now, home);
  }
  assert.equal(moved[1], 0);
  assert.ok(Math.min(moved[0]!, moved[2]!) > 4000, moved.join(' '));
});

test('a backend is down once it has failed for long enough, is tried now and then, and is up at its first answer', async () => {
  const clock = new HandClock();
  const backends = new Backends(NAMES, 1000, clock);
  assert.equal(backends.failed(1), false);
  await clock.advance(999);
  assert.equal(backends.failed(1), false);
  assert.deepEqual(backends.up(), [true, true, true]);
  await clock.advance(1);
  assert.equal(backends.failed(1), true, 'this is news');
  assert.deepEqual(backends.up(), [true, false, true]);
  await clock.advance(1000);
  assert.deepEqual(backends.up(), [true, true, true], 'it is due for a trial');
  backends.tried(1);
  assert.deepEqual(backends.up(), [true, false, true], 'by one request');
  assert.equal(backends.failed(1), false, 'this is no news');
  await clock.advance(1000);
  backends.tried(1);
  assert.equal(backends.answered(1), true);
  assert.deepEqual(backends.up(), [true, true, true]);
  assert.equal(backends.answered(1), false);
});

test('when all are down all are tried', async () => {
  const clock = new HandClock();
  const backends = new Backends(NAMES, 1000, clock);
  for (let backend = 0; backend < 3; backend++) backends.failed(backend);
  await clock.advance(1000);
  for (let backend = 0; backend < 3; backend++) backends.failed(backend);
  assert.deepEqual(backends.up(), [true, true, true]);
});
