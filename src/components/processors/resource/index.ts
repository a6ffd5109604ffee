import type { TransformDefinition } from '../../../contract/component.ts';
import { type Config, settings } from './settings.ts';
import { createTransform } from './transform.ts';

export default {
  type: 'resource',
  summary: 'Sets, deletes, hashes and converts attributes of resources.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  reach: () => 'resources',
  transform: (config) => createTransform(config),
} satisfies TransformDefinition<Config>;
