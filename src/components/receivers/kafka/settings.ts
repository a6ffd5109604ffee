import type { z } from 'zod';
import { section } from '../../../contract/settings.ts';
import type { Form, Signal } from '../../../contract/batch.ts';
import type {
  ConsumerOptions,
  KafkaClientName,
  KafkaConnection,
} from '../../../net/kafka/client.ts';
import type { ConnectionSettings } from '../../../net/kafka/settings.ts';
import { type Encoding, keys, type tenant } from './keys.ts';

/** Where the records of one signal are. */
export interface Source {
  readonly signal: Signal;
  /** Names, and expressions that begin with `^`. */
  readonly topics: readonly string[];
  /** Expressions; what they match is not read. */
  readonly excludeTopics: readonly string[];
  readonly encoding: Encoding;
}

/** Who says whose data a record is. */
export type TenantSource =
  /** This record header, and those of `service.tenancy` where it is absent. Empty: only those. */
  | { readonly from: 'header'; readonly name: string }
  /** The first group of `pattern` in the name of the topic. */
  | { readonly from: 'topic'; readonly pattern: RegExp }
  /** This attribute of the resource. */
  | { readonly from: 'attribute'; readonly key: string };

/** Settings of the receiver. */
export interface Config {
  readonly client: KafkaClientName;
  /** Where the cluster is: what it makes of certificates and credentials stays in its thread. */
  readonly connection: ConnectionSettings;
  /** All else that a consumer is told but for the topics. */
  readonly consumer: Omit<ConsumerOptions, 'topics' | keyof KafkaConnection>;
  readonly sources: readonly Source[];
  /** Lower-case names of record headers that become metadata. */
  readonly headers: readonly string[];
  readonly tenant: TenantSource;
  /** Topic for records that can never be taken; undefined: they are dropped. */
  readonly deadLetterTopic: string | undefined;
  /** 0: after every outcome. */
  readonly commitIntervalMs: number;
  /** How often expressions are matched with the topics there are. */
  readonly topicRefreshMs: number;
}

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

/** The section as users write it. */
export const settings = section(keys)
  .superRefine((value, context) => {
    if (value.heartbeat_interval * 2 > value.session_timeout) {
      const message = 'is more than half of session_timeout; a third is usual';
      context.addIssue({ code: 'custom', path: ['heartbeat_interval'], message });
    }
    if (value.client === 'kafkajs' && value.group_instance_id !== undefined) {
      const message = 'is nothing that client: kafkajs can do; use client: platformatic';
      context.addIssue({ code: 'custom', path: ['group_instance_id'], message });
    }
    for (const signal of value.tenant.from === 'attribute' ? SIGNALS : []) {
      const { encoding } = value[signal];
      if (encoding === 'otlp_proto') continue;
      const message = `${encoding} has no tenant in an attribute; use tenant.from: header or topic`;
      context.addIssue({ code: 'custom', path: [signal, 'encoding'], message });
    }
  })
  .transform(configOf);

function configOf(value: z.output<typeof keys>): Config {
  const { group_instance_id, header_extraction } = value;
  const strategies = value.group_rebalance_strategies.map((name) =>
    name === 'cooperative-sticky' ? name : 'roundrobin',
  );
  return {
    client: value.client,
    connection: value,
    consumer: {
      groupId: value.group_id,
      ...(group_instance_id === undefined ? {} : { groupInstanceId: group_instance_id }),
      initialOffset: value.initial_offset,
      sessionTimeoutMs: value.session_timeout,
      heartbeatIntervalMs: value.heartbeat_interval,
      rebalanceTimeoutMs: Math.max(value.rebalance_timeout, value.session_timeout),
      strategies: [...new Set(strategies)],
      minFetchBytes: value.min_fetch_size,
      maxFetchBytes: Math.max(value.max_fetch_size, value.max_partition_fetch_size),
      maxPartitionFetchBytes: value.max_partition_fetch_size,
      maxFetchWaitMs: value.max_fetch_wait,
    },
    sources: SIGNALS.map((signal) => {
      const { topics, exclude_topics: excludeTopics, encoding } = value[signal];
      return { signal, topics, excludeTopics, encoding };
    }),
    headers: header_extraction.extract_headers
      ? header_extraction.headers.map((name) => name.toLowerCase())
      : [],
    tenant: tenantSourceOf(value.tenant),
    deadLetterTopic: value.dead_letter?.topic,
    commitIntervalMs: value.autocommit.enable ? value.autocommit.interval : 0,
    topicRefreshMs: value.metadata.refresh_interval,
  };
}

/** Forms that the metrics of these sources have. */
export function formsOf(sources: readonly Source[]): readonly Form[] {
  const metrics = sources.find(({ signal }) => signal === 'metrics');
  return [metrics?.encoding === 'prometheus_remote_write' ? 'prometheus' : 'otlp'];
}

function tenantSourceOf(value: z.output<typeof tenant>): TenantSource {
  const { from, header, topic_pattern, attribute } = value;
  if (from === 'topic') return { from, pattern: new RegExp(topic_pattern ?? '') };
  if (from === 'attribute') return { from, key: attribute ?? '' };
  return { from, name: header.toLowerCase() };
}
