import { z } from 'zod';
import { byteSize, duration, listenAddress, secret } from '../../contract/settings.ts';
import type { CorsOptions } from '../cors.ts';
import type { HttpLimits } from '../http.ts';
import { type ServerTlsConfig, serverTlsSettings } from './server-tls.ts';

const MAX_HEADER_BYTES = 32 * 1024;

const cors = z.strictObject({
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe('Origins that may send from a browser; * stands for any characters.'),
  allowed_headers: z.array(z.string()).default([]).describe('Request headers beyond the usual.'),
  exposed_headers: z.array(z.string()).default([]).describe('Answer headers a page may read.'),
  max_age: z.int().min(0).default(0).describe('Seconds a browser may remember the answer.'),
});

/** A key of the OpenTelemetry Collector that must not be ignored in silence. */
function missing(what: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message: what });
    });
}

/** Keys of whatever listens, with the names and defaults of the OpenTelemetry Collector. */
export function listenSettings({ endpoint }: { readonly endpoint: string }) {
  return {
    endpoint: listenAddress().default(endpoint).describe('Address to listen on.'),
    transport: z
      .enum(['tcp', 'unix'], { error: 'expected tcp or unix' })
      .default('tcp')
      .describe('Kind of address; with unix the endpoint is a path.'),
    include_metadata: z
      .boolean()
      .default(false)
      .describe('Keep the request headers with the data, for attributes and exporters.'),
    tls: serverTlsSettings().optional().describe('Serve over TLS.'),
    auth: missing('authenticators do not exist yet; verify clients with tls.client_ca_file'),
    middlewares: missing('middlewares do not exist; limits are set under service.admission'),
  };
}

/** Keys of an HTTP server, with the names and defaults of the OpenTelemetry Collector. */
export function httpServerSettings(defaults: { readonly endpoint: string }) {
  return {
    ...listenSettings(defaults),
    cors: cors.optional().describe('Let browsers send.'),
    response_headers: z
      .record(z.string(), secret())
      .default({})
      .describe('Headers added to every answer.'),
    keep_alives_enabled: z.boolean().default(true).describe('Keep connections between requests.'),
    read_header_timeout: duration().default(60_000).describe('For the head of a request.'),
    read_timeout: duration().default(120_000).describe('For a whole request.'),
    write_timeout: duration().default(30_000).describe('For a client to take its answer.'),
    idle_timeout: duration().default(90_000).describe('Between requests on a connection.'),
    max_header_size: byteSize().default(MAX_HEADER_BYTES).describe('Largest head of a request.'),
    max_connection_age: duration().default(0).describe('Ask clients to reconnect after this.'),
    max_connection_age_grace: duration().default(0).describe('Cut them this long after that.'),
  };
}

type Value = z.output<z.ZodObject<ReturnType<typeof httpServerSettings>>>;

/** What those keys come to. */
export interface HttpServerConfig {
  readonly address: string;
  readonly transport: 'tcp' | 'unix';
  readonly tls: ServerTlsConfig | undefined;
  readonly includeMetadata: boolean;
  readonly cors: CorsOptions | undefined;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly limits: HttpLimits;
}

/** From the names of users to those of the code. */
export function httpServerConfig(value: Value): HttpServerConfig {
  return {
    address: value.endpoint,
    transport: value.transport,
    tls: value.tls,
    includeMetadata: value.include_metadata,
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
