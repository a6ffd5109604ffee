import type { ExporterDefinition } from '../../../contract/component.ts';
import { FileExporter } from './exporter.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'file',
  summary: 'Writes requests to files, as OTLP JSON lines or protobuf, with rotation.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  notes: ({ path, append }) =>
    append ? [] : [`${path} is emptied when the program starts; set append: true to keep it`],
  delivery: {},
  create: (config, context) => new FileExporter(config, context),
} satisfies ExporterDefinition<Config>;
