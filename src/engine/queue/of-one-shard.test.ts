import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH, QUEUE } from '../../../test/flow/ends.ts';
import { describeQueueOfOneShard, queueOfOneShard } from './of-one-shard.ts';

const WHOLE = { ...QUEUE, size: 1000, numConsumers: 10 };
const ITEMS = { ...BATCH, minSize: 8192, maxSize: 10_000, sizer: 'items' } as const;

test('a single shard takes the settings as they are written', () => {
  const queue = { ...WHOLE, batch: ITEMS };
  assert.deepEqual(queueOfOneShard(queue, 1), queue);
});

test('room, requests under way and the size of a batch are shared by all shards', () => {
  const { size, numConsumers, batch } = queueOfOneShard({ ...WHOLE, batch: ITEMS }, 4);
  assert.deepEqual([size, numConsumers, batch?.minSize], [250, 3, 2048]);
});

test('the limit of a request and the flush timeout hold for every shard as they are', () => {
  const { batch } = queueOfOneShard({ ...WHOLE, batch: ITEMS }, 4);
  assert.deepEqual(batch, { ...ITEMS, minSize: 2048 });
});

test('however many the shards, each can send, hold a request, and makes batches worth a request', () => {
  const { size, numConsumers, batch } = queueOfOneShard(
    { ...WHOLE, size: 10, numConsumers: 1, batch: ITEMS },
    64,
  );
  assert.deepEqual([size, numConsumers, batch?.minSize], [1, 1, 1024]);
  const bytes = { ...ITEMS, sizer: 'bytes', minSize: 2 ** 23 } as const;
  assert.equal(queueOfOneShard({ ...WHOLE, batch: bytes }, 64).batch?.minSize, 2 ** 19);
});

test('a batch that is small already is not made larger', () => {
  const small = { ...ITEMS, minSize: 100 };
  assert.equal(queueOfOneShard({ ...WHOLE, batch: small }, 64).batch?.minSize, 100);
  const none = { ...ITEMS, minSize: 0 };
  assert.equal(queueOfOneShard({ ...WHOLE, batch: none }, 2).batch?.minSize, 0);
});

test('people read what a shard makes of what they wrote', () => {
  assert.equal(
    describeQueueOfOneShard({ ...WHOLE, sizer: 'requests', batch: ITEMS }, 4),
    'queues 250 requests and sends 3 at once, batches from 2048 items (of queue_size 1000, num_consumers 10, min_size 8192)',
  );
  assert.equal(
    describeQueueOfOneShard({ ...WHOLE, sizer: 'requests', batch: undefined }, 2),
    'queues 500 requests and sends 5 at once (of queue_size 1000, num_consumers 10)',
  );
});
