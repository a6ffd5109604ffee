import type { ReceiverDefinition } from '../../../contract/component.ts';
import { RemoteWriteReceiver } from './receiver.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'prometheus_remote_write',
  aliases: ['prometheusremotewrite'],
  summary: 'Receives Prometheus remote-write 1.0 and 2.0, and keeps it as it is.',
  stability: 'beta',
  schema: settings,
  signals: ['metrics'],
  forms: ['prometheus'],
  create: (config, intake, context) => new RemoteWriteReceiver(config, intake, context),
  listens: ({ address, transport }) => [{ address, transport }],
} satisfies ReceiverDefinition<Config>;
