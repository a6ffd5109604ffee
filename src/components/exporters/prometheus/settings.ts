import { z } from 'zod';
import { byteSize, duration, ignored, listenAddress } from '../../../contract/settings.ts';
import type { TranslationSettings } from '../../../contract/translation.ts';
import { isLabelName } from '../../../formats/prometheus/text/escaping.ts';
import * as common from '../../../formats/translate/exporter-settings.ts';
import { unsupported } from '../../../net/client/settings.ts';
import { serverTlsSettings } from '../../../net/listen/server-tls.ts';

const MIB = 1024 * 1024;

const RESERVED: ReadonlySet<string> = new Set(['__name__', 'le', 'quantile']);

function labelProblem(name: string): string | undefined {
  if (!isLabelName(name)) return 'is no name of a label; write letters, digits and _';
  return RESERVED.has(name) ? 'belongs to metrics themselves; take another name' : undefined;
}

const constantLabels = z
  .record(z.string(), z.string())
  .superRefine((labels, context) => {
    for (const name of Object.keys(labels)) {
      const wrong = labelProblem(name);
      if (wrong !== undefined) context.addIssue({ code: 'custom', path: [name], message: wrong });
    }
  })
  .default({})
  .describe('Labels for each series that has none of that name.');

const tenantLabel = z
  .string()
  .superRefine((name, context) => {
    const wrong = name === '' ? undefined : labelProblem(name);
    if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
  })
  .default('tenant')
  .describe('Label that says whose a series is, but for those of the tenant `default`.');

const PAGE = 'it is a page server for scrapers, with limits of its own';

const section = z.strictObject({
  endpoint: listenAddress().default('localhost:9464').describe('Address to listen on.'),
  transport: z
    .enum(['tcp', 'unix'], { error: 'expected tcp or unix' })
    .default('tcp')
    .describe('Kind of address; with unix the endpoint is a path.'),
  path: z
    .string()
    .regex(/^\/[^?#\s]*$/, 'must begin with / and have no ?, # or space')
    .default('/metrics')
    .describe('Path of the page.'),
  tls: serverTlsSettings().optional().describe('Serve over TLS.'),
  ...common.translationSettings,
  without_scope_info: z
    .boolean()
    .default(false)
    .describe('Whether instrumentation scopes become no otel_scope_* labels.'),
  const_labels: constantLabels,
  tenant_label: tenantLabel,
  send_timestamps: z
    .boolean()
    .default(false)
    .describe('Whether samples have their own time instead of that of the scrape.'),
  metric_expiration: duration({ positive: true })
    .default(300_000)
    .describe('Age at which a series that got no sample disappears.'),
  enable_open_metrics: z
    .boolean()
    .default(false)
    .describe('Whether scrapers that prefer OpenMetrics get it, with exemplars and units.'),
  series_memory: byteSize()
    .default(256 * MIB)
    .describe('Bytes per shard for series; samples of further series are dropped and counted.'),
  resource_constant_labels: unsupported('set resource_to_telemetry_conversion.enabled instead'),
  auth: unsupported('verify scrapers with tls.client_ca_file'),
  cors: unsupported('remove it'),
  middlewares: unsupported('remove it'),
  response_headers: unsupported('remove it'),
  include_metadata: ignored(z.boolean(), 'scrapers bring no data'),
  max_request_body_size: ignored(byteSize(), 'bodies of requests are not read'),
  compression_algorithms: ignored(z.array(z.string()), 'pages are compressed with gzip on request'),
  keep_alives_enabled: ignored(z.boolean(), PAGE),
  read_header_timeout: ignored(duration(), PAGE),
  read_timeout: ignored(duration(), PAGE),
  write_timeout: ignored(duration(), PAGE),
  idle_timeout: ignored(duration(), PAGE),
});

/** Schema of a `prometheus` section. */
export const schema = section;

/** A checked `prometheus` section. */
export type Config = z.output<typeof schema>;

/** What the section wants of OTLP metrics. Constant labels are put in later, with all others. */
export function translationOf(config: Config): Partial<TranslationSettings> {
  return {
    ...common.translationOf(config),
    targetInfo: true,
    scopeInfo: !config.without_scope_info,
    metadata: 'series',
  };
}
