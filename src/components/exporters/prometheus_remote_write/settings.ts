import { z } from 'zod';
import { byteSize, duration, ignored } from '../../../contract/settings.ts';
import {
  outgoingHeaders,
  refuseTwoTenants,
  tenantHeader,
  unsupported,
} from '../../../net/client/settings.ts';
import { clientTlsSettings } from '../../../net/client-tls.ts';
import { headerProblem } from '../../../net/http-client.ts';
import { translationSettings } from './translation.ts';

/** The value of `protobuf_message` for each version. */
export const MESSAGES = {
  'prometheus.WriteRequest': 'v1',
  'io.prometheus.write.v2.Request': 'v2',
} as const;

const RESERVED = new Set([
  'content-encoding',
  'content-type',
  'user-agent',
  'x-prometheus-remote-write-version',
  'retry-attempt',
]);

function problemOf(name: string, value: string): string | undefined {
  return RESERVED.has(name.toLowerCase())
    ? 'is set by the exporter itself; remove it'
    : headerProblem(name, value);
}

/** What is wrong with an endpoint; undefined when it can be posted to. */
function endpointProblem(url: string): string | undefined {
  if (/^unix:(?:\/\/)?\/./.test(url)) return undefined;
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:\/\//i.test(url)) {
    return `${JSON.stringify(url)} is no URL; write http://host:9090/api/v1/write, https://… or unix:///path:/api/v1/write`;
  }
  if (parsed.username !== '') return 'holds credentials; put them in headers.authorization';
  return parsed.hash === '' ? undefined : 'has a fragment; remove what follows the #';
}

const endpoint = () =>
  z
    .string()
    .superRefine((value, context) => {
      const wrong = endpointProblem(value);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
    })
    .meta({ format: 'uri' });

const externalLabels = z
  .record(z.string(), z.string())
  .superRefine((labels, context) => {
    for (const [name, value] of Object.entries(labels)) {
      const wrong = labelProblem(name, value);
      if (wrong !== undefined) context.addIssue({ code: 'custom', path: [name], message: wrong });
    }
  })
  .default({})
  .describe('Labels for each series that has none of that name.');

function labelProblem(name: string, value: string): string | undefined {
  if (name === '') return 'a label needs a name; write one, or remove it';
  if (name === '__name__') return 'would name every metric the same; remove it';
  return name.isWellFormed() && value.isWellFormed() ? undefined : 'is not Unicode; write it anew';
}

const HTTP1 = 'requests are sent over HTTP/1.1, one per connection at a time';
const MIB = 1024 * 1024;

const section = z.strictObject({
  endpoint: endpoint().optional().describe('URL to post to, used as it is.'),
  endpoints: z
    .array(endpoint())
    .min(1)
    .optional()
    .describe('URLs in place of `endpoint`, each of which gets a share of the series.'),
  rehash_after: duration({ positive: true })
    .prefault('10s')
    .describe('How long one of `endpoints` fails before its series go to the others.'),
  protobuf_message: z
    .enum(Object.keys(MESSAGES) as [keyof typeof MESSAGES, ...(keyof typeof MESSAGES)[]])
    .default('prometheus.WriteRequest')
    .describe('Message to send: that of remote-write 1.0 or of 2.0, which falls back to 1.0.'),
  external_labels: externalLabels,
  headers: outgoingHeaders(problemOf),
  tenant_header: tenantHeader(problemOf),
  max_batch_size_bytes: byteSize()
    .default(3_000_000)
    .describe('Largest request before compression and external labels; 0 for no limit.'),
  retry_on_http_429: z
    .boolean()
    .default(false)
    .describe('Whether what the backend refuses with 429 is sent again instead of dropped.'),
  ...translationSettings,
  label_cache_size: byteSize()
    .default(16 * MIB)
    .describe('Bytes per shard for label sets that are sent other than they came.'),
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
  idle_conn_timeout: duration().default(90_000).describe('Age at which an idle one is closed.'),
  disable_keep_alives: z.boolean().default(false).describe('One connection per request.'),
  remote_write_queue: ignored(
    z.strictObject({
      enabled: z.boolean().optional(),
      queue_size: z.int().min(0).optional(),
      num_consumers: z.int().min(0).optional(),
    }),
    'sending_queue is the queue here; write enabled, queue_size and num_consumers there',
  ),
  max_batch_request_parallelism: ignored(
    z.int().min(1),
    'sending_queue.num_consumers says how many requests are under way at once',
  ),
  read_buffer_size: ignored(byteSize(), 'answers are read as they come'),
  write_buffer_size: ignored(byteSize(), 'batches are written without a buffer'),
  force_attempt_http2: ignored(z.boolean(), HTTP1),
  http2_read_idle_timeout: ignored(duration(), HTTP1),
  http2_ping_timeout: ignored(duration(), HTTP1),
  wal: unsupported('remove it; requests wait in sending_queue, in memory'),
  auth: unsupported('put the credentials in headers, such as authorization: Bearer ${env:TOKEN}'),
  middlewares: unsupported('remove it'),
});

/** Schema of a `prometheus_remote_write` section, without the keys of the shared delivery. */
export const schema = section.superRefine((value, context) => {
  refuseTwoTenants(value, context);
  const wrong = endpointsProblem(value);
  if (wrong !== undefined) context.addIssue({ code: 'custom', ...wrong });
});

/** A checked `prometheus_remote_write` section. */
export type Config = z.output<typeof schema>;

/** Where to post to: one or several. */
export function endpointsOf({ endpoint: one, endpoints }: Config): readonly string[] {
  return endpoints ?? (one === undefined ? [] : [one]);
}

function endpointsProblem(
  value: z.output<typeof section>,
): { readonly path: string[]; readonly message: string } | undefined {
  const { endpoint: one, endpoints } = value;
  if (one !== undefined && endpoints !== undefined) {
    return { path: ['endpoints'], message: 'stands beside endpoint; write one of the two' };
  }
  if (one === undefined && endpoints === undefined) {
    const message = 'is missing; write the URL, such as http://host:9090/api/v1/write';
    return { path: ['endpoint'], message };
  }
  const repeated = endpoints?.find((url, at) => endpoints.indexOf(url) !== at);
  if (repeated === undefined) return undefined;
  return { path: ['endpoints'], message: `${repeated} is listed twice; remove one` };
}
