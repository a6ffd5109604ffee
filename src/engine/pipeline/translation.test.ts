import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { batch, DOWN, stand } from '../../../test/flow/ends.ts';
import { WireError } from '../../wire/error.ts';
import type { Outlet } from './fan-out.ts';
import { Translation } from './translation.ts';

/** A translation to `prometheus` that turns items into twice as many, but for those it drops. */
function translation(dropped = 0, answer: Outcome = ACCEPTED) {
  const { context, numbers } = stand();
  const taken: Batch[] = [];
  const passedOver: Batch[] = [];
  const next: Outlet = {
    consume: (given) => {
      taken.push(given);
      return Promise.resolve(answer);
    },
    refusal: () => DOWN,
    passedOver: (given) => void passedOver.push(given),
  };
  const outlet = new Translation({
    to: 'prometheus',
    next,
    context,
    pipeline: 'metrics',
    transform: (given, drop) => {
      if (given.items > 99) throw new WireError('truncated', 0);
      drop?.('delta_temporality', dropped);
      const items = (given.items - dropped) * 2;
      return items === 0 ? undefined : { ...given, form: 'prometheus', items };
    },
  });
  return { outlet, taken, passedOver, numbers };
}

const metrics = (items: number) => batch({ signal: 'metrics', items });

test('a batch reaches the next part in the form it takes', async () => {
  const { outlet, taken } = translation();
  assert.deepEqual(await outlet.consume(metrics(3)), ACCEPTED);
  assert.deepEqual([taken[0]?.form, taken[0]?.items], ['prometheus', 6]);
});

test('a batch that has the form passes untouched', async () => {
  const { outlet, taken } = translation();
  const given: Batch = { ...metrics(3), form: 'prometheus' };
  await outlet.consume(given);
  assert.equal(taken[0], given);
});

test('MAP-13: what a translation drops is in the books, and its client is told', async () => {
  const { outlet, numbers } = translation(2);
  const outcome = await outlet.consume(metrics(3));
  assert.equal(outcome.kind, 'partial');
  assert.equal(outcome.kind === 'partial' && outcome.rejected, 2);
  const labels = { pipeline: 'metrics', processor: 'to_prometheus', reason: 'delta_temporality' };
  assert.equal(numbers.sum('pipeline_dropped_items', labels), 2);
  assert.equal(numbers.sum('processor_incoming_items', { processor: 'to_prometheus' }), 3);
  assert.equal(numbers.sum('processor_outgoing_items', { processor: 'to_prometheus' }), 2);
});

test('a batch of which nothing is left is done with', async () => {
  const { outlet, taken } = translation(3);
  assert.equal((await outlet.consume(metrics(3))).kind, 'partial');
  assert.deepEqual(taken, []);
});

test('a refusal further on is the answer', async () => {
  assert.equal(await translation(1, DOWN).outlet.consume(metrics(3)), DOWN);
  assert.equal(translation().outlet.refusal(metrics(1)), DOWN);
});

test('bytes that cannot be read cost their own request alone', async () => {
  const { outlet, taken } = translation();
  const outcome = await outlet.consume(metrics(100));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'invalid');
  assert.deepEqual(taken, []);
});

test('a batch nobody comes back with is told to who refused it', () => {
  const { outlet, passedOver } = translation();
  const given = metrics(1);
  outlet.passedOver(given, { kind: 'retry', reason: 'queue_full', message: 'full' });
  assert.deepEqual(passedOver, [given]);
});
