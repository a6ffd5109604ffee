import type { ExporterDefinition } from '../../../contract/component.ts';
import { RemoteWriteExporter } from './exporter.ts';
import { type Config, schema } from './settings.ts';
import { translationNotes, translationOf } from './translation.ts';

export default {
  type: 'prometheus_remote_write',
  aliases: ['prometheusremotewrite'],
  summary: 'Sends Prometheus remote-write 1.0 or 2.0.',
  stability: 'beta',
  signals: ['metrics'],
  forms: ['prometheus'],
  key: () => 'series',
  translation: translationOf,
  schema,
  notes: translationNotes,
  delivery: {
    numConsumers: 5,
    retry: { initialIntervalMs: 50, maxIntervalMs: 200, maxElapsedTimeMs: 300_000 },
  },
  create: (config, context) => new RemoteWriteExporter(config, context),
} satisfies ExporterDefinition<Config>;
