import { z } from 'zod';
import { duration, ignored, section } from '../../../contract/settings.ts';

const count = (least: number) => z.number().int().min(least);

/** Keys and defaults of the OpenTelemetry Collector's batch processor. */
export const settings = section(
  z
    .strictObject({
      send_batch_size: count(0)
        .default(8192)
        .describe('Items (spans, data points, log records) that make a batch go at once.'),
      timeout: duration()
        .default(200)
        .describe('Longest time an item waits for its batch to fill; 0 sends without waiting.'),
      send_batch_max_size: count(0)
        .default(0)
        .describe('Items a batch may hold at most; larger ones are split. 0 never splits.'),
      metadata_keys: z
        .array(z.string().min(1))
        .default([])
        .describe('Request headers whose values keep batches apart; the receiver must keep them.'),
      metadata_cardinality_limit: ignored(
        count(0),
        'batches with different metadata are bounded by the memory of the queue',
      ).describe('Combinations of metadata values at once.'),
    })
    .superRefine((raw, context) => {
      if (raw.send_batch_max_size > 0 && raw.send_batch_max_size < raw.send_batch_size) {
        context.addIssue({
          code: 'custom',
          path: ['send_batch_max_size'],
          message: `must be 0 or at least send_batch_size (${raw.send_batch_size})`,
        });
      }
      const keys = raw.metadata_keys.map((key) => key.toLowerCase());
      const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index);
      if (twice >= 0) {
        context.addIssue({
          code: 'custom',
          path: ['metadata_keys', twice],
          message: `${keys[twice]} is listed twice; case does not matter`,
        });
      }
    })
    .transform((raw) => ({
      sendBatchSize: raw.send_batch_size,
      timeoutMs: raw.timeout,
      sendBatchMaxSize: raw.send_batch_max_size,
      metadataKeys: raw.metadata_keys.map((key) => key.toLowerCase()),
    })),
);

export type Config = z.output<typeof settings>;
