import type { ExporterDefinition } from '../../../contract/component.ts';
import { formOf, KafkaExporter } from './exporter.ts';
import { type Config, schema } from './settings.ts';

export default {
  type: 'kafka',
  summary: 'Writes records to Apache Kafka: OTLP in protobuf or JSON, or Prometheus remote-write.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  formsOf: ({ metrics }) => [formOf(metrics.encoding)],
  key: ({ partition_metrics_by_series: bySeries }) => (bySeries ? 'series' : undefined),
  schema,
  notes: notesOn,
  delivery: { timeoutMs: 5000 },
  create: (config, context) => new KafkaExporter(config, context),
} satisfies ExporterDefinition<Config>;

function notesOn(config: Config, consumers?: number): readonly string[] {
  const { traces, metrics, logs, include_metadata_keys: names } = config;
  const used = [traces, metrics, logs].flatMap((each) => [
    each.topic_from_metadata_key,
    each.message_key_from_metadata_key,
  ]);
  const notes: string[] = [];
  if (names.length > 0 || used.some((name) => name !== undefined)) {
    notes.push(
      'with batching, list the metadata keys in sending_queue.batch.partition.metadata_keys too',
    );
  }
  if (config.partition_metrics_by_series && consumers !== 1) {
    notes.push('set sending_queue.num_consumers: 1 where samples of a series must stay in order');
  }
  return notes;
}
