import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QueueConfig } from '../config/config.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import {
  Account,
  Backend,
  BATCH,
  batch,
  DOWN,
  idle,
  settings,
  splitBytes,
  stand,
} from '../../../test/flow/ends.ts';
import { QueuedDelivery } from './delivery.ts';
import { InlineDelivery } from './inline-delivery.ts';

const REFUSED: Outcome = { kind: 'rejected', reason: 'invalid', message: 'the backend says no' };

async function open(queue: Partial<QueueConfig> = {}, shards = 1) {
  const { context, clock, numbers, lines } = stand();
  const backend = new Backend();
  const ledger = new Account();
  const options = {
    exporterId: 'x',
    signal: 'traces' as const,
    exporter: backend,
    context: { ...context, shard: { index: 0, count: shards } },
    ledger,
    maxBytes: 1e9,
    split: splitBytes,
  };
  const config = settings(queue);
  const delivery = config.queue.enabled
    ? new QueuedDelivery(config, options)
    : new InlineDelivery(config, options);
  await (delivery as QueuedDelivery).start?.();
  const books = () => ({
    accepted: numbers.sum('exporter_accepted_items'),
    sent: numbers.sum('exporter_sent_spans'),
    dropped: numbers.sum('exporter_dropped_items'),
    held: numbers.sum('exporter_held_items'),
  });
  return { delivery, backend, clock, numbers, lines, ledger, books };
}

test('accepted by the queue, sent, and counted', async () => {
  const { delivery, backend, numbers, ledger, books } = await open();
  assert.equal(await delivery.consume(batch({ items: 5 })), ACCEPTED);
  await idle();
  assert.equal(backend.items, 5);
  assert.deepEqual(books(), { accepted: 5, sent: 5, dropped: 0, held: 0 });
  assert.deepEqual([ledger.total, numbers.sum('exporter_queue_size')], [0, 0]);
});

test('at most num_consumers requests are under way', async () => {
  const { delivery, backend, numbers } = await open({ numConsumers: 3 });
  const answer = backend.hang();
  for (let index = 0; index < 20; index++) await delivery.consume(batch({}));
  await idle();
  assert.equal(numbers.sum('exporter_in_flight_requests'), 3);
  answer(ACCEPTED);
  await idle();
  assert.deepEqual([backend.mostUnderWay, backend.sent.length], [3, 20]);
});

test('tenants take turns at the way out as well', async () => {
  const { delivery, backend } = await open({ numConsumers: 1 });
  const answer = backend.hang();
  for (let index = 0; index < 50; index++) {
    await delivery.consume(batch({ tenant: 'noisy', bytes: 60_000 }));
  }
  await delivery.consume(batch({ tenant: 'quiet', bytes: 60_000 }));
  answer(ACCEPTED);
  await idle();
  const place = backend.sent.findIndex((sent) => sent.origin.tenant === 'quiet');
  assert.ok(place >= 0 && place < 6, `quiet was number ${place}`);
});

test('OTLP-C4: partial success is counted, logged and never repeated', async () => {
  const { delivery, backend, clock, numbers, lines, books } = await open();
  backend.answer = () => ({ kind: 'partial', rejected: 2, reason: 'too_old', message: 'too old' });
  await delivery.consume(batch({ items: 5 }));
  await clock.advance(60_000);
  assert.equal(backend.attempts, 1);
  assert.deepEqual(books(), { accepted: 5, sent: 3, dropped: 2, held: 0 });
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'too_old' }), 2);
  assert.equal(numbers.sum('exporter_send_failed_spans'), 2);
  assert.match(lines[0]?.message ?? '', /too old/);
});

test('a refusal is logged at most once in five seconds, with the count', async () => {
  const { delivery, backend, clock, lines } = await open();
  backend.answer = () => REFUSED;
  for (let index = 0; index < 100; index++) await delivery.consume(batch({ items: 2 }));
  await idle();
  assert.deepEqual(
    lines.map((line) => line.fields['items']),
    [2],
  );
  await clock.advance(5000);
  assert.deepEqual(
    lines.map((line) => line.fields['items']),
    [2, 198],
  );
  await clock.advance(60_000);
  assert.equal(lines.length, 2);
});

test('an exporter that throws loses the batch at hand, and the next one is sent', async () => {
  const { delivery, backend, numbers, books, lines } = await open();
  backend.answer = () => {
    throw new TypeError('no such property');
  };
  await delivery.consume(batch({ items: 3 }));
  await idle();
  backend.answer = () => ACCEPTED;
  await delivery.consume(batch({ items: 4 }));
  await idle();
  assert.deepEqual(books(), { accepted: 7, sent: 4, dropped: 3, held: 0 });
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'exporter_bug' }), 3);
  assert.ok(lines.some((line) => String(line.fields['stack']).includes('no such property')));
});

test('wait_for_result: the answer is what became of the batch', async () => {
  const f = async (outcome: Outcome, items: number) => {
    const { delivery, backend } = await open({ waitForResult: true });
    backend.answer = () => outcome;
    assert.deepEqual(await delivery.consume(batch({ items })), outcome);
  };
  await f(ACCEPTED, 1);
  await f(REFUSED, 1);
  await f({ kind: 'partial', rejected: 1, reason: 'r', message: 'm' }, 2);
});

test('a client that waits for the result is told to come back when retries are used up', async () => {
  const { delivery, backend, clock, numbers } = await open({ waitForResult: true });
  backend.answer = () => DOWN;
  const answer = delivery.consume(batch({ items: 1 }));
  await clock.advance(301_000);
  const outcome = await answer;
  assert.equal(outcome.kind === 'retry' && outcome.reason, 'retry_expired');
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'retry_expired' }), 1);
});

test('it says since when it fails, and how often it tried again', async () => {
  const { delivery, backend, clock, numbers, lines } = await open();
  backend.answer = () => DOWN;
  await delivery.consume(batch({}));
  await clock.advance(15_000);
  assert.equal(numbers.sum('exporter_failing_since_seconds'), 1e6);
  assert.equal(numbers.sum('exporter_retries'), 3);
  assert.match(lines[0]?.message ?? '', /will try again/);
  backend.answer = () => ACCEPTED;
  await clock.advance(30_000);
  assert.equal(numbers.sum('exporter_failing_since_seconds'), 0);
});

test('the age of what waits is shown', async () => {
  const { delivery, backend, numbers } = await open();
  const answer = backend.hang();
  await delivery.consume(batch({ receivedAt: 5000 }));
  await delivery.consume(batch({ receivedAt: 7000 }));
  assert.equal(numbers.sum('exporter_queue_oldest_timestamp_seconds'), 5);
  answer(ACCEPTED);
  await idle();
  assert.equal(numbers.sum('exporter_queue_oldest_timestamp_seconds'), 0);
});

test('batches are joined on the way out', async () => {
  const { delivery, backend, clock } = await open({ batch: BATCH });
  for (let index = 0; index < 25; index++) await delivery.consume(batch({ items: 10 }));
  await clock.advance(200);
  assert.deepEqual(
    backend.sent.map((sent) => sent.items),
    [100, 100, 50],
  );
});

test('a full queue does not wait for company', async () => {
  const { delivery, backend } = await open({
    size: 5,
    batch: { ...BATCH, flushTimeoutMs: 60_000 },
  });
  for (let index = 0; index < 5; index++) await delivery.consume(batch({}));
  await idle();
  assert.equal((await delivery.consume(batch({}))).kind, 'retry');
  await idle();
  assert.deepEqual(
    backend.sent.map((sent) => sent.items),
    [5],
  );
});

test('a splitter that throws costs the batch at hand', async () => {
  const { context, numbers } = stand();
  const backend = new Backend();
  const delivery = new QueuedDelivery(settings({ batch: { ...BATCH, maxSize: 100 } }), {
    exporterId: 'x',
    signal: 'traces',
    exporter: backend,
    context,
    ledger: new Account(),
    maxBytes: 1e9,
    split: () => {
      throw new Error('cannot split');
    },
  });
  await delivery.start();
  await delivery.consume(batch({ items: 101 }));
  await delivery.consume(batch({ items: 100 }));
  await idle();
  assert.deepEqual([backend.items, numbers.sum('exporter_dropped_items')], [100, 101]);
});

test('without a queue the caller hears what became of the batch', async () => {
  const { delivery, backend, clock, books } = await open({ enabled: false });
  assert.equal(await delivery.consume(batch({ items: 1 })), ACCEPTED);
  backend.answer = () => REFUSED;
  assert.equal(await delivery.consume(batch({ items: 2 })), REFUSED);
  backend.answer = () => DOWN;
  const answer = delivery.consume(batch({ items: 4 }));
  await clock.advance(301_000);
  assert.equal((await answer).kind, 'retry');
  assert.deepEqual(books(), { accepted: 7, sent: 1, dropped: 6, held: 0 });
});

test('each of several shards fills its part of a batch and has its part of the requests under way', async () => {
  const queue = { numConsumers: 8, batch: { ...BATCH, minSize: 8192 } };
  const { delivery, backend } = await open(queue, 4);
  const answer = backend.hang();
  for (let index = 0; index < 7; index++) await delivery.consume(batch({ items: 1024 }));
  await idle();
  assert.equal(backend.underWay, 2);
  answer(ACCEPTED);
  await idle();
  assert.deepEqual(
    backend.sent.map(({ items }) => items),
    [2048, 2048, 2048],
  );
});

test('a request that all shards together could queue is not refused by one of them', async () => {
  const { delivery, backend } = await open({ sizer: 'items', size: 100 }, 4);
  assert.equal(await delivery.consume(batch({ items: 100 })), ACCEPTED);
  assert.equal((await delivery.consume(batch({ items: 101 }))).kind, 'rejected');
  await idle();
  assert.equal(backend.items, 100);
});
