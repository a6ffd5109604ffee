import type { Batch } from '../../contract/batch.ts';
import type { Lifecycle } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';

/**
 * The only place where telemetry may wait. Bounded; memory now, disk later. `offer` resolves
 * when the batch is as safe as this queue makes it, which is what "accepted" then means.
 */
export interface Queue extends Lifecycle {
  /** In the unit of the sizer, counting what is out for delivery. Never above `capacity`. */
  readonly size: number;
  readonly capacity: number;
  /** Bytes held, counting what is out for delivery. */
  readonly bytes: number;
  /** Items held, counting what is out for delivery. */
  readonly items: number;
  /** Milliseconds since the epoch at which the oldest batch held was received; 0 when empty. */
  readonly oldestReceivedAt: number;
  /** Whether a batch of this size would be refused now. Fan-out asks before it offers to any. */
  hasRoom(batch: Batch): boolean;
  /** Waits for room only where the settings say so; otherwise answers `retry` when there is none. */
  offer(batch: Batch): Promise<Outcome>;
  /** The next batch, tenants taking turns; `undefined` once stopped and empty. */
  take(): Promise<Lease | undefined>;
}

/** A batch out for delivery. It keeps its room in the queue until settled, exactly once. */
export interface Lease {
  readonly batch: Batch;
  /** `retry` puts it back at the head; any other outcome lets it go. */
  settle(outcome: Outcome): void;
}

/**
 * The account of bytes in memory that all shards share. Queues charge what they hold, so that
 * admission sees it. Implemented by admission; a no-op in tests that do not care.
 */
export interface Ledger {
  charge(tenant: string, bytes: number): void;
  release(tenant: string, bytes: number): void;
}
