import type { TransformDefinition } from '../../../contract/component.ts';
import { type Config, settings } from './settings.ts';
import { createTransform } from './transform.ts';

export default {
  type: 'attributes',
  summary: 'Sets, deletes, hashes and converts attributes of spans, log records and data points.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  transform: (config) => createTransform(config),
} satisfies TransformDefinition<Config>;
