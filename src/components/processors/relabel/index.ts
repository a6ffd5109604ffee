import type { TransformDefinition } from '../../../contract/component.ts';
import { type Config, settings } from './settings.ts';
import { createTransform } from './transform.ts';

export default {
  type: 'relabel',
  summary: 'Changes and drops series, and spans and log records, with the rules of Prometheus.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  forms: ['otlp', 'prometheus'],
  dropReason: 'relabel',
  transform: createTransform,
} satisfies TransformDefinition<Config>;
