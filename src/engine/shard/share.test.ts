import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Load } from './loads.ts';
import { adaptShare, takenAt } from './share.ts';

/**
 * A shard and its peer with `load` of work for the two of them, 1 being what one thread does.
 * Answers the share after `ticks` samples.
 */
function settle(load: number, ticks: number, start = 0): number {
  let share = start;
  for (let tick = 0; tick < ticks; tick++) {
    const own = Math.min(load * (1 - share), 1);
    const peer = Math.min(load * share, 1);
    share = adaptShare(share, own, peer);
  }
  return share;
}

test('a shard that is not saturated keeps all of its work', () => {
  assert.equal(settle(0.5, 100), 0);
  assert.equal(settle(0.84, 100), 0);
});

test('a saturated shard shares until neither is, or both are', () => {
  const enough = settle(1.2, 100);
  assert.ok(enough > 0.2 && enough < 0.5, `share ${enough}`);
  const overload = settle(2.5, 100);
  assert.ok(overload > 0.3 && overload < 0.7, `share ${overload}`);
});

test('the share grows within half a second and is gone within a second', () => {
  assert.ok(settle(2, 10) > 0.4);
  assert.equal(settle(0.3, 20, 1), 0);
});

test('a shard whose peers are as busy hands nothing over', () => {
  assert.equal(adaptShare(0, 1, 1), 0);
  assert.equal(adaptShare(0, 0.9, 0.85), 0);
});

test('a peer without room in its queues is no help to a shard without time, unless that has less', () => {
  const own: Load = { busy: 1, full: 0 };
  assert.equal(takenAt({ busy: 0.2, full: 0.5 }, own, 'busy'), 0.2);
  assert.equal(takenAt({ busy: 0.2, full: 0.9 }, own, 'busy'), 1);
  assert.equal(takenAt({ busy: 0.2, full: 0.9 }, { busy: 1, full: 1 }, 'busy'), 0.2);
});

test('a peer without time is no help to a shard without room', () => {
  const own: Load = { busy: 0.3, full: 1 };
  assert.equal(takenAt({ busy: 0.6, full: 0.1 }, own, 'full'), 0.1);
  assert.equal(takenAt({ busy: 0.9, full: 0.1 }, own, 'full'), 1);
});
