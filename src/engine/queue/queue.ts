import type { Batch } from '../../contract/batch.ts';
import type { Lifecycle } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';

/**
 * The only place where telemetry may wait. Bounded; memory now, disk later. `offer` resolves
 * when the batch is as safe as this queue makes it, which is what "accepted" then means.
 */
export interface Queue extends Lifecycle {
  /** In the unit of the sizer, counting what is out for delivery. Above `capacity` only by one batch. */
  readonly size: number;
  readonly capacity: number;
  /** Bytes held, counting what is out for delivery. */
  readonly bytes: number;
  /** Items held, counting what is out for delivery. */
  readonly items: number;
  /** How near it is to refusing somebody, 0 to 1: the whole of it, or a tenant with its share. */
  readonly fullness: number;
  /** Milliseconds since the epoch at which the oldest batch held was received; 0 when empty. */
  readonly oldestReceivedAt: number;
  /** Why there is no room for this batch now; undefined when there is. Fan-out asks before it offers to any. */
  refusal(batch: Batch): Outcome | undefined;
  /**
   * Waits for room only where the settings say so; otherwise answers `retry` when there is none.
   * With `wait`, resolves when the batch is settled, with what became of it.
   */
  offer(batch: Batch, wait?: boolean): Promise<Outcome>;
  /** The next batch, tenants taking turns; `undefined` once stopped and none is left to take. */
  take(): Promise<Lease | undefined>;
  /**
   * Takes no more offers. Resolves when all it held is settled, or at the deadline; what it then
   * still holds in memory is let go, and who waits for the result is told to come back.
   */
  stop(deadline: AbortSignal): Promise<void>;
}

/** A batch out for delivery. It keeps its room in the queue until settled, exactly once. */
export interface Lease {
  readonly batch: Batch;
  /**
   * `retry` puts it back at the head; any other outcome lets it go. `answer` is what a caller
   * who waits for the result hears, where that differs: what is given up here, its client may
   * still send again.
   */
  settle(outcome: Outcome, answer?: Outcome): void;
}

/** Told what happens at the entrance of a queue, while it happens. */
export interface QueueObserver {
  /** The batch is in: from now on it is this side's to account for. */
  entered(batch: Batch): void;
  /** The batch stays out. */
  refused(batch: Batch, outcome: Outcome): void;
  /** So many callers more, or fewer, wait for room. */
  blocked(change: number): void;
}

/**
 * The account of bytes in memory that all shards share. Queues charge what they hold, so that
 * admission sees it. Implemented by admission; a no-op in tests that do not care.
 */
export interface Ledger {
  charge(tenant: string, bytes: number): void;
  release(tenant: string, bytes: number): void;
}
