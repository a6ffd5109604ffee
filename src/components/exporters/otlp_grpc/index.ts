import type { ExporterDefinition } from '../../../contract/component.ts';
import { OtlpGrpcExporter } from './exporter.ts';
import { type Config, schema } from './settings.ts';

export default {
  type: 'otlp_grpc',
  aliases: ['otlp'],
  summary: 'Sends OTLP over gRPC.',
  stability: 'beta',
  signals: ['traces', 'metrics', 'logs'],
  schema,
  delivery: {},
  create: (config, context) => new OtlpGrpcExporter(config, context),
} satisfies ExporterDefinition<Config>;
