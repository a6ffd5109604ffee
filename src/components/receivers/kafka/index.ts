import type { ReceiverDefinition } from '../../../contract/component.ts';
import { KafkaReceiver } from './receiver.ts';
import { type Config, formsOf, settings } from './settings.ts';

export default {
  type: 'kafka',
  summary: 'Reads OTLP and remote-write from Kafka, as a member of a consumer group.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  forms: ['otlp', 'prometheus'],
  formsOf: ({ sources }) => formsOf(sources),
  create: (config, intake, context) => new KafkaReceiver(config, intake, context),
} satisfies ReceiverDefinition<Config>;
