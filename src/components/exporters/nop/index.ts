import { z } from 'zod';
import { ACCEPTED } from '../../../contract/outcome.ts';
import type { ExporterDefinition } from '../../../contract/component.ts';
import { section } from '../../../contract/settings.ts';

/** Nothing can be set. */
export const settings = section(z.strictObject({}));

export type Config = z.output<typeof settings>;

export default {
  type: 'nop',
  summary: 'Accepts everything and forgets it: for trying pipelines and measuring receivers.',
  stability: 'stable',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  delivery: 'none',
  create: () => ({ send: () => Promise.resolve(ACCEPTED) }),
} satisfies ExporterDefinition<Config>;
