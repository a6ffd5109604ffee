import type { BatchingDefinition } from '../../../contract/component.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'batch',
  summary:
    'Settings of the OpenTelemetry Collector for batching; the exporters’ queues do the work.',
  stability: 'stable',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  notes: (config) => [
    'batching happens in the sending queues of the exporters, behind the answer to the client, ' +
      'so nothing that was acknowledged is dropped by it; the same can be written as ' +
      `sending_queue.batch {${sameAs(config).join(', ')}}`,
  ],
  batching: (config) => ({
    flushTimeoutMs: config.timeoutMs,
    minSize: config.sendBatchSize,
    maxSize: config.sendBatchMaxSize,
    sizer: 'items',
    metadataKeys: config.metadataKeys,
  }),
} satisfies BatchingDefinition<Config>;

/** The settings as keys of `sending_queue.batch`. */
function sameAs({ timeoutMs, sendBatchSize, sendBatchMaxSize, metadataKeys }: Config): string[] {
  const same = [`flush_timeout: ${timeoutMs}ms`, `min_size: ${sendBatchSize}`];
  if (sendBatchMaxSize > 0) same.push(`max_size: ${sendBatchMaxSize}`);
  if (metadataKeys.length > 0) {
    same.push(`partition: {metadata_keys: [${metadataKeys.join(', ')}]}`);
  }
  return same;
}
