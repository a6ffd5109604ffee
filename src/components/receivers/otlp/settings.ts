import { z } from 'zod';
import { byteSize, duration, ignored } from '../../../contract/settings.ts';
import { CODINGS } from '../../../net/codec/codings.ts';
import type { SessionLimits } from '../../../net/h2/life.ts';
import {
  type HttpServerConfig,
  httpServerConfig,
  httpServerSettings,
  listenSettings,
} from '../../../net/listen/http-server-settings.ts';
import type { Signal } from '../../../contract/batch.ts';

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 64 * MIB;
const MAX_HEADER_BYTES = 32 * 1024;
const HOUR_MS = 3_600_000;

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
  ...listenSettings({ endpoint: 'localhost:4317' }),
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
});

const path = z.string().regex(/^\//, 'must begin with /');

const http = z.strictObject({
  ...httpServerSettings({ endpoint: 'localhost:4318' }),
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

/** Settings of OTLP over gRPC. */
export interface GrpcConfig
  extends Pick<HttpServerConfig, 'address' | 'transport' | 'tls' | 'includeMetadata'> {
  /** Of a request, on the wire and decompressed. */
  readonly maxBytes: number;
  readonly limits: SessionLimits;
}

/** Settings of OTLP over HTTP. */
export interface HttpConfig extends HttpServerConfig {
  /** Of a request, on the wire and decompressed. */
  readonly maxBytes: number;
  readonly paths: ReadonlyMap<string, Signal>;
  readonly codings: ReadonlySet<string>;
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
    ...httpServerConfig(value),
    maxBytes: value.max_request_body_size || DEFAULT_MAX_BYTES,
    paths: new Map([
      [value.traces_url_path, 'traces'],
      [value.metrics_url_path, 'metrics'],
      [value.logs_url_path, 'logs'],
    ]),
    codings: new Set(value.compression_algorithms),
  };
}
