/** From here on a shard counts as saturated. */
const SATURATED = 0.85;
/** Below this a shard wants all of its work for itself. */
const AT_EASE = 0.7;
/** A peer must be this much less busy to be worth the crossing. */
const MARGIN = 0.15;
const DOWN = 0.06;
const UP = 0.1;

/**
 * The share of its requests that a shard hands over, 0 to 1. It grows while the shard is
 * saturated and a peer is clearly less busy, the faster the more they differ; it shrinks when the
 * shard is at ease or no peer is less busy; between these it rests.
 */
export function adaptShare(share: number, own: number, leastBusy: number): number {
  if (own < AT_EASE || leastBusy >= own) return Math.max(share - DOWN, 0);
  if (own < SATURATED || leastBusy > own - MARGIN) return share;
  return Math.min(share + (own - leastBusy) * UP, 1);
}

/** Whether a shard this busy is a target for one that is `own` busy. */
export function isLessBusy(peer: number, own: number): boolean {
  return peer <= own - MARGIN / 3;
}
