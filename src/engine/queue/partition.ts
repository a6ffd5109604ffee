import type { Batch, Metadata } from '../../contract/batch.ts';

/**
 * The values of `keys` in `metadata` as one string, different for different values; an absent
 * key differs from an empty one. Empty when there are no keys.
 */
export function metadataPartition(metadata: Metadata, keys: readonly string[]): string {
  if (keys.length === 0) return '';
  return JSON.stringify(keys.map((key) => metadata[key] ?? null));
}

/** Only `keys` of `metadata`: all that batches of one partition have in common. */
export function sharedMetadata(metadata: Metadata, keys: readonly string[]): Metadata {
  const shared: Record<string, readonly string[]> = {};
  for (const key of keys) {
    const values = metadata[key];
    if (values !== undefined) shared[key] = values;
  }
  return shared;
}

/** Equal for batches that may travel in one request: of one form, one tenant, one partition. */
export function partitionOf({ form, origin }: Batch, keys: readonly string[]): string {
  const { tenant, metadata } = origin;
  return `${form} ${tenant.length} ${tenant} ${metadataPartition(metadata, keys)}`;
}
