import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPTED } from '../../src/contract/outcome.ts';
import type { QueueConfig } from '../../src/engine/config/config.ts';
import { QueuedDelivery } from '../../src/engine/delivery/delivery.ts';
import { FanOut } from '../../src/engine/pipeline/fan-out.ts';
import { Account, Backend, BATCH, batch, idle, settings, splitBytes, stand } from './ends.ts';

async function open(queue: Partial<QueueConfig>, exporterId = 'x') {
  const { context, clock, numbers, lines } = stand();
  const backend = new Backend();
  const ledger = new Account();
  const options = { exporterId, signal: 'traces' as const, exporter: backend, context };
  const delivery = new QueuedDelivery(settings(queue), {
    ...options,
    ledger,
    maxBytes: 1e9,
    split: splitBytes,
  });
  await delivery.start();
  return { delivery, backend, clock, numbers, lines, ledger };
}

const bug = (error: unknown): void => {
  throw error;
};

test('a stuck exporter stops the client at exactly the queue size', async () => {
  for (const merging of [undefined, { ...BATCH, minSize: 5000 }]) {
    const queue = { sizer: 'bytes', size: 100_000, batch: merging } as const;
    const { delivery, backend, ledger, clock } = await open(queue);
    const answer = backend.hang();
    let accepted = 0;
    let refused = 0;
    for (let index = 0; index < 150; index++) {
      const outcome = await delivery.consume(batch({ items: 10, bytes: 1000 }));
      if (outcome.kind === 'accepted') accepted += 1000;
      else refused += 1;
      await idle();
    }
    assert.deepEqual([accepted, refused, ledger.total], [100_000, 50, 100_000]);
    assert.equal((await delivery.consume(batch({ bytes: 1 }))).kind, 'retry');
    answer(ACCEPTED);
    await clock.advance(200);
    assert.equal(backend.items, 1000);
    assert.equal(ledger.total, 0);
    assert.equal(await delivery.consume(batch({})), ACCEPTED);
  }
});

test('block_on_overflow holds callers back and loses none of them', async () => {
  const { delivery, backend, numbers } = await open({ size: 10, blockOnOverflow: true });
  const answer = backend.hang();
  const answers = Array.from({ length: 100 }, () => delivery.consume(batch({})));
  await idle();
  assert.equal(numbers.sum('exporter_blocked_callers'), 90);
  answer(ACCEPTED);
  for (const outcome of await Promise.all(answers)) assert.equal(outcome, ACCEPTED);
  await idle();
  assert.equal(numbers.sum('exporter_blocked_callers'), 0);
  assert.equal(backend.items, 100);
});

test('a dead branch beside a healthy one: no delay, no duplicates, and its queue is delivered later', async () => {
  const dead = await open({ size: 50 }, 'dead');
  const healthy = await open({ size: 50 }, 'healthy');
  const answer = dead.backend.hang();
  const fanOut = new FanOut([dead.delivery, healthy.delivery], [], bug);
  let accepted = 0;
  for (let index = 0; index < 80; index++) {
    const outcome = await fanOut.consume(batch({}));
    await idle();
    if (outcome.kind === 'accepted') accepted += 1;
    else assert.equal(outcome.kind === 'retry' && outcome.reason, 'queue_full');
    assert.equal(healthy.backend.items, accepted);
  }
  assert.equal(accepted, 50);
  answer(ACCEPTED);
  await idle();
  assert.equal(dead.backend.items, 50);
  assert.equal(dead.numbers.sum('exporter_enqueue_failed_spans'), 30);
  assert.equal(healthy.numbers.sum('exporter_enqueue_failed_spans'), 0);
});

test('a dead best-effort branch never holds up or fails a request', async () => {
  for (const queue of [{ size: 50 }, { size: 50, blockOnOverflow: true }]) {
    const dead = await open(queue, 'dead');
    const healthy = await open({}, 'healthy');
    dead.backend.hang();
    const fanOut = new FanOut([healthy.delivery], [dead.delivery], bug);
    for (let index = 0; index < 80; index++) {
      assert.equal(await fanOut.consume(batch({})), ACCEPTED);
      await idle();
    }
    assert.equal(healthy.backend.items, 80);
    assert.equal(dead.numbers.sum('exporter_held_items'), 50);
    assert.equal(dead.numbers.sum('exporter_enqueue_failed_spans'), 30);
    assert.equal(dead.numbers.sum('exporter_accepted_items'), 80);
    assert.equal(dead.numbers.sum('exporter_dropped_items', { reason: 'queue_full' }), 30);
    assert.equal(dead.numbers.sum('exporter_blocked_callers'), 0);
  }
});
