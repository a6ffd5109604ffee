/** What the components of all shards show of one topic. */
export interface Report {
  /** Plain JSON values, shard by shard. */
  readonly rows: readonly unknown[];
  /** Shards that did not answer in time. */
  readonly silent: readonly number[];
}
