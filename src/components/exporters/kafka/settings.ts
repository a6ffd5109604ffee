import { z } from 'zod';
import { byteSize, duration, ignored, retired } from '../../../contract/settings.ts';
import { unsupported } from '../../../net/client/settings.ts';
import { isAvailable, levelsOf } from '../../../net/compress.ts';
import { connectionSettings } from '../../../net/kafka/settings.ts';

const PLACEHOLDER = /\{([^}]*)\}/g;
const FIELDS = new Set(['tenant', 'signal']);
const ACKS: Readonly<Record<string, -1 | 0 | 1>> = { all: -1, '-1': -1, '0': 0, '1': 1 };

const template = z.string().superRefine((value, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  for (const [all, name = ''] of value.matchAll(PLACEHOLDER)) {
    if (!FIELDS.has(name)) refuse(`${all} is unknown; write {tenant} or {signal}`);
  }
  if (isTopic(value.replaceAll(PLACEHOLDER, 'x'))) return;
  refuse(
    `${JSON.stringify(value)} is no topic; use letters, digits, dots, hyphens and underscores`,
  );
});

/** Whether Kafka takes this as the name of a topic. */
export function isTopic(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}

function signal(topic: string) {
  return {
    topic: template
      .default(topic)
      .describe('Topic; {tenant} and {signal} in it stand for those of the batch.'),
    topic_from_metadata_key: z
      .string()
      .toLowerCase()
      .optional()
      .describe('Request header whose value is the topic, where there is one.'),
    message_key_from_metadata_key: z
      .string()
      .toLowerCase()
      .optional()
      .describe('Request header whose value is the key of the records.'),
  };
}

const WHAT = 'What the value of a record is.';
const otlp = z.enum(['otlp_proto', 'otlp_json']).default('otlp_proto').describe(WHAT);
const any = z
  .enum(['otlp_proto', 'otlp_json', 'prometheus_remote_write'])
  .default('otlp_proto')
  .describe(`${WHAT} prometheus_remote_write is a WriteRequest without compression.`);

function flag(what: string) {
  return z.boolean().default(false).describe(what);
}

const sections = {
  traces: z
    .strictObject({ ...signal('otlp_spans'), encoding: otlp })
    .prefault({})
    .describe('Where spans go, and how.'),
  metrics: z
    .strictObject({ ...signal('otlp_metrics'), encoding: any })
    .prefault({})
    .describe('Where metrics go, and how.'),
  logs: z
    .strictObject({ ...signal('otlp_logs'), encoding: otlp })
    .prefault({})
    .describe('Where log records go, and how.'),
  profiles: ignored(z.unknown(), 'profiles are not carried'),
  topic: retired('write traces.topic, metrics.topic and logs.topic'),
  encoding: retired('write traces.encoding, metrics.encoding and logs.encoding'),
  topic_from_attribute: z
    .string()
    .min(1)
    .optional()
    .describe('Attribute of the resource that names the topic, where it is a string.'),
} as const;

const keys = {
  partition_traces_by_id: flag('One record per trace; its key is the trace id in hex.'),
  partition_metrics_by_resource_attributes: flag('One record per resource; its key is a hash.'),
  partition_metrics_by_series: flag('A series is always in the same partition.'),
  partition_logs_by_resource_attributes: flag('One record per resource; its key is a hash.'),
  partition_logs_by_trace_id: flag('One record per trace; its key is the trace id in hex.'),
  partition_by_tenant: flag('The key of a record is its tenant, where nothing else says one.'),
  record_partitioner: z
    .strictObject({
      sticky_key: z
        .strictObject({
          hasher: z
            .enum(['sarama_compat', 'murmur2'])
            .default('sarama_compat')
            .describe('Hash of keys: FNV-1a as sarama has it, or that of the Java client.'),
        })
        .prefault({})
        .describe('Records with a key go by its hash, others take turns.'),
      round_robin: z.strictObject({}).nullable().optional().describe('All records take turns.'),
      least_backup: unsupported('write round_robin'),
      extension: unsupported('write sticky_key or round_robin'),
    })
    .prefault({})
    .describe('Which partition a record goes to.'),
} as const;

const headers = {
  include_metadata_keys: z
    .array(z.string().toLowerCase())
    .default([])
    .describe('Request headers that become headers of the records.'),
  record_headers: z.record(z.string(), z.string()).default({}).describe('Headers of every record.'),
  tenant_header: z
    .string()
    .default('tenant')
    .describe('Header that carries the tenant; empty for none.'),
  signal_header: z
    .string()
    .default('signal')
    .describe('Header that says traces, metrics or logs; empty for none.'),
} as const;

const producer = z
  .strictObject({
    max_message_bytes: byteSize()
      .default(1_000_000)
      .describe('Largest record batch before compression; requests are split to fit.'),
    max_broker_write_bytes: byteSize()
      .default(104_857_600)
      .describe('Most bytes in one go; brokers take socket.request.max.bytes.'),
    required_acks: z
      .union([z.literal(['all', '-1', '0', '1']), z.literal([-1, 0, 1])])
      .default(1)
      .transform((value) => ACKS[String(value)] ?? 1)
      .describe('Replicas that must have a record: 1 the leader, all (-1) those in sync, 0 none.'),
    idempotent: flag('A record is stored once, however often it is sent; needs required_acks all.'),
    compression: z
      .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      .default('none')
      .describe('Compression of record batches.'),
    compression_params: z
      .strictObject({
        level: z.int().optional().describe('Level of gzip or zstd; 1 when absent.'),
      })
      .prefault({}),
    flush_max_messages: z
      .int()
      .min(0)
      .default(10_000)
      .describe('Most records in one batch; 0: any.'),
    allow_auto_topic_creation: z
      .boolean()
      .default(true)
      .describe('Lets the broker create a topic that is not there.'),
    linger: ignored(duration(), 'sending_queue.batch gathers what goes out together'),
  })
  .prefault({});

const metadata = z
  .strictObject({
    refresh_interval: duration({ positive: true })
      .default(600_000)
      .describe('Age at which topics and leaders are asked for again.'),
    full: ignored(z.boolean(), 'only topics in use are asked for'),
    retry: ignored(z.unknown(), 'retry_on_failure applies'),
  })
  .prefault({});

const deadLetter = z
  .strictObject({
    topic: template.describe('Topic for single items that are too large for their own.'),
  })
  .optional()
  .describe('Where items go that can never be sent; without it they are dropped and counted.');

/** Schema of a `kafka` section, without the keys of the shared delivery. */
export const schema = z
  .strictObject({
    ...connectionSettings,
    ...sections,
    ...keys,
    ...headers,
    producer,
    metadata,
    dead_letter: deadLetter,
    conn_idle_timeout: ignored(duration(), 'connections stay while the broker keeps them'),
  })
  .superRefine((value, context) => {
    for (const [path, message] of problemsOf(value)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  });

type Problem = readonly [path: readonly string[], message: string];

function* problemsOf(value: Parsed): Generator<Problem, undefined> {
  const { producer: own } = value;
  const { compression, compression_params: params, idempotent, required_acks: acks } = own;
  const levelPath = ['producer', 'compression_params', 'level'];
  if (params.level !== undefined) {
    const levels = compression === 'none' ? undefined : levelsOf(compression);
    if (levels === undefined) yield [levelPath, `${compression} has no levels; remove it`];
    else if (params.level < levels.min || params.level > levels.max) {
      yield [levelPath, `must be between ${levels.min} and ${levels.max} for ${compression}`];
    }
    if (value.client === 'kafkajs') {
      yield [levelPath, 'cannot be set with client kafkajs; use client: platformatic'];
    }
  }
  if (compression !== 'none' && !isAvailable(compression)) {
    yield [['producer', 'compression'], `${compression} needs the npm package lz4-napi`];
  }
  if (idempotent && acks !== -1) {
    yield [['producer', 'idempotent'], 'needs required_acks: all'];
  }
  yield* conflictsOf(value);
}

function* conflictsOf(value: Parsed): Generator<Problem, undefined> {
  const isSeries = value.metrics.encoding === 'prometheus_remote_write';
  if (value.partition_logs_by_resource_attributes && value.partition_logs_by_trace_id) {
    yield [['partition_logs_by_trace_id'], 'excludes partition_logs_by_resource_attributes'];
  }
  if (value.partition_metrics_by_series && !isSeries) {
    const message = 'needs metrics.encoding: prometheus_remote_write; OTLP is keyed by resource';
    yield [['partition_metrics_by_series'], message];
  }
  if (value.partition_metrics_by_resource_attributes && isSeries) {
    const message =
      'has no resources with prometheus_remote_write; use partition_metrics_by_series';
    yield [['partition_metrics_by_resource_attributes'], message];
  }
}

type Parsed = Readonly<{
  client: 'platformatic' | 'kafkajs';
  metrics: { encoding: string };
  partition_logs_by_resource_attributes: boolean;
  partition_logs_by_trace_id: boolean;
  partition_metrics_by_series: boolean;
  partition_metrics_by_resource_attributes: boolean;
  producer: z.output<typeof producer>;
}>;

/** A checked `kafka` section. */
export type Config = z.output<typeof schema>;
