import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { Account, batch, HandClock, idle, QUEUE } from '../../../test/flow/ends.ts';
import { MemoryQueue, type MemoryQueueOptions } from './memory-queue.ts';

function open(config: Partial<typeof QUEUE> = {}, more: Partial<MemoryQueueOptions> = {}) {
  const ledger = new Account();
  const clock = new HandClock();
  const seen = { entered: 0, refused: 0, blocked: 0 };
  const observer = {
    entered: () => void (seen.entered += 1),
    refused: () => void (seen.refused += 1),
    blocked: (change: number) => void (seen.blocked += change),
  };
  const queue = new MemoryQueue({
    config: { ...QUEUE, ...config },
    maxBytes: 1e9,
    largest: config.size ?? QUEUE.size,
    metadataKeys: [],
    ledger,
    clock,
    observer,
    ...more,
  });
  return { queue, ledger, clock, seen };
}

/** What a promise has come to by now. */
async function now<T>(promise: Promise<T>): Promise<T | 'pending'> {
  await idle();
  return Promise.race([promise, Promise.resolve('pending' as const)]);
}

async function take(queue: MemoryQueue) {
  const lease = await now(queue.take());
  assert.ok(lease !== undefined && lease !== 'pending');
  return lease;
}

test('the bound holds to the unit, in requests, items and bytes, and in flight still counts', async () => {
  const f = async (sizer: 'requests' | 'items' | 'bytes', size: number, last: Batch) => {
    const { queue } = open({ sizer, size });
    assert.equal(await queue.offer(batch({ items: 10, bytes: 100 })), ACCEPTED);
    assert.equal(await queue.offer(batch({ items: 10, bytes: 100 })), ACCEPTED);
    const lease = await take(queue);
    const refused = await queue.offer(last);
    assert.equal(refused.kind === 'retry' && refused.reason, 'queue_full');
    lease.settle(ACCEPTED);
    assert.equal(queue.refusal(last), undefined);
    assert.equal(await queue.offer(last), ACCEPTED);
  };
  await f('requests', 2, batch({}));
  await f('items', 21, batch({ items: 2 }));
  await f('bytes', 201, batch({ bytes: 2 }));
});

test('a refusal says when to come back, from the rate at which the queue drains', async () => {
  const { queue, clock } = open({ sizer: 'items', size: 1000 });
  const hint = () => {
    const refusal = queue.refusal(batch({ items: 1000 }));
    return refusal?.kind === 'retry' ? (refusal.afterMs ?? 0) : 0;
  };
  await queue.offer(batch({ items: 500 }));
  assert.ok(hint() >= 4000 && hint() <= 6000, 'nothing drained yet');
  await take(queue);
  for (let second = 0; second < 60; second++) {
    await queue.offer(batch({ items: 100 }));
    const lease = await take(queue);
    await clock.advance(1000);
    lease.settle(ACCEPTED);
  }
  const after = hint();
  assert.ok(after >= 4000 && after <= 6500, `500 items at about 100 a second: ${after}ms`);
});

test('a batch larger than the whole queue is refused for good', async () => {
  const { queue } = open({ sizer: 'items', size: 10 });
  const outcome = await queue.offer(batch({ items: 11 }));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'too_large');
});

test('a batch that only the queues of all shards together could hold passes alone', async () => {
  const { queue } = open({ sizer: 'items', size: 10 }, { largest: 20 });
  assert.equal(await queue.offer(batch({ items: 20 })), ACCEPTED);
  assert.equal((await queue.offer(batch({ items: 1 }))).kind, 'retry');
  (await take(queue)).settle(ACCEPTED);
  assert.equal(await queue.offer(batch({ items: 1 })), ACCEPTED);
  assert.equal((await queue.offer(batch({ items: 20 }))).kind, 'retry');
  const outcome = await queue.offer(batch({ items: 21 }));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'too_large');
});

test('its part of the memory bounds a queue too, and one larger batch passes alone', async () => {
  const { queue } = open({}, { maxBytes: 1000 });
  assert.equal(await queue.offer(batch({ bytes: 5000 })), ACCEPTED);
  assert.equal((await queue.offer(batch({ bytes: 1 }))).kind, 'retry');
  (await take(queue)).settle(ACCEPTED);
  assert.equal(await queue.offer(batch({ bytes: 999 })), ACCEPTED);
  assert.equal(await queue.offer(batch({ bytes: 1 })), ACCEPTED);
  assert.equal((await queue.offer(batch({ bytes: 1 }))).kind, 'retry');
});

test('the ledger is charged per tenant while a batch is held', async () => {
  const { queue, ledger } = open();
  await queue.offer(batch({ tenant: 'a', bytes: 10 }));
  await queue.offer(batch({ tenant: 'b', bytes: 20 }));
  assert.deepEqual([ledger.held.get('a'), ledger.held.get('b')], [10, 20]);
  for (const lease of [await take(queue), await take(queue)]) lease.settle(ACCEPTED);
  assert.equal(ledger.total, 0);
  assert.deepEqual([queue.size, queue.bytes, queue.items], [0, 0, 0]);
});

test('block_on_overflow: callers wait for room, tenants in turns, and are counted', async () => {
  const { queue, seen } = open({ size: 1, blockOnOverflow: true });
  await queue.offer(batch({ tenant: 'a' }));
  const order: string[] = [];
  const wait = async (tenant: string) => {
    assert.equal(await queue.offer(batch({ tenant, bytes: 60_000 })), ACCEPTED);
    order.push(tenant);
  };
  for (const tenant of ['a', 'a', 'a', 'b']) void wait(tenant);
  await idle();
  assert.deepEqual([order.length, seen.blocked], [0, 4]);
  for (let index = 0; index < 5; index++) {
    (await take(queue)).settle(ACCEPTED);
    await idle();
  }
  assert.ok(order.indexOf('b') < 3, order.join(' '));
  assert.deepEqual([order.length, seen.blocked, queue.size], [4, 0, 0]);
});

test('wait: the offer resolves with what became of the batch', async () => {
  const { queue } = open();
  const f = async (settled: Outcome, answer?: Outcome) => {
    const offered = queue.offer(batch({}), true);
    const lease = await take(queue);
    assert.equal(await now(offered), 'pending');
    lease.settle(settled, answer);
    assert.deepEqual(await offered, answer ?? settled);
  };
  await f(ACCEPTED);
  await f({ kind: 'partial', rejected: 1, reason: 'r', message: 'm' });
  await f(
    { kind: 'rejected', reason: 'r', message: 'm' },
    { kind: 'retry', reason: 'r', message: 'm' },
  );
});

test('settled with retry, a batch goes back to the head and keeps its room', async () => {
  const { queue } = open({ size: 2 });
  const [first, second] = [batch({}), batch({})];
  await queue.offer(first);
  await queue.offer(second);
  const lease = await take(queue);
  lease.settle({ kind: 'retry', reason: 'r', message: 'm' });
  assert.equal(queue.size, 2);
  assert.equal((await take(queue)).batch, first);
  assert.equal((await take(queue)).batch, second);
});

test('a lease settled twice is a bug', async () => {
  const { queue } = open();
  await queue.offer(batch({}));
  const lease = await take(queue);
  lease.settle(ACCEPTED);
  assert.throws(() => lease.settle(ACCEPTED), /bug: lease settled twice/);
});

test('the oldest batch is known, whatever order batches are settled in', async () => {
  const { queue } = open();
  for (const receivedAt of [10, 20, 30]) await queue.offer(batch({ receivedAt }));
  const leases = [await take(queue), await take(queue), await take(queue)];
  assert.equal(queue.oldestReceivedAt, 10);
  leases[1]?.settle(ACCEPTED);
  assert.equal(queue.oldestReceivedAt, 10);
  leases[0]?.settle(ACCEPTED);
  assert.equal(queue.oldestReceivedAt, 30);
  leases[2]?.settle(ACCEPTED);
  assert.equal(queue.oldestReceivedAt, 0);
});

test('a consumer that waits gets the next batch at once', async () => {
  const { queue } = open();
  const taken = queue.take();
  assert.equal(await now(taken), 'pending');
  const offered = batch({});
  await queue.offer(offered);
  assert.equal((await taken)?.batch, offered);
});

test('stop: no offers, what is held can still be taken, then nothing', async () => {
  const { queue, seen } = open({ size: 1, blockOnOverflow: true });
  await queue.offer(batch({}));
  const blocked = queue.offer(batch({}));
  const stopped = queue.stop(new AbortController().signal);
  for (const answer of [await blocked, await queue.offer(batch({}))]) {
    assert.equal(answer.kind === 'retry' && answer.reason, 'shutdown');
  }
  assert.deepEqual(seen, { entered: 1, refused: 2, blocked: 0 });
  const lease = await take(queue);
  assert.equal(await queue.take(), undefined);
  assert.equal(await now(stopped), 'pending');
  lease.settle(ACCEPTED);
  await stopped;
});

test('at the deadline what is held is let go, and who waits for it is told to come back', async () => {
  const { queue, ledger } = open();
  const deadline = new AbortController();
  const first = queue.offer(batch({}), true);
  const second = queue.offer(batch({}), true);
  const lease = await take(queue);
  const stopped = queue.stop(deadline.signal);
  deadline.abort();
  await stopped;
  assert.equal((await second).kind, 'retry');
  lease.settle({ kind: 'retry', reason: 'shutdown', message: 'm' });
  assert.equal((await first).kind, 'retry');
  assert.equal(await queue.take(), undefined);
  assert.deepEqual([queue.size, ledger.total], [0, 0]);
});

test('TEN-8: a tenant that holds its share is refused alone, and one batch is always allowed', async () => {
  const f = async (sizer: 'requests' | 'items' | 'bytes', size: number, maxBytes: number) => {
    const { queue } = open({ sizer, size }, { tenantShare: 0.5, maxBytes });
    const of = (tenant: string) => batch({ tenant, items: 10, bytes: 100 });
    for (let times = 0; times < 2; times++) assert.equal(await queue.offer(of('a')), ACCEPTED);
    const refused = await queue.offer(of('a'));
    assert.equal(refused.kind === 'retry' && refused.reason, 'tenant_queue_full');
    assert.equal(refused.kind === 'retry' && refused.scope, 'tenant_room');
    assert.ok(refused.kind === 'retry' && (refused.afterMs ?? 0) > 0);
    assert.equal(await queue.offer(of('b')), ACCEPTED);
    (await take(queue)).settle(ACCEPTED);
    assert.equal(await queue.offer(of('a')), ACCEPTED);
  };
  await f('requests', 4, 1e9);
  await f('items', 40, 1e9);
  await f('bytes', 400, 1e9);
  await f('requests', 1000, 400);
  const { queue } = open({ size: 1 }, { tenantShare: 0.5 });
  assert.equal(await queue.offer(batch({ tenant: 'a' })), ACCEPTED);
});

test('a queue is as full as the bound that is nearest: its size, its bytes, or the share of one tenant', async () => {
  const fullness = async (tenants: readonly string[], more: Partial<MemoryQueueOptions>) => {
    const { queue } = open({ sizer: 'requests', size: 10 }, more);
    for (const tenant of tenants) await queue.offer(batch({ tenant, bytes: 100 }));
    return queue.fullness;
  };
  assert.equal(await fullness([], {}), 0);
  assert.equal(await fullness(['a', 'b'], {}), 0.2);
  assert.equal(await fullness(['a', 'b'], { maxBytes: 400 }), 0.5);
  assert.equal(await fullness(['a', 'b'], { tenantShare: 0.5 }), 0.2 / 0.75);
  assert.equal(await fullness(['a', 'a'], { tenantShare: 0.5 }), 0.4);
  assert.equal(await fullness(['a'], { maxBytes: 50, tenantShare: 0.5 }), 1);
});

test('several tenants that send much leave room for one more, and for those with little', async () => {
  const { queue } = open({ sizer: 'requests', size: 100 }, { tenantShare: 0.5 });
  const held = { a: 0, b: 0, c: 0 };
  const offer = async (tenant: 'a' | 'b' | 'c') => {
    const outcome = await queue.offer(batch({ tenant }));
    if (outcome.kind === 'accepted') held[tenant] += 1;
    return outcome;
  };
  for (let times = 0; times < 100; times++)
    for (const tenant of ['a', 'b'] as const) await offer(tenant);
  assert.ok(held.a <= 38 && held.b <= 38, JSON.stringify(held));
  assert.ok(held.a >= 33 && held.b >= 33, JSON.stringify(held));
  for (let times = 0; times < 20; times++) assert.equal(await offer('c'), ACCEPTED);
  const refused = await offer('a');
  assert.equal(refused.kind === 'retry' && refused.reason, 'tenant_queue_full');
});
