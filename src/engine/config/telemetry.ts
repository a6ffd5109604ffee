import { z } from 'zod';
import { ignored, section } from '../../contract/settings.ts';
import type { TelemetryConfig } from './config.ts';

const DEFAULT_ADDRESS = 'localhost:8888';

/** Levels the Collector knows, and what they are here. */
const LOG_LEVELS = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  dpanic: 'error',
  panic: 'error',
  fatal: 'error',
} as const;

const logLevel = z
  .string()
  .toLowerCase()
  .pipe(z.enum(Object.keys(LOG_LEVELS) as (keyof typeof LOG_LEVELS)[]))
  .transform((level) => LOG_LEVELS[level])
  .meta({ examples: ['debug', 'info', 'warn', 'error'] });

const ONE_LOG = 'logs go to standard error as they are; filter or redirect them there';

const logs = z.strictObject({
  level: logLevel.prefault('info').describe('Least severity shown: debug, info, warn or error.'),
  encoding: z.enum(['json', 'console']).default('json').describe('JSON lines, or text for people.'),
  development: ignored(z.boolean(), ONE_LOG),
  disable_caller: ignored(z.boolean(), ONE_LOG),
  disable_stacktrace: ignored(z.boolean(), ONE_LOG),
  disable_zap_resource: ignored(z.boolean(), ONE_LOG),
  sampling: ignored(z.unknown(), 'repeated lines are always throttled and counted'),
  output_paths: ignored(z.array(z.string()), ONE_LOG),
  error_output_paths: ignored(z.array(z.string()), ONE_LOG),
  initial_fields: ignored(z.record(z.string(), z.unknown()), ONE_LOG),
  processors: ignored(z.array(z.unknown()), ONE_LOG),
});

const FIXED_NAMES = 'the names and labels of self-metrics are fixed';

const prometheusReader = z.strictObject({
  host: z.string().default('localhost').describe('Host or address to serve on.'),
  port: z.int().min(0).max(65_535).default(8888).describe('Port to serve on.'),
  without_type_suffix: z
    .boolean()
    .default(false)
    .describe('Whether counters go without their `_total`.'),
  without_units: ignored(z.boolean(), FIXED_NAMES),
  without_scope_info: ignored(z.boolean(), FIXED_NAMES),
  without_target_info: ignored(z.boolean(), FIXED_NAMES),
  with_resource_constant_labels: ignored(z.unknown(), FIXED_NAMES),
  translation_strategy: ignored(z.string(), FIXED_NAMES),
});

const reader = z.strictObject({
  pull: z
    .strictObject({
      exporter: z
        .strictObject({
          prometheus: section(prometheusReader).describe('A page for Prometheus to scrape.'),
        })
        .describe('How they are served.'),
      producers: ignored(z.unknown(), FIXED_NAMES),
      cardinality_limits: ignored(z.unknown(), FIXED_NAMES),
    })
    .optional()
    .describe('Self-metrics that are fetched from here.'),
  periodic: ignored(
    z.unknown(),
    'self-metrics are not pushed; scrape them, for example with a Prometheus agent',
  ),
});

const metrics = z
  .strictObject({
    level: z
      .string()
      .toLowerCase()
      .pipe(z.enum(['none', 'basic', 'normal', 'detailed']))
      .prefault('normal')
      .describe('How much is measured: none, basic, normal or detailed.'),
    address: z
      .string()
      .optional()
      .describe(
        `Where self-metrics are served; ${DEFAULT_ADDRESS} when not set, switched off when empty.`,
      ),
    readers: z.array(reader).optional().describe('The same, in the form of the Collector.'),
    views: ignored(z.array(z.unknown()), FIXED_NAMES),
    prefix: z
      .string()
      .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, { error: 'expected letters, digits and underscores' })
      .default('millrace_')
      .describe(
        'What every name begins with; `otelcol_` serves dashboards made for the Collector.',
      ),
  })
  .transform((written): TelemetryConfig['metrics'] => {
    const { level } = written;
    const prefix = /[_:]$/.test(written.prefix) ? written.prefix : `${written.prefix}_`;
    const pages = written.readers?.flatMap((each) => each.pull?.exporter.prometheus ?? []);
    const [page] = pages ?? [];
    const host = page?.host.includes(':') === true ? `[${page.host}]` : page?.host;
    const ofReaders = page && `${host}:${page.port}`;
    const wanted = pages === undefined ? (written.address ?? DEFAULT_ADDRESS) : ofReaders;
    const address = level === 'none' || wanted === '' ? undefined : wanted;
    return { level, address, prefix, totalSuffix: page !== undefined && !page.without_type_suffix };
  });

/** `service.telemetry`: the Collector's keys, as far as they mean something here. */
export const telemetrySchema = z.strictObject({
  logs: section(logs).prefault({}).describe('Log lines.'),
  metrics: section(metrics).prefault({}).describe('Self-metrics.'),
  traces: ignored(z.unknown(), 'Millrace does not trace itself'),
  resource: ignored(z.unknown(), 'self-metrics carry no resource attributes'),
});
