import type { TransformDefinition } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { type Config, notesOn, settings } from './settings.ts';
import { createTransform } from './transform.ts';

export default {
  type: 'probabilistic_sampler',
  summary: 'Keeps a share of the traces and log records, and whatever its rules name.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'logs'],
  dropReason: 'sampled',
  notes: notesOn,
  reach: ({ keep }) =>
    keep.some(({ resource_attributes: asked }) => asked !== undefined) ? undefined : 'items',
  transform: (config, context: Pick<Context, 'meter'>) => createTransform(config, context),
} satisfies TransformDefinition<Config>;
