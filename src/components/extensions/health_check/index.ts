import type { ExtensionDefinition } from '../../../contract/component.ts';
import { HealthCheck } from './health-check.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'health_check',
  summary: 'Answers health, readiness and liveness probes by whether data is delivered.',
  stability: 'beta',
  schema: settings,
  notes: ({ followDelivery, path }) =>
    followDelivery
      ? [`${path} answers 503 while an exporter cannot deliver; point liveness probes at /live`]
      : [],
  create: (config, context) => new HealthCheck(config, context),
} satisfies ExtensionDefinition<Config>;
