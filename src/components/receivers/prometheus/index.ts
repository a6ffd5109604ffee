import type { ReceiverDefinition } from '../../../contract/component.ts';
import { PrometheusReceiver } from './receiver.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'prometheus',
  summary: 'Scrapes Prometheus targets, with the scrape_configs of Prometheus.',
  stability: 'beta',
  schema: settings,
  signals: ['metrics'],
  forms: ['prometheus'],
  create: (config, intake, context) => new PrometheusReceiver(config, intake, context),
} satisfies ReceiverDefinition<Config>;
