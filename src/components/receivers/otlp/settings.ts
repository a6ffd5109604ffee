import { z } from 'zod';
import { byteSize, duration, ignored, listenAddress, secret } from '../../../contract/settings.ts';
import { CODINGS } from '../../../net/decompress.ts';
import type { CorsOptions } from '../../../net/cors.ts';
import type { HttpLimits } from '../../../net/http.ts';
import type { SessionLimits } from '../../../net/h2/life.ts';
import { type ServerTlsConfig, serverTlsSettings } from '../../../net/listen/server-tls.ts';
import type { Signal } from '../../../contract/batch.ts';

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 64 * MIB;
const MAX_HEADER_BYTES = 32 * 1024;
const HOUR_MS = 3_600_000;

const transport = z
  .enum(['tcp', 'unix'], { error: 'expected tcp or unix' })
  .default('tcp')
  .describe('Kind of address; with unix the endpoint is a path.');

const includeMetadata = z
  .boolean()
  .default(false)
  .describe('Keep the request headers with the data, for attributes and exporters.');

const tls = serverTlsSettings().optional().describe('Serve over TLS.');

/** A key of the OpenTelemetry Collector that must not be ignored in silence. */
function missing(what: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message: what });
    });
}

const NO_AUTH = 'authenticators do not exist yet; verify clients with tls.client_ca_file';
const NO_MIDDLEWARES = 'middlewares do not exist; limits are set under service.admission';

const serverParameters = z.strictObject({
  max_connection_idle: duration().default(0).describe('Close connections without requests.'),
  max_connection_age: duration().default(0).describe('Ask clients to reconnect after this.'),
  max_connection_age_grace: duration().default(0).describe('Cut them this long after that.'),
  time: duration()
    .default(2 * HOUR_MS)
    .describe('Ping a connection silent for this long.'),
  timeout: duration().default(20_000).describe('Cut it when the ping is not answered in this.'),
});

const enforcementPolicy = z.strictObject({
  min_time: duration()
    .default(5 * 60_000)
    .describe('Send clients away that ping more often.'),
  permit_without_stream: z.boolean().default(false).describe('Let idle clients ping as well.'),
});

const keepalive = z.strictObject({
  server_parameters: orEmpty(serverParameters).describe('How the server keeps connections.'),
  enforcement_policy: orEmpty(enforcementPolicy).describe('What clients may do.'),
});

const grpc = z.strictObject({
  endpoint: listenAddress().default('localhost:4317').describe('Address to listen on.'),
  transport,
  max_recv_msg_size_mib: z
    .int()
    .min(0)
    .max(1024)
    .default(DEFAULT_MAX_BYTES / MIB)
    .describe('Largest request in MiB, compressed or not; 0 for the default.'),
  max_concurrent_streams: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0)
    .describe('Requests at once per connection; 0 for 1000.'),
  read_buffer_size: ignored(z.int(), 'buffers are sized by the flow control of HTTP/2'),
  write_buffer_size: ignored(z.int(), 'buffers are sized by the flow control of HTTP/2'),
  keepalive: orEmpty(keepalive).describe('Pings, and the age of connections.'),
  include_metadata: includeMetadata,
  tls,
  auth: missing(NO_AUTH),
  middlewares: missing(NO_MIDDLEWARES),
});

const cors = z.strictObject({
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe('Origins that may send from a browser; * stands for any characters.'),
  allowed_headers: z.array(z.string()).default([]).describe('Request headers beyond the usual.'),
  exposed_headers: z.array(z.string()).default([]).describe('Answer headers a page may read.'),
  max_age: z.int().min(0).default(0).describe('Seconds a browser may remember the answer.'),
});

const path = z.string().regex(/^\//, 'must begin with /');

const http = z.strictObject({
  endpoint: listenAddress().default('localhost:4318').describe('Address to listen on.'),
  transport,
  traces_url_path: path.default('/v1/traces').describe('Where traces are sent.'),
  metrics_url_path: path.default('/v1/metrics').describe('Where metrics are sent.'),
  logs_url_path: path.default('/v1/logs').describe('Where logs are sent.'),
  profiles_url_path: ignored(path, 'profiles are not supported'),
  max_request_body_size: byteSize()
    .default(0)
    .describe('Largest body, compressed or not; 0 for 64 MiB.'),
  compression_algorithms: z
    .array(z.enum(['', ...CODINGS]))
    .default(['', ...CODINGS])
    .describe('Content encodings to accept; uncompressed bodies always are.'),
  cors: cors.optional().describe('Let browsers send.'),
  response_headers: z
    .record(z.string(), secret())
    .default({})
    .describe('Headers added to every answer.'),
  include_metadata: includeMetadata,
  keep_alives_enabled: z.boolean().default(true).describe('Keep connections between requests.'),
  read_header_timeout: duration().default(60_000).describe('For the head of a request.'),
  read_timeout: duration().default(120_000).describe('For a whole request.'),
  write_timeout: duration().default(30_000).describe('For a client to take its answer.'),
  idle_timeout: duration().default(90_000).describe('Between requests on a connection.'),
  max_header_size: byteSize().default(MAX_HEADER_BYTES).describe('Largest head of a request.'),
  max_connection_age: duration().default(0).describe('Ask clients to reconnect after this.'),
  max_connection_age_grace: duration().default(0).describe('Cut them this long after that.'),
  tls,
  auth: missing(NO_AUTH),
  middlewares: missing(NO_MIDDLEWARES),
});

/** A section that is complete when nothing is written under it. */
function orEmpty<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => value ?? {}, schema);
}

/** A section that is switched on by its key, even with nothing under it. */
function whenNamed<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => (value === null ? {} : value), schema.optional()).optional();
}

const protocols = z
  .strictObject({
    grpc: whenNamed(grpc).describe('OTLP over gRPC.'),
    http: whenNamed(http).describe('OTLP over HTTP, as protobuf or JSON.'),
  })
  .refine((value) => value.grpc !== undefined || value.http !== undefined, {
    message: 'names no protocol; write grpc: or http: or both under it',
  });

/** What every protocol of the receiver has. */
interface ProtocolConfig {
  readonly address: string;
  readonly transport: 'tcp' | 'unix';
  readonly tls: ServerTlsConfig | undefined;
  readonly includeMetadata: boolean;
  /** Of a request, on the wire and decompressed. */
  readonly maxBytes: number;
}

/** Settings of OTLP over gRPC. */
export interface GrpcConfig extends ProtocolConfig {
  readonly limits: SessionLimits;
}

/** Settings of OTLP over HTTP. */
export interface HttpConfig extends ProtocolConfig {
  readonly limits: HttpLimits;
  readonly paths: ReadonlyMap<string, Signal>;
  readonly codings: ReadonlySet<string>;
  readonly cors: CorsOptions | undefined;
  readonly responseHeaders: Readonly<Record<string, string>>;
}

/** Settings of the receiver; at least one protocol is there. */
export interface Config {
  readonly grpc: GrpcConfig | undefined;
  readonly http: HttpConfig | undefined;
}

/** The section as users write it. */
export const settings = z
  .strictObject({ protocols: orEmpty(protocols).describe('What to listen for.') })
  .transform(
    ({ protocols: { grpc: overGrpc, http: overHttp } }): Config => ({
      grpc: overGrpc && grpcConfig(overGrpc),
      http: overHttp && httpConfig(overHttp),
    }),
  );

function grpcConfig(value: z.output<typeof grpc>): GrpcConfig {
  const { server_parameters: server, enforcement_policy: policy } = value.keepalive;
  return {
    address: value.endpoint,
    transport: value.transport,
    tls: value.tls,
    includeMetadata: value.include_metadata,
    maxBytes: value.max_recv_msg_size_mib * MIB || DEFAULT_MAX_BYTES,
    limits: {
      maxConcurrentStreams: value.max_concurrent_streams || 1000,
      maxHeaderBytes: MAX_HEADER_BYTES,
      maxIdleMs: server.max_connection_idle,
      maxAgeMs: server.max_connection_age,
      maxAgeGraceMs: server.max_connection_age_grace,
      pingAfterMs: server.time,
      pingTimeoutMs: server.timeout,
      minPingIntervalMs: policy.min_time,
      pingWithoutStream: policy.permit_without_stream,
    },
  };
}

function httpConfig(value: z.output<typeof http>): HttpConfig {
  return {
    address: value.endpoint,
    transport: value.transport,
    tls: value.tls,
    includeMetadata: value.include_metadata,
    maxBytes: value.max_request_body_size || DEFAULT_MAX_BYTES,
    paths: new Map([
      [value.traces_url_path, 'traces'],
      [value.metrics_url_path, 'metrics'],
      [value.logs_url_path, 'logs'],
    ]),
    codings: new Set(value.compression_algorithms),
    cors: value.cors && {
      allowedOrigins: value.cors.allowed_origins,
      allowedHeaders: value.cors.allowed_headers,
      exposedHeaders: value.cors.exposed_headers,
      maxAgeSeconds: value.cors.max_age,
    },
    responseHeaders: value.response_headers,
    limits: {
      readHeaderTimeoutMs: value.read_header_timeout,
      readTimeoutMs: value.read_timeout,
      writeTimeoutMs: value.write_timeout,
      idleTimeoutMs: value.idle_timeout,
      maxHeaderBytes: value.max_header_size,
      keepAlives: value.keep_alives_enabled,
      maxConnectionAgeMs: value.max_connection_age,
      maxConnectionAgeGraceMs: value.max_connection_age_grace,
    },
  };
}
