/** Keys of the section, as users write them. */
import { z } from 'zod';
import { duration, ignored, retired } from '../../../contract/settings.ts';
import { unsupported } from '../../../net/client/settings.ts';
import { connectionSettings } from '../../../net/kafka/settings.ts';

/** How the value of a record is encoded. */
export type Encoding = 'otlp_proto' | 'otlp_json' | 'prometheus_remote_write';

const NEVER_EARLY = 'offsets move once the outcome of a record is binding, never earlier';

const MARKING = z
  .strictObject({
    after: ignored(z.boolean(), NEVER_EARLY),
    on_error: z
      .literal(false, { error: `is not supported; ${NEVER_EARLY}` })
      .optional()
      .describe('A record that may be taken later is tried again; it is never skipped.'),
    on_permanent_error: z
      .literal(true, {
        error:
          'is not supported; a record that can never be taken would be read for ever: name dead_letter.topic',
      })
      .optional()
      .describe('A record that can never be taken goes to the dead letters, or is dropped.'),
  })
  .optional()
  .describe('Which outcomes move the offset.');

const pattern = z.string().superRefine((value, context) => {
  try {
    void new RegExp(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message: `is no regular expression: ${reason}` });
  }
});

const topicName = z.string().superRefine((value, context) => {
  if (value.startsWith('^')) {
    const problem = pattern.safeParse(value).error?.issues[0]?.message;
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  } else if (!/^[a-zA-Z0-9._-]{1,249}$/.test(value)) {
    const message = `${JSON.stringify(value)} is no topic: letters, digits, dots, hyphens and underscores, or an expression that begins with ^`;
    context.addIssue({ code: 'custom', message });
  }
});

function sourceSettings<E extends Encoding>(topic: string, encodings: readonly [E, ...E[]]) {
  return z
    .strictObject({
      topics: z
        .array(topicName)
        .min(1)
        .default([topic])
        .describe('Names, or expressions that begin with ^.'),
      exclude_topics: z
        .array(pattern)
        .default([])
        .describe('Expressions; topics they match are not read.'),
      encoding: z
        .enum(encodings)
        .default('otlp_proto' as never)
        .describe('What the records are.'),
      topic: retired('write topics: [name]'),
    })
    .prefault({})
    .describe('Read when a pipeline of this signal names the receiver.');
}

const OTLP = ['otlp_proto', 'otlp_json'] as const;

/** `tenant` of the section. */
export const tenant = z
  .strictObject({
    from: z
      .enum(['header', 'topic', 'attribute'])
      .default('header')
      .describe(
        'Who says whose data a record is: headers as in service.tenancy, the name of the topic, or an attribute of the resource.',
      ),
    header: z
      .string()
      .default('tenant')
      .describe('Record header, believed before those of service.tenancy; empty for none.'),
    topic_pattern: pattern.optional().describe('Its first group is the tenant; for from: topic.'),
    attribute: z.string().min(1).optional().describe('Of the resource; for from: attribute.'),
  })
  .prefault({})
  .superRefine((value, context) => {
    const need = (key: 'topic_pattern' | 'attribute') => {
      if (value[key] === undefined) {
        context.addIssue({
          code: 'custom',
          path: [key],
          message: `is missing; from: ${value.from} needs it`,
        });
      }
    };
    if (value.from === 'topic') need('topic_pattern');
    if (value.from === 'attribute') need('attribute');
  })
  .describe('Whose data a record is.');

/** The section without what its keys mean for one another. */
export const keys = z.strictObject({
  ...connectionSettings,
  traces: sourceSettings('otlp_spans', OTLP),
  metrics: sourceSettings('otlp_metrics', [...OTLP, 'prometheus_remote_write']),
  logs: sourceSettings('otlp_logs', OTLP),
  topic: retired('write traces.topics, metrics.topics or logs.topics'),
  encoding: retired('write it in traces, metrics or logs'),
  group_id: z
    .string()
    .min(1)
    .default('otel-collector')
    .describe('Consumer group that shares the partitions.'),
  group_instance_id: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Static membership: a restart within session_timeout keeps its partitions. Shards add their number.',
    ),
  initial_offset: z
    .enum(['earliest', 'latest'])
    .default('latest')
    .describe('Where to begin in a partition of which the group has no offset.'),
  session_timeout: duration({ positive: true })
    .default(10_000)
    .describe('Silence after which the group gives the partitions of a member to others.'),
  heartbeat_interval: duration({ positive: true })
    .default(3000)
    .describe('How often a member says it lives.'),
  rebalance_timeout: duration({ positive: true })
    .default(60_000)
    .describe('Longest time to finish what is in hand when partitions move.'),
  group_rebalance_strategy: retired('write group_rebalance_strategies: [cooperative-sticky]'),
  group_rebalance_strategies: z
    .array(z.enum(['cooperative-sticky', 'roundrobin', 'range', 'sticky']))
    .min(1)
    .default(['cooperative-sticky'])
    .describe(
      'How partitions are shared, the best liked first; range and sticky are taken as roundrobin.',
    ),
  min_fetch_size: z
    .int()
    .min(1)
    .default(1)
    .describe('Least bytes a broker answers with, before max_fetch_wait.'),
  max_fetch_size: z
    .int()
    .min(1)
    .default(1_048_576)
    .describe('Most bytes of one answer; one record may be larger.'),
  max_partition_fetch_size: z
    .int()
    .min(1)
    .default(1_048_576)
    .describe(
      'Most bytes of one partition in an answer: what is held of each partition beside what the budgets know.',
    ),
  max_fetch_wait: duration().default(250).describe('Longest wait of a broker for min_fetch_size.'),
  autocommit: z
    .strictObject({
      enable: z
        .boolean()
        .default(true)
        .describe('false: offsets are committed with every outcome.'),
      interval: duration({ positive: true }).default(1000).describe('Time between commits.'),
    })
    .prefault({})
    .describe('When the offsets of what is done are told to the broker.'),
  message_marking: MARKING,
  header_extraction: z
    .strictObject({
      extract_headers: z.boolean().default(false).describe('Whether to keep record headers.'),
      headers: z
        .array(z.string().min(1))
        .default([])
        .describe('Names; they become metadata of these names.'),
    })
    .prefault({})
    .describe('Record headers that stay with the data.'),
  tenant,
  dead_letter: z
    .strictObject({
      topic: z
        .string()
        .regex(/^[a-zA-Z0-9._-]{1,249}$/)
        .describe('Gets the record as it was, with the reason in headers.'),
    })
    .optional()
    .describe('Where records go that can never be taken; without it they are dropped and counted.'),
  metadata: z
    .strictObject({
      full: ignored(z.boolean(), 'what is needed is asked for'),
      refresh_interval: duration({ positive: true })
        .default(600_000)
        .describe('How often expressions are matched anew.'),
      retry: ignored(z.unknown(), 'it is tried again until it works'),
    })
    .prefault({})
    .describe('What is known of the cluster.'),
  error_backoff: ignored(
    z.unknown(),
    'a record that may be taken later waits as long as the refusal says',
  ),
  partition_processing: ignored(z.unknown(), 'partitions never wait for each other'),
  use_leader_epoch: ignored(z.boolean(), 'the client decides'),
  rack_id: unsupported('fetching from followers is left to a later version'),
});
