/**
 * All series of one name, seen from the main thread: where their numbers are, how those of
 * several shards become one, and which names are only worth their place at level `detailed`.
 */
import type { Labels } from '../../contract/context.ts';
import type { SeriesKind } from './shard-metrics.ts';

/**
 * How a gauge of several shards becomes one series.
 *
 * - `sum`:      sizes and counts of things each shard has of its own.
 * - `earliest`: points in time, 0 meaning none: the earliest of those that are not 0.
 * - `max`:      every shard reports the same shared thing.
 * - `shard`:    stays one series per shard, with a `shard` label.
 */
export type GaugeMerge = 'sum' | 'earliest' | 'max' | 'shard';

/** How gauges called `name` are merged. Counters and histograms are always summed. */
export function gaugeMergeOf(name: string): GaugeMerge {
  if (name.startsWith('shard_')) return 'shard';
  if (name.endsWith('_timestamp_seconds') || name.endsWith('_since_seconds')) return 'earliest';
  if (name.endsWith('_utilization') || name.endsWith('_ratio')) return 'max';
  // What admission says is about budgets that all shards share.
  return name.startsWith('admission_') ? 'max' : 'sum';
}

const DETAILED: ReadonlySet<string> = new Set([
  'exporter_enqueue_size',
  'exporter_enqueue_size_bytes',
  'exporter_queue_batch_send_size',
  'exporter_queue_batch_send_size_bytes',
]);

/** Whether `name` is only shown at level `detailed`. */
export function isDetailed(name: string): boolean {
  return DETAILED.has(name);
}

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: SeriesKind;
  /** Of histograms, empty otherwise. */
  readonly bounds: readonly number[];
  readonly merge: GaugeMerge;
  /** How many numbers one series has. */
  readonly width: number;
  readonly series: Map<string, Series>;
}

/** One label set, merged from the shards that have it. */
export interface Series {
  readonly labels: Labels;
  sources: readonly Source[];
  /** What dead shards had counted. */
  readonly retired: Float64Array;
}

/** Where one shard keeps its part of a series. */
export interface Source {
  readonly shard: number;
  readonly cells: Float64Array;
  readonly slot: number;
}

/** The number at `offset` of a series, merged over its shards. */
export function mergedCell(family: Family, series: Series, offset: number): number {
  let merged = series.retired[offset] ?? 0;
  for (const { cells, slot } of series.sources) {
    const value = cells[slot + offset] ?? 0;
    if (family.merge === 'max') merged = Math.max(merged, value);
    else if (family.merge !== 'earliest') merged += value;
    else if (value !== 0 && (merged === 0 || value < merged)) merged = value;
  }
  return merged;
}
