import type { Context, Peers } from '../../contract/context.ts';
import type { Kind } from '../../contract/registry.ts';
import type { Log } from '../telemetry/logger.ts';
import type { ShardMetrics } from '../telemetry/shard-metrics.ts';

/** What the contexts of all components of a shard are made of. */
export interface ContextParts {
  readonly metrics: ShardMetrics;
  readonly log: Log;
  /** All but what differs from one to the next. */
  readonly context: Omit<Context, 'id' | 'log' | 'meter' | 'peers' | 'report'>;
  /** A component in the other shards; absent where there is one shard only. */
  readonly peersOf?: (component: string) => Peers;
  /** Shows something of a component on the status server; absent where nobody can look. */
  readonly report?: (component: string, topic: string, read: () => readonly unknown[]) => void;
}

/** The context of the component of this kind with this id in the configuration. */
export type ContextOf = (kind: Kind, id: string) => Context;

const LABEL_OF_KIND: Readonly<Record<Kind, string>> = {
  receivers: 'receiver',
  processors: 'processor',
  exporters: 'exporter',
  extensions: 'extension',
};

/** Makes contexts. Equal ids have the same instruments, peers and place on the status server. */
export function contextFactory(parts: ContextParts): ContextOf {
  const { context, metrics, log, peersOf, report } = parts;
  return (kind, name) => {
    const id = `${kind}/${name}`;
    return {
      ...context,
      id,
      log: log.logger(id),
      meter: metrics.meter({ [LABEL_OF_KIND[kind]]: name }),
      ...(peersOf === undefined ? {} : { peers: peersOf(id) }),
      ...(report === undefined
        ? {}
        : { report: (topic: string, read: () => readonly unknown[]) => report(id, topic, read) }),
    };
  };
}
