import type { Batch, Signal } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context, Logger } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { decodePartialSuccess } from '../../../formats/otlp/reply/partial-success.ts';
import { decodeStatus } from '../../../formats/otlp/reply/status.ts';
import { InFlight } from '../../../net/client/in-flight.ts';
import { refusalOf } from '../../../net/client/refusal.ts';
import { ClientTls } from '../../../net/client-tls.ts';
import { type Codec, compress } from '../../../net/compress.ts';
import {
  GrpcClient,
  type GrpcReply,
  type GrpcRequest,
  metadataProblem,
} from '../../../net/grpc-client.ts';
import { GRPC, outcomeOfGrpc } from '../../../net/status.ts';
import { CODECS, type Config, parseEndpoint } from './settings.ts';

const PATHS: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** `grpc-encoding` of a codec, where the names differ. */
const ENCODINGS: Partial<Record<Codec, string>> = { snappy_framed: 'snappy' };

/** Calls the Export method of an OTLP/gRPC backend, one attempt per batch. */
export class OtlpGrpcExporter implements Exporter {
  readonly #client: GrpcClient;
  readonly #codec: Codec;
  readonly #tenantHeader: string | undefined;
  readonly #timeout: Pick<GrpcRequest, 'timeoutMs'>;
  readonly #log: Logger;
  readonly #inFlight = new InFlight();

  constructor(config: Config, context: Context) {
    this.#log = context.log;
    const { timeoutMs } = context;
    this.#timeout = timeoutMs === undefined ? {} : { timeoutMs };
    this.#codec = CODECS[config.compression] ?? 'none';
    this.#tenantHeader = config.tenant_header?.toLowerCase();
    this.#client = createClient(config, context.version);
  }

  send(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    if (!this.#inFlight.stopped) return this.#inFlight.run(() => this.#attempt(batch, signal));
    return Promise.resolve({ kind: 'retry', reason: 'stopping', message: 'the exporter stops' });
  }

  /** Lets requests under way finish until `deadline`; what is left then ends as `retry`. */
  async stop(deadline?: AbortSignal): Promise<void> {
    await this.#inFlight.stop(deadline);
    this.#client.close();
  }

  async #attempt(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const refusal = refusalOf(batch);
    if (refusal !== undefined) return refusal;
    const request = await this.#request(batch);
    if ('kind' in request) return request;
    const reply = await this.#client.call(request, signal);
    return 'kind' in reply ? reply : this.#read(batch, reply);
  }

  async #request(batch: Batch): Promise<GrpcRequest | Outcome> {
    const body = await compress(this.#codec, batch.chunks, batch.byteLength);
    const request: GrpcRequest = {
      path: PATHS[batch.signal],
      ...body,
      ...this.#timeout,
      ...(this.#codec === 'none' ? {} : { encoding: ENCODINGS[this.#codec] ?? this.#codec }),
    };
    if (this.#tenantHeader === undefined) return request;
    const { tenant } = batch.origin;
    const wrong = metadataProblem(this.#tenantHeader, tenant);
    if (wrong === undefined) return { ...request, metadata: { [this.#tenantHeader]: tenant } };
    const message = `cannot send tenant ${JSON.stringify(tenant)}: ${this.#tenantHeader} ${wrong}`;
    return { kind: 'rejected', reason: 'invalid_tenant', message };
  }

  #read(batch: Batch, reply: GrpcReply): Outcome {
    if (reply.code === GRPC.ok) return this.#success(batch, reply);
    const status =
      reply.details === undefined ? undefined : decodeStatus('protobuf', reply.details);
    return outcomeOfGrpc(reply.code, {
      message: reply.message === '' ? status?.message : reply.message,
      retryAfterMs: status?.retryAfterMs,
    });
  }

  #success(batch: Batch, reply: GrpcReply): Outcome {
    const { rejected, message } =
      reply.body === undefined
        ? { rejected: 0, message: 'cannot decode the reply of the backend: no message' }
        : decodePartialSuccess(batch.signal, 'protobuf', reply.body);
    if (rejected > 0) {
      return {
        kind: 'partial',
        rejected: Math.min(rejected, batch.items),
        reason: 'backend_rejected',
        message: `the backend rejected ${rejected} of ${batch.items} ${batch.signal}: ${message}`,
      };
    }
    if (message !== '') this.#log.warn('the backend accepted with a warning', { message });
    return outcomeOfGrpc(GRPC.ok);
  }
}

function createClient(config: Config, version: string): GrpcClient {
  const address = parseEndpoint(config.endpoint);
  if (address === undefined) throw new Error(`bug: unchecked endpoint ${config.endpoint}`);
  const { host, port, path, secure } = address;
  const { insecure } = config.tls;
  const encrypted = secure ?? (path === undefined && !insecure);
  const { keepalive } = config;
  return new GrpcClient({
    host,
    port,
    ...(path === undefined ? {} : { path }),
    ...(encrypted ? { tls: new ClientTls(config.tls) } : {}),
    ...(config.authority === undefined ? {} : { authority: config.authority }),
    userAgent: config.user_agent ?? `millrace/${version}`,
    metadata: config.headers,
    waitForReady: config.wait_for_ready,
    ...(keepalive === undefined || keepalive === null
      ? {}
      : {
          keepalive: {
            timeMs: keepalive.time,
            timeoutMs: keepalive.timeout,
            permitWithoutStream: keepalive.permit_without_stream,
          },
        }),
  });
}
