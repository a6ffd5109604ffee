import { totalmem } from 'node:os';
import type { LimitsDefinition } from '../../../contract/component.ts';
import { type Config, limitsOf, settings } from './settings.ts';

/** Bytes the process may use: the limit of its cgroup (either version) or the whole machine. */
function availableBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

export default {
  type: 'memory_limiter',
  summary: 'Refuses new work, with a hint when to retry, while the process uses too much memory.',
  stability: 'stable',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  notes: () => ['memory limits are enforced at admission, before a request is read'],
  limits: (config) => limitsOf(config, availableBytes()),
} satisfies LimitsDefinition<Config>;
