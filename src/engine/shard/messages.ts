/** The messages that cross threads, and nothing else does. All of them structured-cloneable. */
import type { MessagePort } from 'node:worker_threads';
import type { RawRequest } from '../../contract/component.ts';
import type { BudgetMemory } from '../admission/budget-memory.ts';
import type { Config } from '../config/config.ts';
import type { ExchangedPart } from '../pipeline/exchange.ts';
import type { SeriesAnnouncement } from '../telemetry/shard-metrics.ts';

/** What a shard is born with. */
export interface ShardSetup {
  readonly config: Config;
  readonly version: string;
  readonly index: number;
  readonly count: number;
  readonly listen: 'shared' | 'alone' | 'none';
  readonly budget: BudgetMemory;
  readonly loads: SharedArrayBuffer;
  readonly peers: readonly PeerPort[];
}

/** One end of the channel to another shard; the port is transferred. */
export interface PeerPort {
  readonly index: number;
  readonly port: MessagePort;
}

/** From the supervisor to a shard. */
export type ToShard =
  /** Everything is built in all shards: receivers may start. */
  | { readonly kind: 'listen' }
  /** Another shard was replaced. */
  | { readonly kind: 'peer'; readonly peer: PeerPort }
  /** Somebody looks at what components show of this topic. Answered with `report`. */
  | { readonly kind: 'report'; readonly id: number; readonly topic: string }
  /** First step of a stop: no new work, answers for what is in hand. */
  | { readonly kind: 'stop_receivers'; readonly graceMs: number }
  /** Second step: deliver what is held, until the time is up. Then the thread ends. */
  | { readonly kind: 'stop'; readonly graceMs: number };

/** From a shard to the supervisor. */
export type FromShard =
  | { readonly kind: 'built' }
  | { readonly kind: 'listening' }
  /** It could not start; the thread ends. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'series'; readonly series: SeriesAnnouncement }
  | { readonly kind: 'report'; readonly id: number; readonly rows: readonly unknown[] }
  | { readonly kind: 'receivers_stopped' }
  | { readonly kind: 'stopped' };

/** What one shard asks of another; see `Mesh`. */
export type PeerCall =
  /** Process a request that I received. Answered with a `Reply`. */
  | { readonly kind: 'request'; readonly receiver: string; readonly request: RawRequest }
  /** Take a part of a batch, which you own. Answered with an `Outcome`. */
  | { readonly kind: 'part'; readonly part: ExchangedPart }
  /** A question of a component to itself. Answered with a `PeerAnswer`. */
  | { readonly kind: 'question'; readonly component: string; readonly question: unknown };

/** Between two shards, over their own port. Bytes are transferred. */
export type PeerMessage =
  | { readonly kind: 'call'; readonly id: number; readonly call: PeerCall }
  /** `answer` is undefined when there is none: the call failed. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown };
