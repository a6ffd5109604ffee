import { z } from 'zod';
import type { DeliveryDefaults } from '../../contract/component.ts';
import { duration, retired, section } from '../../contract/settings.ts';
import type { DeliveryConfig, QueueBatchConfig, QueueConfig, RetryConfig } from './config.ts';

/** Keys of an exporter's section that belong to the shared delivery, and not to the component. */
export const DELIVERY_KEYS: readonly string[] = [
  'timeout',
  'retry_on_failure',
  'sending_queue',
  'batcher',
];

const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_CONSUMERS = 10;
const DEFAULT_RETRY = { initialIntervalMs: 5000, maxIntervalMs: 30_000, maxElapsedTimeMs: 300_000 };

/** Schema of the shared keys of every exporter, with the defaults of one of them. */
export function deliverySchema(defaults: DeliveryDefaults): z.ZodType<DeliveryConfig> {
  return z
    .strictObject({
      timeout: duration()
        .prefault(written(defaults.timeoutMs ?? DEFAULT_TIMEOUT_MS))
        .describe('How long one attempt may take; 0 means without limit.'),
      retry_on_failure: section(retrySchema(defaults.retry ?? DEFAULT_RETRY))
        .prefault({})
        .describe('Repeats of attempts that failed and may succeed later.'),
      sending_queue: section(queueSchema(defaults.numConsumers ?? DEFAULT_CONSUMERS))
        .prefault({})
        .describe('Where requests wait for their delivery.'),
      batcher: retired('batching moved into the queue; write it as sending_queue.batch'),
    })
    .transform(({ timeout, retry_on_failure, sending_queue }) => ({
      timeoutMs: timeout,
      retry: retry_on_failure,
      queue: sending_queue,
    }));
}

/** A duration as users write it. */
function written(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}

function retrySchema(defaults: NonNullable<DeliveryDefaults['retry']>) {
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether to try again at all.'),
      initial_interval: duration()
        .prefault(written(defaults.initialIntervalMs))
        .describe('Wait before the first repeat.'),
      randomization_factor: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe('How much of each wait is random, so that clients do not return in step.'),
      multiplier: z
        .number()
        .min(0)
        .default(1.5)
        .describe('Growth of the wait from one repeat to the next.'),
      max_interval: duration().prefault(written(defaults.maxIntervalMs)).describe('Longest wait.'),
      max_elapsed_time: duration()
        .prefault(written(defaults.maxElapsedTimeMs))
        .describe('Age at which a request is given up and counted as lost; 0 means never.'),
    })
    .superRefine((retry, context) => {
      const { max_elapsed_time: elapsed } = retry;
      if (!retry.enabled || elapsed === 0) return;
      for (const key of ['initial_interval', 'max_interval'] as const) {
        if (elapsed >= retry[key]) continue;
        const message = `${elapsed / 1000}s is less than ${key} (${retry[key] / 1000}s); no request would be tried again`;
        context.addIssue({ code: 'custom', path: ['max_elapsed_time'], message });
      }
    })
    .transform(
      (retry): RetryConfig => ({
        enabled: retry.enabled,
        initialIntervalMs: retry.initial_interval,
        randomizationFactor: retry.randomization_factor,
        multiplier: retry.multiplier,
        maxIntervalMs: retry.max_interval,
        maxElapsedTimeMs: retry.max_elapsed_time,
      }),
    );
}

const RETIRED_SIZES = 'write it as sending_queue.batch.min_size and max_size, with sizer: items';

function batchSchema() {
  return z.strictObject({
    flush_timeout: duration({ positive: true })
      .prefault('200ms')
      .describe('Longest time that a batch waits for more.'),
    min_size: z
      .int()
      .min(0)
      .default(8192)
      .describe('Size from which a batch is sent, in units of `sizer`.'),
    max_size: z
      .int()
      .min(0)
      .default(0)
      .describe('Size above which a batch is split; 0 means never.'),
    sizer: z
      .enum(['items', 'bytes'])
      .optional()
      .describe('What sizes count; that of the queue when it is set there, otherwise items.'),
    partition: section(
      z.strictObject({
        metadata_keys: z
          .array(z.string().min(1))
          .default([])
          .describe('Request headers by whose values batches are kept apart.'),
      }),
    )
      .prefault({})
      .describe('What keeps requests out of the same batch, besides their tenant.'),
    min_size_items: retired(RETIRED_SIZES),
    max_size_items: retired(RETIRED_SIZES),
  });
}

function queueSchema(numConsumers: number) {
  return z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Without a queue the client waits for the delivery itself.'),
      num_consumers: z
        .int()
        .min(1)
        .default(numConsumers)
        .describe('Requests under way at once; shards share it, one each at least.'),
      queue_size: z
        .int()
        .min(1)
        .default(1000)
        .describe('Room in the queue, in units of `sizer`; shards share it.'),
      sizer: z
        .enum(['requests', 'items', 'bytes'])
        .optional()
        .describe('What `queue_size` counts; requests when not set.'),
      block_on_overflow: z
        .boolean()
        .default(false)
        .describe('Whether to wait for room when the queue is full instead of refusing.'),
      wait_for_result: z
        .boolean()
        .default(false)
        .describe(
          'Whether the client hears the result of the delivery instead of that of the queue.',
        ),
      batch: section(batchSchema())
        .optional()
        .describe('Joins requests on their way out; off when absent.'),
      storage: retired(
        'disk queues are not part of this build yet; remove it to keep the queue in memory',
      ),
      blocking: retired('it is called block_on_overflow now'),
      min_size_items: retired(RETIRED_SIZES),
      max_size_items: retired(RETIRED_SIZES),
    })
    .superRefine((queue, context) => {
      if (!queue.enabled || queue.batch === undefined) return;
      for (const issue of batchIssues(queue.batch, queue)) {
        context.addIssue({
          code: 'custom',
          path: ['batch', ...issue.path],
          message: issue.message,
        });
      }
    })
    .transform(queueConfig);
}

type QueueInput = {
  readonly enabled: boolean;
  readonly num_consumers: number;
  readonly queue_size: number;
  readonly sizer?: QueueConfig['sizer'] | undefined;
  readonly block_on_overflow: boolean;
  readonly wait_for_result: boolean;
  readonly batch?: BatchInput | undefined;
};
type BatchInput = z.output<ReturnType<typeof batchSchema>>;

/** `requests` cannot measure a batch, so only the two others are inherited. */
function batchSizer(batch: BatchInput, queue: Pick<QueueInput, 'sizer'>): 'items' | 'bytes' {
  return batch.sizer ?? (queue.sizer === 'bytes' ? 'bytes' : 'items');
}

function* batchIssues(batch: BatchInput, queue: QueueInput) {
  const { min_size: min, max_size: max } = batch;
  if (max > 0 && max < min) {
    yield {
      path: ['max_size'],
      message: `${max} is less than min_size (${min}); raise it, or write 0 for no limit`,
    };
  }
  const { sizer = 'requests', queue_size: size } = queue;
  if (batchSizer(batch, queue) === sizer && min > size) {
    yield {
      path: ['min_size'],
      message: `${min} ${sizer} never fit into queue_size (${size}); raise queue_size or lower min_size`,
    };
  }
  const keys = batch.partition.metadata_keys.map((key) => key.toLowerCase());
  for (const [index, key] of keys.entries()) {
    if (keys.indexOf(key) === index) continue;
    yield {
      path: ['partition', 'metadata_keys', index],
      message: `"${batch.partition.metadata_keys[index]}" is listed twice; case does not matter`,
    };
  }
}

function queueConfig(queue: QueueInput): QueueConfig {
  const batch: QueueBatchConfig | undefined = queue.batch && {
    flushTimeoutMs: queue.batch.flush_timeout,
    minSize: queue.batch.min_size,
    maxSize: queue.batch.max_size,
    sizer: batchSizer(queue.batch, queue),
    metadataKeys: queue.batch.partition.metadata_keys.map((key) => key.toLowerCase()),
  };
  return {
    enabled: queue.enabled,
    numConsumers: queue.num_consumers,
    size: queue.queue_size,
    sizer: queue.sizer ?? 'requests',
    blockOnOverflow: queue.block_on_overflow,
    waitForResult: queue.wait_for_result,
    batch,
  };
}
