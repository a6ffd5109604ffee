import type { Bytes } from '../../../contract/batch.ts';

/** What a version of remote-write has no words for. */
export interface Dropped {
  /** Histograms with custom buckets, which are items. */
  readonly customHistograms: number;
  /** Metadata messages. */
  readonly metadata: number;
  /** Start timestamps of samples and histograms. */
  readonly startTimestamps: number;
}

/** A request and what is in it. */
export interface Written {
  /** Not compressed; empty when nothing of the chunk can be said. */
  readonly bytes: Bytes;
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  readonly dropped: Dropped;
}

export const NOTHING_DROPPED: Dropped = Object.freeze({
  customHistograms: 0,
  metadata: 0,
  startTimestamps: 0,
});
