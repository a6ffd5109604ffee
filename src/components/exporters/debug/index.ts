import type { ExporterDefinition } from '../../../contract/component.ts';
import { DebugExporter } from './exporter.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'debug',
  replaces: ['logging'],
  summary: 'Writes telemetry as text for people, to standard output or to files.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  notes: ({ verbosity }) =>
    verbosity === 'detailed' ? ['detailed output costs far more than forwarding the data'] : [],
  delivery: 'none',
  create: (config, context) => new DebugExporter(config, context),
} satisfies ExporterDefinition<Config>;
