import type { Outcome } from '../../contract/outcome.ts';
import type { Budget, Shortage } from './budget.ts';

/** What a client hears when there is no room, with a hint when to come back. */
export class Refusals {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The budget named has no room now. */
  full(shortage: Shortage, tenant: string): Outcome {
    const afterMs = this.#budget.hintMs();
    if (shortage === 'tenant_memory_budget') {
      const limit = this.#budget.tenantMaxBytes;
      const message = `tenant ${tenant} holds its share of the memory, at most ${limit} bytes and less while others need it; retry`;
      return { kind: 'retry', reason: shortage, message, afterMs, scope: 'tenant_room' };
    }
    const message = `all ${this.#budget.maxBytes} bytes of the memory budget are held; retry`;
    return { kind: 'retry', reason: shortage, message, afterMs };
  }

  /** A request that no budget will ever have room for. */
  tooLarge(bytes: number): Outcome | undefined {
    const limit = Math.min(this.#budget.maxBytes, this.#budget.tenantMaxBytes);
    if (bytes <= limit) return undefined;
    return {
      kind: 'rejected',
      reason: 'exceeds_memory_budget',
      message: `the request takes ${bytes} bytes and at most ${limit} can be held; send smaller ones`,
      fault: 'too_large',
    };
  }

  /** The process uses more memory than its limiter allows. */
  pressed(): Outcome {
    return {
      kind: 'retry',
      reason: 'process_memory',
      message: 'the process uses more memory than memory_limiter allows; retry',
      afterMs: this.#budget.hintMs(),
    };
  }

  /** The collector shuts down. */
  stopping(): Outcome {
    return {
      kind: 'retry',
      reason: 'stopping',
      message: 'the collector is shutting down; retry',
      afterMs: 1000,
    };
  }

  /** The shard that was working on the request died. */
  shardLost(): Outcome {
    return {
      kind: 'retry',
      reason: 'shard_lost',
      message: 'the thread that had the request died before it answered; retry',
      afterMs: 1000,
    };
  }

  /** Every refusal carries a hint, also those of a pipeline that gives none. */
  withHint(outcome: Outcome): Outcome {
    if (outcome.kind !== 'retry' || outcome.afterMs !== undefined) return outcome;
    return { ...outcome, afterMs: this.#budget.hintMs() };
  }
}
