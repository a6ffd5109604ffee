import { z } from 'zod';
import {
  checkRules,
  type RuleConfig,
  rulesSettings,
} from '../../../../formats/prometheus/relabel/settings.ts';
import { unsupported } from '../../../../net/client/settings.ts';
import { type TargetGroup, targetGroupSettings } from '../discovery/target-group.ts';
import { type HttpConfig, httpConfig, httpKeys } from './http-settings.ts';
import { prometheusDuration, prometheusSize } from './units.ts';

/** Formats that may be asked for, by their names in `scrape_protocols`. */
export const PROTOCOLS = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
] as const;

export type Protocol = (typeof PROTOCOLS)[number];

const DISCOVER =
  'write the targets into a file for file_sd_configs, or serve them to http_sd_configs';

const protocols = z
  .array(z.union([z.enum(PROTOCOLS), z.literal('PrometheusProto')]))
  .min(1)
  .transform((names): readonly Protocol[] =>
    names.filter((name): name is Protocol => name !== 'PrometheusProto'),
  );
const limit = z.int().min(0);
const naming = z.enum(['utf8', 'legacy']);
const escaping = z.enum(['allow-utf-8', 'underscores', 'dots', 'values']);

/** Keys that stand in `global` and may be said again by a job. */
const sharedKeys = {
  scrape_interval: prometheusDuration().optional().describe('Time between two scrapes; 1m.'),
  scrape_timeout: prometheusDuration().optional().describe('Longest a scrape may take; 10s.'),
  scrape_protocols: protocols.optional().describe('Formats to ask for, the best liked first.'),
  body_size_limit: prometheusSize()
    .optional()
    .describe('Largest page without compression; 0: none.'),
  sample_limit: limit.optional().describe('Samples of a page that rules leave; 0: no limit.'),
  target_limit: limit.optional().describe('Targets of a job; 0: no limit.'),
  label_limit: limit.optional().describe('Labels of a series; 0: no limit.'),
  label_name_length_limit: limit.optional().describe('Bytes of a label name; 0: no limit.'),
  label_value_length_limit: limit.optional().describe('Bytes of a label value; 0: no limit.'),
  keep_dropped_targets: limit.optional().describe('Dropped targets to show; 0: all.'),
  metric_name_validation_scheme: naming.optional().describe('What may be a name; utf8.'),
  metric_name_escaping_scheme: escaping.optional().describe('How targets escape names.'),
  extra_scrape_metrics: z.boolean().optional().describe('Adds scrape_timeout_seconds and more.'),
  fallback_scrape_protocol: z
    .enum(PROTOCOLS)
    .optional()
    .describe('Format of pages whose Content-Type says none; PrometheusText0.0.4.'),
};

/** Schema of `global`. */
export const globalSettings = z
  .strictObject({
    ...sharedKeys,
    external_labels: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
      .default({})
      .describe('Added to series that have no label of that name.'),
    evaluation_interval: prometheusDuration().optional().describe('Accepted; there are no rules.'),
    query_log_file: unsupported('there are no queries'),
  })
  .prefault({});

const fileDiscovery = z.strictObject({
  files: z
    .array(z.string().regex(/\.(?:json|ya?ml)$/, 'must end in .json, .yml or .yaml'))
    .min(1)
    .describe('Files with targets; the last part of a path may have a *.'),
  refresh_interval: prometheusDuration()
    .default(300_000)
    .describe('How often files are read, beside when they change.'),
});

const httpDiscovery = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Answers a list of targets as JSON.'),
  refresh_interval: prometheusDuration().default(60_000).describe('How often it is asked.'),
  ...httpKeys,
});

/** Schema of one of `scrape_configs`. */
export const scrapeSettings = z.strictObject({
  job_name: z.string().min(1).describe('Label job of its targets, where they have none.'),
  tenant: z.string().min(1).optional().describe('Whose the data is; else that of no header.'),
  ...sharedKeys,
  ...httpKeys,
  metrics_path: z.string().default('/metrics').describe('Path of the page.'),
  scheme: z.enum(['http', 'https']).default('http').describe('How targets are spoken to.'),
  params: z
    .record(z.string(), z.array(z.string()))
    .default({})
    .describe('Parameters of the URL, such as match[].'),
  honor_labels: z
    .boolean()
    .default(false)
    .describe('Whether labels of the page win over those of the target.'),
  honor_timestamps: z.boolean().default(true).describe('Whether times of the page are used.'),
  track_timestamps_staleness: z
    .boolean()
    .default(false)
    .describe('Whether series with such times are marked as stale.'),
  enable_compression: z.boolean().default(true).describe('Whether gzip is asked for.'),
  static_configs: z.array(targetGroupSettings).default([]).describe('Targets.'),
  file_sd_configs: z.array(fileDiscovery).default([]).describe('Targets in files.'),
  http_sd_configs: z.array(httpDiscovery).default([]).describe('Targets that a server tells.'),
  relabel_configs: rulesSettings().nullish().describe('Rules for targets.'),
  metric_relabel_configs: rulesSettings().nullish().describe('Rules for series.'),
  kubernetes_sd_configs: unsupported(DISCOVER),
  dns_sd_configs: unsupported(DISCOVER),
  consul_sd_configs: unsupported(DISCOVER),
  ec2_sd_configs: unsupported(DISCOVER),
  docker_sd_configs: unsupported(DISCOVER),
});

/** Limits of one page. 0: no limit. */
export interface PageLimits {
  readonly samples: number;
  readonly labels: number;
  readonly nameBytes: number;
  readonly valueBytes: number;
}

/** A job with all its defaults. Plain data. */
export interface JobConfig {
  readonly name: string;
  readonly tenant?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly params: Readonly<Record<string, readonly string[]>>;
  readonly honorLabels: boolean;
  readonly honorTimestamps: boolean;
  readonly trackTimestampsStaleness: boolean;
  readonly compression: boolean;
  readonly protocols: readonly Protocol[];
  readonly fallback: Protocol;
  readonly limits: PageLimits;
  /** 0: no limit. */
  readonly bodyLimit: number;
  readonly targetLimit: number;
  readonly keepDropped: number;
  readonly naming: z.output<typeof naming>;
  readonly escaping: z.output<typeof escaping>;
  readonly extraMetrics: boolean;
  readonly http: HttpConfig;
  readonly groups: readonly TargetGroup[];
  readonly files: readonly { readonly patterns: readonly string[]; readonly refreshMs: number }[];
  readonly servers: readonly {
    readonly url: string;
    readonly refreshMs: number;
    readonly http: HttpConfig;
  }[];
  readonly targetRules: readonly RuleConfig[];
  readonly metricRules: readonly RuleConfig[];
}

const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/** A job from its section and from `global`; an issue for every mistake that keys make together. */
export function jobConfig(
  written: z.output<typeof scrapeSettings>,
  global: z.output<typeof globalSettings>,
  context: z.RefinementCtx,
): JobConfig {
  const value = { ...global, ...definedKeys(written) };
  const intervalMs = value.scrape_interval ?? DEFAULT_INTERVAL_MS;
  const timeoutMs =
    written.scrape_timeout ?? Math.min(global.scrape_timeout ?? DEFAULT_TIMEOUT_MS, intervalMs);
  if (timeoutMs > intervalMs) {
    const message = 'must not be longer than scrape_interval';
    context.addIssue({ code: 'custom', path: ['scrape_timeout'], message });
  }
  const scheme = value.metric_name_validation_scheme ?? 'utf8';
  const targetRules = value.relabel_configs ?? [];
  const metricRules = value.metric_relabel_configs ?? [];
  checkRules(targetRules, scheme, context, ['relabel_configs']);
  checkRules(metricRules, scheme, context, ['metric_relabel_configs']);
  return {
    name: value.job_name,
    ...(value.tenant !== undefined && { tenant: value.tenant }),
    intervalMs,
    timeoutMs,
    path: value.metrics_path,
    scheme: value.scheme,
    params: value.params,
    honorLabels: value.honor_labels,
    honorTimestamps: value.honor_timestamps,
    trackTimestampsStaleness: value.track_timestamps_staleness,
    compression: value.enable_compression,
    protocols: value.scrape_protocols ?? PROTOCOLS,
    fallback: value.fallback_scrape_protocol ?? 'PrometheusText0.0.4',
    limits: {
      samples: value.sample_limit ?? 0,
      labels: value.label_limit ?? 0,
      nameBytes: value.label_name_length_limit ?? 0,
      valueBytes: value.label_value_length_limit ?? 0,
    },
    bodyLimit: value.body_size_limit ?? 0,
    targetLimit: value.target_limit ?? 0,
    keepDropped: value.keep_dropped_targets ?? 0,
    naming: scheme,
    escaping:
      value.metric_name_escaping_scheme ?? (scheme === 'utf8' ? 'allow-utf-8' : 'underscores'),
    extraMetrics: value.extra_scrape_metrics ?? false,
    http: httpConfig(value, context),
    groups: value.static_configs.map((group, at) => ({ ...group, source: String(at) })),
    files: value.file_sd_configs.map(({ files, refresh_interval: refreshMs }) => ({
      patterns: files,
      refreshMs,
    })),
    servers: value.http_sd_configs.map((server) => ({
      url: server.url,
      refreshMs: server.refresh_interval,
      http: httpConfig(server, context),
    })),
    targetRules,
    metricRules,
  };
}

function definedKeys<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}
