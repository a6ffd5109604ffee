import { z } from 'zod';
import { byteSize, duration, ignored } from '../../../contract/settings.ts';
import {
  compression,
  compressionParams,
  outgoingHeaders,
  refuseLevel,
  refuseTwoTenants,
  tenantHeader,
  unsupported,
} from '../../../net/client/settings.ts';
import { clientTlsSettings } from '../../../net/client-tls.ts';
import type { Codec } from '../../../net/compress.ts';
import { headerProblem } from '../../../net/http-client.ts';

/** What an operator writes for `compression`, to the codec. */
export const CODECS: Readonly<Record<string, Codec>> = {
  gzip: 'gzip',
  zstd: 'zstd',
  snappy: 'snappy',
  'x-snappy-framed': 'snappy_framed',
  zlib: 'zlib',
  deflate: 'deflate',
  lz4: 'lz4',
  none: 'none',
  '': 'none',
};

const OWN_HEADERS = new Set(['content-type', 'content-encoding']);

function problemOf(name: string, value: string): string | undefined {
  return OWN_HEADERS.has(name.toLowerCase())
    ? 'is set by the exporter itself'
    : headerProblem(name, value);
}

/** What is wrong with an endpoint; undefined when it can be posted to. */
function endpointProblem(url: string): string | undefined {
  if (/^unix:(?:\/\/)?\/./.test(url)) return undefined;
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || !/^https?:\/\//i.test(url)) {
    return `${JSON.stringify(url)} is no URL; write http://host:4318, https://host or unix:///path`;
  }
  if (parsed.username !== '') return 'holds credentials; put them in headers.authorization';
  return parsed.hash === '' ? undefined : 'has a fragment; remove what follows the #';
}

function url(what: string) {
  return z
    .string()
    .superRefine((value, context) => {
      const wrong = endpointProblem(value);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
    })
    .meta({ format: 'uri' })
    .optional()
    .describe(what);
}

const HTTP1 = 'requests are sent over HTTP/1.1, one per connection at a time';

/** Schema of an `otlp_http` section, without the keys of the shared delivery. */
export const schema = z
  .strictObject({
    endpoint: url('Base URL; /v1/traces, /v1/metrics and /v1/logs are appended.'),
    traces_endpoint: url('URL for traces, used as it is.'),
    metrics_endpoint: url('URL for metrics, used as it is.'),
    logs_endpoint: url('URL for logs, used as it is.'),
    profiles_endpoint: ignored(z.string(), 'profiles are not carried'),
    encoding: z.enum(['proto', 'json']).default('proto').describe('Encoding of requests.'),
    compression: compression(CODECS),
    compression_params: compressionParams,
    headers: outgoingHeaders(problemOf),
    tenant_header: tenantHeader(problemOf),
    tls: clientTlsSettings.prefault({}),
    proxy_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('HTTP proxy that is asked to CONNECT to the endpoint.'),
    max_conns_per_host: z
      .int()
      .min(0)
      .default(0)
      .describe('Connections to one host at once; 0 sets no limit.'),
    max_idle_conns: z.int().min(0).default(100).describe('Idle connections kept per host.'),
    max_idle_conns_per_host: z
      .int()
      .min(0)
      .optional()
      .describe('The same under its other name; the smaller of the two counts.'),
    idle_conn_timeout: duration().default(90_000).describe('Age at which an idle one is closed.'),
    disable_keep_alives: z.boolean().default(false).describe('One connection per request.'),
    read_buffer_size: ignored(byteSize(), 'answers are read as they come'),
    write_buffer_size: ignored(byteSize(), 'batches are written without a buffer'),
    force_attempt_http2: ignored(z.boolean(), HTTP1),
    http2_read_idle_timeout: ignored(duration(), HTTP1),
    http2_ping_timeout: ignored(duration(), HTTP1),
    cookies: unsupported('no backend of OTLP sets cookies that matter'),
    auth: unsupported('put the credentials in headers, such as authorization: Bearer ${env:TOKEN}'),
    middlewares: unsupported('remove it'),
  })
  .superRefine((value, context) => {
    const { endpoint, traces_endpoint, metrics_endpoint, logs_endpoint } = value;
    if ((endpoint ?? traces_endpoint ?? metrics_endpoint ?? logs_endpoint) === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['endpoint'],
        message: 'is missing; write endpoint: http://host:4318, or one such as traces_endpoint',
      });
    }
    refuseLevel(CODECS[value.compression] ?? 'none', value.compression_params.level, context);
    refuseTwoTenants(value, context);
  });

/** A checked `otlp_http` section. */
export type Config = z.output<typeof schema>;
