import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { BATCH, batch, HandClock, splitBytes } from '../../../test/flow/ends.ts';
import { Batcher } from './batcher.ts';
import { type Shipment, settleShipment } from './shipment.ts';

function setup(config: Partial<typeof BATCH> = {}) {
  const clock = new HandClock();
  const shipped: Shipment[] = [];
  const batcher = new Batcher({
    config: { ...BATCH, ...config },
    split: splitBytes,
    clock,
    ship: (shipment) => void shipped.push(shipment),
  });
  const settled: (Outcome | undefined)[] = [];
  const add = (given: Batch) => {
    const index = settled.push(undefined) - 1;
    batcher.add({
      batch: given,
      settle: (outcome) => {
        assert.equal(settled[index], undefined, 'settled once');
        settled[index] = outcome;
      },
    });
  };
  const sizes = () => shipped.map((shipment) => shipment.batch.items);
  return { batcher, clock, shipped, settled, add, sizes };
}

test('batches are joined by listing their chunks until the least size is reached', () => {
  const { add, shipped, batcher } = setup();
  const batches = [40, 40, 40].map((items) => batch({ items }));
  for (const each of batches) add(each);
  assert.equal(shipped.length, 1);
  assert.deepEqual(
    shipped[0]?.batch.chunks,
    batches.flatMap((each) => each.chunks),
  );
  assert.deepEqual([shipped[0]?.batch.items, shipped[0]?.batch.byteLength], [120, 120]);
  assert.equal(batcher.open, 0);
});

test('what is too little goes out when its first part has waited for flush_timeout', async () => {
  const { add, clock, sizes, batcher } = setup();
  add(batch({ items: 1 }));
  await clock.advance(150);
  add(batch({ items: 2 }));
  await clock.advance(49);
  assert.deepEqual(sizes(), []);
  await clock.advance(1);
  assert.deepEqual(sizes(), [3]);
  assert.deepEqual([batcher.open, clock.timers], [0, 0]);
});

test('a flush timeout of 0 sends at once', () => {
  const { add, sizes } = setup({ flushTimeoutMs: 0 });
  add(batch({ items: 1 }));
  add(batch({ items: 2 }));
  assert.deepEqual(sizes(), [1, 2]);
});

test('max_size: whole batches first, and only what is too large by itself is cut', () => {
  const { add, sizes, batcher } = setup({ maxSize: 100 });
  for (const items of [60, 60, 250]) add(batch({ items }));
  batcher.flush();
  assert.deepEqual(sizes(), [60, 60, 100, 100, 50]);
});

test('sizes may be counted in bytes', () => {
  const { add, sizes } = setup({ sizer: 'bytes', minSize: 1000, maxSize: 1000 });
  for (let index = 0; index < 6; index++) add(batch({ items: 1, bytes: 300 }));
  assert.deepEqual(sizes(), [3]);
});

test('TEN-8: two tenants never share a batch', () => {
  const { add, shipped, batcher } = setup();
  for (let index = 0; index < 500; index++) add(batch({ items: 1, tenant: `t${index % 7}` }));
  batcher.flush();
  for (const { batch: sent, parts } of shipped) {
    for (const part of parts)
      assert.equal(part.claim.lease.batch.origin.tenant, sent.origin.tenant);
  }
  assert.equal(
    shipped.reduce((sum, shipment) => sum + shipment.batch.items, 0),
    500,
  );
});

test('names of tenants cannot be made to collide', () => {
  const { add, shipped, batcher } = setup({ metadataKeys: ['k'] });
  add(batch({ tenant: 'a 1' }));
  add(batch({ tenant: 'a', metadata: { k: ['1'] } }));
  add(batch({ tenant: 'a', metadata: { k: ['["1"]'] } }));
  add(batch({ tenant: 'a', metadata: { k: [''] } }));
  add(batch({ tenant: 'a' }));
  batcher.flush();
  assert.equal(shipped.length, 5);
});

test('signals, forms and metadata partitions stay apart; an empty value is not an absent one', () => {
  const { add, shipped, batcher } = setup({ metadataKeys: ['x-team'] });
  add(batch({ metadata: { 'x-team': ['a'], other: ['1'] } }));
  add(batch({ metadata: { 'x-team': ['a'], other: ['2'] } }));
  add(batch({ metadata: { 'x-team': ['b'] } }));
  add(batch({ metadata: { 'x-team': [] } }));
  add(batch({}));
  add({ ...batch({}), form: 'prometheus' });
  batcher.flush();
  assert.deepEqual(
    shipped.map((shipment) => shipment.parts.length),
    [2, 1, 1, 1, 1],
  );
  assert.deepEqual(shipped[0]?.batch.origin.metadata, { 'x-team': ['a'] });
});

test('the number of open partitions is bounded', () => {
  const { add, batcher, shipped } = setup();
  for (let index = 0; index < 5000; index++) add(batch({ tenant: `t${index}` }));
  assert.equal(batcher.open, 1000);
  assert.equal(shipped.length, 4000);
});

test('a lease is settled when all its parts are', () => {
  const { add, shipped, settled, batcher } = setup({ maxSize: 100 });
  add(batch({ items: 250 }));
  batcher.flush();
  settleShipment(shipped[0]!, ACCEPTED, false);
  settleShipment(shipped[2]!, ACCEPTED, false);
  assert.deepEqual(settled, [undefined]);
  settleShipment(shipped[1]!, { kind: 'rejected', reason: 'r', message: 'm' }, false);
  assert.deepEqual(settled, [{ kind: 'partial', rejected: 100, reason: 'r', message: 'm' }]);
});

test('what a backend refused of a joined batch is shared out to the item', () => {
  const { add, shipped, settled, batcher } = setup({ minSize: 1000 });
  for (const items of [1, 10, 33, 7]) add(batch({ items }));
  batcher.flush();
  settleShipment(shipped[0]!, { kind: 'partial', rejected: 17, reason: 'r', message: 'm' }, false);
  const lost = settled.map((outcome) => (outcome?.kind === 'partial' ? outcome.rejected : 0));
  assert.equal(
    lost.reduce((sum, share) => sum + share, 0),
    17,
  );
});

test('a part that was given up makes its client send again; an unsent one stays in the queue', () => {
  const retry: Outcome = { kind: 'retry', reason: 'retry_expired', message: 'm' };
  const f = (unsent: boolean) => {
    const { add, shipped, settled, batcher } = setup({ maxSize: 100 });
    add(batch({ items: 150 }));
    batcher.flush();
    settleShipment(shipped[0]!, ACCEPTED, false);
    settleShipment(shipped[1]!, retry, unsent);
    return settled[0]?.kind;
  };
  assert.deepEqual([f(false), f(true)], ['rejected', 'retry']);
});
