import type { Batch, Signal } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context, Logger } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import {
  decodePartialSuccess,
  type ReplyFormat,
} from '../../../formats/otlp/reply/partial-success.ts';
import { decodeStatus } from '../../../formats/otlp/reply/status.ts';
import { InFlight } from '../../../net/client/in-flight.ts';
import { refusalOf } from '../../../net/client/refusal.ts';
import { ClientTls } from '../../../net/client-tls.ts';
import { type Codec, compress } from '../../../net/compress.ts';
import {
  headerProblem,
  HttpClient,
  type HttpEndpoint,
  type HttpRequest,
  type HttpResponse,
} from '../../../net/http-client.ts';
import { outcomeOfHttp, parseRetryAfter } from '../../../net/status.ts';
import { CODECS, type Config } from './settings.ts';

const MEDIA_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;
const CODINGS: Partial<Record<Codec, string>> = { none: '', snappy_framed: 'x-snappy-framed' };

/** Posts batches to an OTLP/HTTP backend, one attempt each. */
export class OtlpHttpExporter implements Exporter {
  readonly #client: HttpClient;
  readonly #endpoints: Readonly<Record<Signal, HttpEndpoint | undefined>>;
  readonly #codec: Codec;
  readonly #level: number;
  readonly #format: ReplyFormat;
  readonly #tenantHeader: string | undefined;
  readonly #context: Context;
  readonly #log: Logger;
  readonly #inFlight = new InFlight();

  constructor(config: Config, context: Context) {
    this.#context = context;
    this.#log = context.log;
    this.#codec = CODECS[config.compression] ?? 'none';
    this.#level = config.compression_params.level;
    this.#format = config.encoding === 'json' ? 'json' : 'protobuf';
    this.#tenantHeader = config.tenant_header;
    const { max_idle_conns: idle, max_idle_conns_per_host: perHost } = config;
    this.#client = new HttpClient({
      maxConnsPerHost: config.max_conns_per_host,
      maxIdleConns:
        perHost === undefined || perHost === 0 ? idle : Math.min(perHost, idle || perHost),
      idleConnTimeoutMs: config.idle_conn_timeout,
      keepAlive: !config.disable_keep_alives,
      tls: new ClientTls(config.tls),
      ...(config.proxy_url === undefined ? {} : { proxyUrl: config.proxy_url }),
    });
    this.#endpoints = this.#prepare(config, context.version);
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
    const endpoint = this.#endpoints[batch.signal];
    if (endpoint === undefined) {
      const message = `no endpoint for ${batch.signal}; set endpoint or ${batch.signal}_endpoint`;
      return { kind: 'rejected', reason: 'no_endpoint', message, fault: 'unimplemented' };
    }
    const refusal = refusalOf(batch);
    if (refusal !== undefined) return refusal;
    const request = await this.#request(batch);
    if ('kind' in request) return request;
    const reply = await this.#client.post(endpoint, request, signal);
    return 'kind' in reply ? reply : this.#read(batch, reply);
  }

  #prepare(config: Config, version: string): Record<Signal, HttpEndpoint | undefined> {
    const coding = CODINGS[this.#codec] ?? this.#codec;
    const given = new Set(Object.keys(config.headers).map((name) => name.toLowerCase()));
    const headers = {
      'content-type': MEDIA_TYPES[this.#format],
      ...(coding === '' ? {} : { 'content-encoding': coding }),
      ...(given.has('user-agent') ? {} : { 'user-agent': `millrace/${version}` }),
      ...config.headers,
    };
    const at = (signal: Signal, own: string | undefined) => {
      const url =
        own ?? (config.endpoint === undefined ? undefined : under(config.endpoint, signal));
      return url === undefined ? undefined : this.#client.endpoint(url, headers);
    };
    return {
      traces: at('traces', config.traces_endpoint),
      metrics: at('metrics', config.metrics_endpoint),
      logs: at('logs', config.logs_endpoint),
    };
  }

  async #request(batch: Batch): Promise<HttpRequest | Outcome> {
    const json = this.#format === 'json' ? encodeJson(batch.signal, batch.chunks) : undefined;
    const chunks = json === undefined ? batch.chunks : [json];
    const byteLength = json === undefined ? batch.byteLength : json.length;
    const body = await compress(this.#codec, chunks, byteLength, this.#level);
    if (this.#tenantHeader === undefined) return body;
    const { tenant } = batch.origin;
    const wrong = headerProblem(this.#tenantHeader, tenant);
    if (wrong === undefined) return { ...body, headers: { [this.#tenantHeader]: tenant } };
    const message = `cannot send tenant ${JSON.stringify(tenant)}: ${this.#tenantHeader} ${wrong}`;
    return { kind: 'rejected', reason: 'invalid_tenant', message };
  }

  #read(batch: Batch, response: HttpResponse): Outcome {
    const type = (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
    const coded = (response.headers['content-encoding'] ?? 'identity') !== 'identity';
    const ours = type === MEDIA_TYPES[this.#format] && !coded;
    if (response.status >= 200 && response.status < 300) {
      return ours ? this.#success(batch, response) : outcomeOfHttp(response.status);
    }
    const status = ours ? decodeStatus(this.#format, response.body) : undefined;
    const now = this.#context.clock.now();
    const text = type?.startsWith('text/plain') ? plain(response.body) : undefined;
    return outcomeOfHttp(response.status, {
      message: status?.message ?? text,
      retryAfterMs: parseRetryAfter(response.headers['retry-after'], now) ?? status?.retryAfterMs,
    });
  }

  #success(batch: Batch, response: HttpResponse): Outcome {
    const { rejected, message } = decodePartialSuccess(batch.signal, this.#format, response.body);
    if (rejected > 0) {
      return {
        kind: 'partial',
        rejected: Math.min(rejected, batch.items),
        reason: 'backend_rejected',
        message: `the backend rejected ${rejected} of ${batch.items} ${batch.signal}: ${message}`,
      };
    }
    if (message !== '') this.#log.warn('the backend accepted with a warning', { message });
    return outcomeOfHttp(response.status);
  }
}

function under(endpoint: string, signal: Signal): string {
  const base = endpoint.replace(/\/+$/, '');
  return endpoint.startsWith('unix:') ? `${base}:/v1/${signal}` : `${base}/v1/${signal}`;
}

function plain(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 512)).trim();
}
