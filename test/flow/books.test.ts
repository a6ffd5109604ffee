import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Batch } from '../../src/contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../src/contract/outcome.ts';
import { QueuedDelivery } from '../../src/engine/delivery/delivery.ts';
import { Account, Backend, batch, DOWN, idle, settings, splitBytes, stand } from './ends.ts';

/** How the backend meets one attempt. */
type Manner = 'accept' | 'partial' | 'reject' | 'down' | 'hang' | 'throw';

const manner = fc.constantFrom<Manner>(
  'accept',
  'accept',
  'partial',
  'reject',
  'down',
  'hang',
  'throw',
);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      items: fc.integer({ min: 1, max: 40 }),
      tenant: fc.constantFrom('a', 'b'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ advanceMs: fc.integer({ min: 1, max: 20_000 }) }) },
);

const queue = fc.record({
  numConsumers: fc.integer({ min: 1, max: 4 }),
  size: fc.integer({ min: 1, max: 60 }),
  sizer: fc.constantFrom('requests' as const, 'items' as const, 'bytes' as const),
  blockOnOverflow: fc.boolean(),
  waitForResult: fc.boolean(),
  batch: fc.option(
    fc.record({
      flushTimeoutMs: fc.constantFrom(0, 200, 5000),
      minSize: fc.integer({ min: 0, max: 30 }),
      maxSize: fc.constantFrom(0, 30, 35),
      sizer: fc.constantFrom('items' as const, 'bytes' as const),
      metadataKeys: fc.constant([]),
    }),
    { nil: undefined },
  ),
});

const run = fc.record({
  queue,
  maxElapsedTimeMs: fc.constantFrom(0, 20_000),
  steps: fc.array(step, { maxLength: 60 }),
  manners: fc.array(manner, { minLength: 1, maxLength: 40 }),
  graceMs: fc.integer({ min: 0, max: 10_000 }),
});

test('accepted = sent + dropped + held at every moment, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(run, async (given) => {
      const { context, clock, numbers } = stand();
      const ledger = new Account();
      const backend = new Backend();
      const arrived = { items: 0 };
      let attempt = 0;
      backend.answer = (sent) => {
        balance();
        const next = given.manners[attempt++ % given.manners.length] ?? 'accept';
        const outcome = answerOf(next, sent);
        if (outcome.kind === 'accepted') arrived.items += sent.items;
        if (outcome.kind === 'partial') arrived.items += sent.items - outcome.rejected;
        return next === 'hang' ? new Promise<Outcome>(() => undefined) : outcome;
      };
      const defaults = settings(given.queue);
      const retry = { ...defaults.retry, maxElapsedTimeMs: given.maxElapsedTimeMs };
      const delivery = new QueuedDelivery(
        { ...defaults, retry },
        {
          exporterId: 'x',
          signal: 'metrics',
          exporter: backend,
          context,
          ledger,
          maxBytes: 1e9,
          split: splitBytes,
        },
      );
      const sum = (name: string) => numbers.sum(`exporter_${name}`);
      const balance = () => {
        const out = sum('sent_metric_points') + sum('dropped_items') + sum('held_items');
        assert.equal(sum('accepted_items'), out);
        assert.ok(sum('held_items') >= 0);
        assert.equal(ledger.total, sum('queue_bytes'));
      };
      await delivery.start();
      let offered = 0;
      const answers: Promise<Outcome>[] = [];
      for (const each of given.steps) {
        if ('items' in each) {
          offered += each.items;
          answers.push(delivery.consume(batch(each)));
        } else await clock.advance(each.advanceMs);
        await idle();
        balance();
      }
      const deadline = new AbortController();
      const stopped = delivery.stop(deadline.signal);
      await clock.advance(given.graceMs);
      balance();
      deadline.abort();
      await stopped;
      await Promise.all(answers);
      balance();
      assert.equal(offered, sum('accepted_items') + sum('enqueue_failed_metric_points'));
      assert.equal(arrived.items, sum('sent_metric_points'));
      assert.equal(sum('send_failed_metric_points'), sum('dropped_items'));
      for (const name of [
        'held_items',
        'queue_size',
        'queue_bytes',
        'in_flight_requests',
        'blocked_callers',
      ]) {
        assert.equal(sum(name), 0, name);
      }
      assert.deepEqual([ledger.total, clock.timers], [0, 0]);
    }),
    { numRuns: 300 },
  );
});

function answerOf(next: Manner, sent: Batch): Outcome {
  switch (next) {
    case 'accept':
    case 'hang':
      return next === 'hang' ? DOWN : ACCEPTED;
    case 'partial':
      return {
        kind: 'partial',
        rejected: Math.ceil(sent.items / 3),
        reason: 'too_old',
        message: 'too old',
      };
    case 'reject':
      return { kind: 'rejected', reason: 'invalid', message: 'not valid' };
    case 'down':
      return DOWN;
    case 'throw':
      throw new Error('a bug in the exporter');
  }
}
