import type { Listen, ReceiverDefinition } from '../../../contract/component.ts';
import { OtlpReceiver } from './receiver.ts';
import { type Config, settings } from './settings.ts';

export default {
  type: 'otlp',
  summary: 'Receives OTLP over gRPC and over HTTP, as protobuf or JSON.',
  stability: 'beta',
  schema: settings,
  signals: ['traces', 'metrics', 'logs'],
  create: (config, intake, context) => new OtlpReceiver(config, intake, context),
  listens: ({ grpc, http }) =>
    [grpc, http]
      .filter((protocol) => protocol !== undefined)
      .map(({ address, transport }): Listen => ({ address, transport })),
} satisfies ReceiverDefinition<Config>;
