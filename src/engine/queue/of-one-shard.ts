/**
 * The sizes in a configuration are the gateway's, whatever the number of its shards: every shard
 * has a queue of its own and takes its part of them. A batch then fills as fast on several shards
 * as on one, a backend sees as many requests at once, and a queue holds as much.
 */
import type { QueueBatchConfig, QueueConfig } from '../config/config.ts';

/** Less is not worth a request of its own, however many shards fill batches. */
const WORTH_A_REQUEST = { items: 1024, bytes: 512 * 1024 } as const;

/** What one of `shards` makes of the settings of a queue. */
export function queueOfOneShard(queue: QueueConfig, shards: number): QueueConfig {
  const { numConsumers, size, batch } = queue;
  return {
    ...queue,
    numConsumers: Math.ceil(numConsumers / shards),
    size: Math.ceil(size / shards),
    batch: batch && { ...batch, minSize: minSizeOf(batch, shards) },
  };
}

/** Never more than was written. */
function minSizeOf({ minSize, sizer }: QueueBatchConfig, shards: number): number {
  const least = Math.min(minSize, WORTH_A_REQUEST[sizer]);
  return Math.max(Math.ceil(minSize / shards), least);
}

/** For people: what one of `shards` makes of the settings of a queue. */
export function describeQueueOfOneShard(queue: QueueConfig, shards: number): string {
  const { numConsumers, size, sizer, batch } = queueOfOneShard(queue, shards);
  const whole = `queue_size ${queue.size}, num_consumers ${queue.numConsumers}`;
  const part = `queues ${size} ${sizer} and sends ${numConsumers} at once`;
  if (queue.batch === undefined || batch === undefined) return `${part} (of ${whole})`;
  const batches = `batches from ${batch.minSize} ${batch.sizer}`;
  return `${part}, ${batches} (of ${whole}, min_size ${queue.batch.minSize})`;
}
