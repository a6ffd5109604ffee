import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPTED, type Outcome } from '../../src/contract/outcome.ts';
import type { QueueConfig } from '../../src/engine/config/config.ts';
import { QueuedDelivery } from '../../src/engine/delivery/delivery.ts';
import { InlineDelivery } from '../../src/engine/delivery/inline-delivery.ts';
import { Account, Backend, BATCH, batch, DOWN, idle, settings, splitBytes, stand } from './ends.ts';

function open(queue: Partial<QueueConfig> = {}) {
  const { context, clock, numbers, lines } = stand();
  const backend = new Backend();
  const ledger = new Account();
  const options = {
    exporterId: 'x',
    signal: 'logs' as const,
    exporter: backend,
    context,
    ledger,
    maxBytes: 1e9,
    split: splitBytes,
  };
  const config = settings(queue);
  const deadline = new AbortController();
  const delivery = new QueuedDelivery(config, options);
  const inline = new InlineDelivery(config, options);
  return { delivery, inline, backend, clock, numbers, lines, ledger, deadline };
}

async function settledNow(promise: Promise<unknown>): Promise<boolean> {
  await idle();
  return Promise.race([promise.then(() => true), Promise.resolve(false)]);
}

test('OTLP-C9: a stop delivers what is held, waiting for no timer', async () => {
  const { delivery, backend, deadline, lines, numbers } = open({ numConsumers: 2, batch: BATCH });
  await delivery.start();
  const answer = backend.hang();
  for (let index = 0; index < 57; index++) await delivery.consume(batch({ items: 10 }));
  await idle();
  const stopped = delivery.stop(deadline.signal);
  assert.equal(await settledNow(stopped), false);
  assert.equal((await delivery.consume(batch({}))).kind, 'retry');
  answer(ACCEPTED);
  await stopped;
  assert.equal(backend.items, 570);
  assert.deepEqual([lines, numbers.sum('exporter_held_items')], [[], 0]);
});

test('at the deadline the exact remainder is counted and said in one line', async () => {
  const { delivery, backend, clock, deadline, lines, numbers, ledger } = open({ numConsumers: 2 });
  await delivery.start();
  let left = 3;
  backend.answer = () => (left-- > 0 ? ACCEPTED : DOWN);
  for (let index = 0; index < 20; index++) await delivery.consume(batch({ items: 7 }));
  await idle();
  lines.length = 0;
  const stopped = delivery.stop(deadline.signal);
  await clock.advance(3000);
  deadline.abort();
  await stopped;
  const line = lines.filter((each) => each.level === 'error');
  assert.deepEqual(
    line.map((each) => each.fields),
    [{ exporter: 'x', data_type: 'logs', items: 17 * 7, reason: 'shutdown' }],
  );
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'shutdown' }), 17 * 7);
  assert.equal(numbers.sum('exporter_sent_log_records'), 3 * 7);
  assert.equal(numbers.sum('exporter_held_items'), 0);
  assert.equal(ledger.total, 0);
  assert.equal(clock.timers, 0);
});

test('a batch that waits for its next attempt is tried again as soon as the stop begins', async () => {
  const { delivery, backend, clock, deadline } = open();
  await delivery.start();
  backend.answer = () => DOWN;
  await delivery.consume(batch({ items: 3 }));
  await clock.advance(1000);
  backend.answer = () => ACCEPTED;
  await delivery.stop(deadline.signal);
  assert.deepEqual([backend.attempts, backend.items], [2, 3]);
});

test('an exporter that never answers cannot hold a stop beyond the deadline', async () => {
  const { delivery, backend, deadline, numbers } = open();
  await delivery.start();
  backend.answer = () => new Promise<Outcome>(() => undefined);
  const waiting = delivery.delivered.consume(batch({ items: 3 }));
  const stopped = delivery.stop(deadline.signal);
  assert.equal(await settledNow(stopped), false);
  deadline.abort();
  await stopped;
  assert.equal((await waiting).kind, 'retry');
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'shutdown' }), 3);
});

test('a stop is idempotent, safe without a start, and a second deadline counts too', async () => {
  const { delivery, deadline } = open();
  await delivery.consume(batch({}));
  await delivery.stop(deadline.signal);
  await delivery.stop(deadline.signal);

  const second = open();
  await second.delivery.start();
  second.backend.hang();
  await second.delivery.consume(batch({}));
  const stopped = second.delivery.stop(second.deadline.signal);
  assert.equal(await settledNow(stopped), false);
  await second.delivery.stop(AbortSignal.abort());
  await stopped;
});

test('a delivery that has stopped leaves nothing behind in the metrics', async () => {
  const { delivery, numbers, deadline } = open();
  await delivery.start();
  await delivery.consume(batch({}));
  await delivery.stop(deadline.signal);
  assert.equal((await delivery.consume(batch({}))).kind, 'retry');
  for (const name of ['queue_capacity', 'queue_size', 'queue_bytes', 'held_items']) {
    assert.equal(numbers.sum(`exporter_${name}`), 0, name);
  }
});

test('a queue that is full of blocked callers turns them away at the stop', async () => {
  const { delivery, backend, deadline } = open({ size: 1, blockOnOverflow: true });
  await delivery.start();
  const answer = backend.hang();
  const answers = Array.from({ length: 3 }, () => delivery.consume(batch({})));
  await idle();
  const stopped = delivery.stop(deadline.signal);
  answer(ACCEPTED);
  await stopped;
  const kinds = (await Promise.all(answers)).map((outcome) => outcome.kind);
  assert.deepEqual(kinds, ['accepted', 'retry', 'retry']);
  assert.equal(backend.items, 1);
});

test('without a queue, a stop waits for what is under way, up to the deadline', async () => {
  const { inline, backend, deadline, lines, numbers } = open();
  backend.answer = () => DOWN;
  const answer = inline.consume(batch({ items: 4 }));
  await idle();
  const stopped = inline.stop(deadline.signal);
  assert.equal(await settledNow(stopped), false);
  assert.equal((await inline.consume(batch({}))).kind, 'retry');
  deadline.abort();
  await stopped;
  assert.equal((await answer).kind, 'retry');
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'shutdown' }), 4);
  assert.equal(lines.at(-1)?.fields['items'], 4);
});
