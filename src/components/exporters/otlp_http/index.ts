import type { ExporterDefinition } from '../../../contract/component.ts';
import { OtlpHttpExporter } from './exporter.ts';
import { type Config, schema } from './settings.ts';

export default {
  type: 'otlp_http',
  aliases: ['otlphttp'],
  summary: 'Sends OTLP over HTTP, in protobuf or JSON.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  schema,
  delivery: { timeoutMs: 30_000 },
  create: (config, context) => new OtlpHttpExporter(config, context),
} satisfies ExporterDefinition<Config>;
