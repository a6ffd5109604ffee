import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Account,
  Backend,
  batch,
  DOWN,
  idle,
  settings,
  splitBytes,
  stand,
} from '../../../../test/flow/ends.ts';
import { type Batch, withChunks } from '../../../contract/batch.ts';
import { ACCEPTED } from '../../../contract/outcome.ts';
import { QueuedDelivery } from '../delivery.ts';

const LANES = 3;

/** Every chunk of a test belongs to the lane that its first byte says. */
function divide(given: Batch): (Batch | undefined)[] {
  return Array.from({ length: LANES }, (_, lane) => {
    const chunks = given.chunks.filter(([first = 0]) => first % LANES === lane);
    return chunks.length === 0 ? undefined : withChunks(given, chunks, chunks.length);
  });
}

async function open(joinBytes: number) {
  const { context, clock, numbers } = stand();
  const backend = new Backend();
  const delivery = new QueuedDelivery(settings({ numConsumers: LANES }), {
    exporterId: 'x',
    signal: 'metrics',
    exporter: backend,
    context,
    ledger: new Account(),
    maxBytes: 1e9,
    split: splitBytes,
    lanes: { backends: 1, joinBytes, divideInto: () => divide },
  });
  await delivery.start();
  return { delivery, backend, clock, numbers };
}

/** Batches of 10 bytes, the lane of each being its place modulo the number of lanes. */
function batches(count: number, tenant = 'a'): Batch[] {
  return Array.from({ length: count }, (_, index) => {
    const given = batch({ bytes: 10, tenant, signal: 'metrics' });
    given.chunks[0]!.fill(index);
    return given;
  });
}

/** The first bytes of all chunks of each request. */
function contents(sent: readonly Batch[]): number[][] {
  return sent.map(({ chunks }) => chunks.map(([first = 0]) => first));
}

test('while what waits fits one request it goes as one, whatever its lanes', async () => {
  const { delivery, backend } = await open(100);
  const answer = backend.hang();
  for (const given of batches(6)) await delivery.consume(given);
  await idle();
  assert.equal(backend.underWay, 1);
  answer(ACCEPTED);
  await idle();
  assert.deepEqual(contents(backend.sent), [[0], [1, 2, 3, 4, 5]]);
});

test('what does not fit a few requests is divided, and joined again in its lane', async () => {
  const { delivery, backend } = await open(30);
  const answer = backend.hang();
  for (const given of batches(16)) await delivery.consume(given);
  await idle();
  answer(ACCEPTED);
  await idle();
  assert.equal(backend.mostUnderWay, LANES);
  const byLane = contents(backend.sent).toSorted(([a = 0], [b = 0]) => a - b);
  const joined = [
    [1, 4, 7],
    [2, 5, 8],
    [3, 6, 9],
    [10, 13],
    [11, 14],
    [12, 15],
  ];
  assert.deepEqual(byLane, [[0], ...joined]);
});

test('a request that fails whole is divided, and only the lane that goes on failing waits', async () => {
  const { delivery, backend, clock } = await open(100);
  backend.answer = (given) =>
    contents([given])[0]!.some((id) => id % LANES === 1) ? DOWN : ACCEPTED;
  const lease = batches(1)[0]!;
  const mixed = withChunks(
    lease,
    [0, 1, 2].map((id) => new Uint8Array(10).fill(id)),
    3,
  );
  const settled = delivery.delivered.consume(mixed);
  await idle();
  assert.equal(backend.attempts, 1);
  await clock.advance(5000);
  assert.deepEqual(contents(backend.sent), [[0], [2]]);
  for (const given of batches(6)) await delivery.consume(given);
  await clock.advance(1000);
  const arrived = contents(backend.sent.slice(2)).flat();
  assert.deepEqual(new Set(arrived), new Set([0, 2, 3, 5]));
  backend.answer = () => ACCEPTED;
  await clock.advance(10_000);
  assert.equal(await settled, ACCEPTED);
  assert.deepEqual(
    contents(backend.sent)
      .flat()
      .filter((id) => id % LANES === 1),
    [1, 1, 4],
  );
});

test('tenants never share a request, and one that hangs leaves slots to the others', async () => {
  const { delivery, backend } = await open(100);
  const gate = Promise.withResolvers<typeof ACCEPTED>();
  backend.answer = ({ origin }) => (origin.tenant === 'slow' ? gate.promise : ACCEPTED);
  for (const given of batches(3, 'slow')) await delivery.consume(given);
  for (const given of batches(3, 'a')) await delivery.consume(given);
  await idle();
  assert.ok(backend.sent.every(({ origin }) => origin.tenant === 'a'));
  assert.equal(backend.items, 3);
  gate.resolve(ACCEPTED);
  await idle();
  assert.equal(backend.items, 6);
});

test('the age of a request counts from when it was ready, also while its lane was stuck', async () => {
  const { delivery, backend, clock, numbers } = await open(10);
  backend.answer = () => DOWN;
  const ofOneLane = batches(30).filter((_, index) => index % LANES === 1);
  for (const given of ofOneLane) await delivery.consume(given);
  await clock.advance(330_000);
  assert.equal(numbers.sum('exporter_dropped_items', { reason: 'retry_expired' }), 10);
  assert.equal(numbers.sum('exporter_held_items'), 0);
});

test('a stop sends what waits, and lets go of it at the deadline', async () => {
  const { delivery, backend } = await open(10);
  backend.hang();
  for (const given of batches(9)) await delivery.consume(given);
  await idle();
  const deadline = new AbortController();
  const stopped = delivery.stop(deadline.signal);
  await idle();
  deadline.abort();
  await stopped;
  assert.equal(backend.items, 0);
});
