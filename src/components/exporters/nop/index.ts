import type { ExporterDefinition } from '../../../contract/component.ts';
import { ACCEPTED } from '../../../contract/outcome.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'nop',
  summary: 'Accepts everything and forgets it: for trying pipelines and measuring receivers.',
  stability: 'stable',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  forms: ['otlp', 'prometheus'],
  delivery: 'none',
  create: () => ({ send: () => Promise.resolve(ACCEPTED) }),
} satisfies ExporterDefinition<Config>;
