import type { HealthReport } from '../../contract/context.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import type { ShardState } from './health.ts';

/** What the status page shows and the metrics do not know. A reload changes it. */
export interface StatusFacts {
  readonly version: string;
  readonly configHash: string;
  /** Milliseconds since the epoch. */
  readonly configLoadedAt: number;
  readonly shards: readonly ShardState[];
}

/** Names on the status page and the gauges behind them. Points in time are shown as ages. */
const OF_EXPORTER = {
  queue_size: 'exporter_queue_size',
  queue_capacity: 'exporter_queue_capacity',
  queue_bytes: 'exporter_queue_bytes',
  held_items: 'exporter_held_items',
  oldest_age_seconds: 'exporter_queue_oldest_timestamp_seconds',
  failing_for_seconds: 'exporter_failing_since_seconds',
} as const;

const OF_SHARD = {
  utilization: 'shard_utilization',
  event_loop_lag_seconds: 'shard_event_loop_lag_seconds',
  heap_used_bytes: 'shard_heap_used_bytes',
} as const;

/** The status page: numbers and identities, nothing of the configuration's values. */
export function statusOf(
  registry: MetricsRegistry,
  health: HealthReport,
  facts: StatusFacts,
): unknown {
  const exporters = rowsBy(registry, 'exporter', OF_EXPORTER);
  const shards = rowsBy(registry, 'shard', OF_SHARD);
  const now = Date.now() / 1000;
  for (const row of exporters.values()) {
    for (const age of ['oldest_age_seconds', 'failing_for_seconds']) {
      const since = row[age] ?? 0;
      row[age] = since === 0 ? 0 : Math.max(0, round(now - since));
    }
  }
  return {
    version: facts.version,
    uptime_seconds: round(health.uptime),
    config: { hash: facts.configHash, loaded_at: new Date(facts.configLoadedAt).toISOString() },
    health: {
      live: health.live,
      ready: health.ready,
      healthy: health.healthy,
      reasons: health.reasons,
    },
    shards: facts.shards.map(({ index, ready }) => ({
      shard: index,
      ready,
      ...shards.get(String(index)),
    })),
    exporters: [...exporters].map(([exporter, row]) => ({ exporter, ...row })),
  };
}

function rowsBy(
  registry: MetricsRegistry,
  label: string,
  columns: Readonly<Record<string, string>>,
): Map<string, Record<string, number>> {
  const rows = new Map<string, Record<string, number>>();
  for (const [column, name] of Object.entries(columns)) {
    registry.each(name, (labels, value) => {
      const id = labels[label] ?? '';
      const row = rows.get(id) ?? {};
      row[column] = combine(column, row[column], value);
      rows.set(id, row);
    });
  }
  return rows;
}

/** An exporter may have a series per signal: sizes add up, of points in time the first counts. */
function combine(column: string, known: number | undefined, value: number): number {
  if (known === undefined || known === 0) return round(value);
  if (!column.includes('_age_') && !column.includes('_for_')) return round(known + value);
  return value === 0 ? known : Math.min(known, value);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
