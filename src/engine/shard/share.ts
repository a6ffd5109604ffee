import type { Load } from './loads.ts';

/** From here on a shard counts as saturated. */
const SATURATED = 0.85;
/** Below this a shard wants all of its work for itself. */
const AT_EASE = 0.7;
/** A peer must have this much more to spare to be worth the crossing. */
const MARGIN = 0.15;
const DOWN = 0.06;
const UP = 0.1;

/** What a shard may be short of: time of its thread, or room in a queue. */
export type Scarce = keyof Load;

/**
 * The share of its requests that a shard hands over, 0 to 1. It grows while the shard is
 * saturated and a peer is clearly less so, the faster the more they differ; it shrinks when the
 * shard is at ease or no peer has more to spare; between these it rests.
 */
export function adaptShare(share: number, own: number, least: number): number {
  if (own < AT_EASE || least >= own) return Math.max(share - DOWN, 0);
  if (own < SATURATED || least > own - MARGIN) return share;
  return Math.min(share + (own - least) * UP, 1);
}

/**
 * How much of what a shard is short of is taken at a peer. A peer that is saturated with the
 * other, and more so than the shard is, counts as having none: it would only refuse.
 */
export function takenAt(peer: Load, own: Load, scarce: Scarce): number {
  const other = scarce === 'busy' ? 'full' : 'busy';
  return peer[other] >= SATURATED && peer[other] > own[other] ? 1 : peer[scarce];
}

/** Whether a peer with so much taken is a target for a shard with `own` taken. */
export function hasMoreToSpare(peer: number, own: number): boolean {
  return peer <= own - MARGIN / 3;
}
