import type { Batch } from '../../contract/batch.ts';
import type { Clock } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { RetryConfig } from '../config/config.ts';
import type { Send } from './timeout.ts';

/** Longest wait of its own between attempts once the collector stops. */
const DRAIN_INTERVAL_MS = 1000;
/** Least wait, where the settings or the backend would have none. */
const MIN_WAIT_MS = 10;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface RetryOptions {
  readonly policy: RetryConfig;
  readonly clock: Clock;
  /** Aborts when the collector begins to stop: a wait under way ends, later ones are short. */
  readonly stopping: AbortSignal;
  /** Told before each wait. */
  retrying(outcome: Outcome & { kind: 'retry' }): void;
}

/** What is known of a batch before the first attempt here. */
export interface Before {
  /** Milliseconds since the epoch from which its age counts. */
  readonly since?: number;
  /** The answer to an attempt that it was a part of, which was the first. */
  readonly last?: Outcome & { kind: 'retry' };
}

/** All attempts at one batch. */
export type SendAgain = (batch: Batch, signal: AbortSignal, before?: Before) => Promise<Outcome>;

/**
 * `send`, again and again while it answers `retry`: exponential backoff with jitter, never
 * sooner than the backend asks. Gives up with reason `retry_expired` as soon as the next attempt
 * would come after `max_elapsed_time`. Ends with the last answer when its signal aborts.
 */
export function withRetry(send: Send, options: RetryOptions): SendAgain {
  const { policy, clock, stopping } = options;
  return async (batch, signal, before = {}) => {
    const begun = before.since ?? clock.now();
    let { last } = before;
    let intervalMs = policy.initialIntervalMs;
    for (;;) {
      const outcome = last ?? (await send(batch, signal));
      last = undefined;
      if (!policy.enabled) return outcome;
      if (outcome.kind !== 'retry' || signal.aborted) return outcome;
      let waitMs = spread(intervalMs, policy.randomizationFactor);
      if (stopping.aborted) waitMs = Math.min(waitMs, DRAIN_INTERVAL_MS);
      waitMs = Math.min(Math.max(waitMs, outcome.afterMs ?? 0, MIN_WAIT_MS), LONGEST_TIMER_MS);
      const elapsedMs = clock.now() - begun;
      if (policy.maxElapsedTimeMs > 0 && elapsedMs + waitMs > policy.maxElapsedTimeMs) {
        return expired(outcome, elapsedMs);
      }
      options.retrying(outcome);
      await pause(waitMs, clock, stopping.aborted ? [signal] : [signal, stopping]);
      intervalMs = Math.min(intervalMs * policy.multiplier, policy.maxIntervalMs);
    }
  };
}

function spread(intervalMs: number, factor: number): number {
  return intervalMs * (1 - factor + 2 * factor * Math.random());
}

function expired(last: Outcome & { kind: 'retry' }, elapsedMs: number): Outcome {
  const seconds = (elapsedMs / 1000).toFixed(1);
  const message = `gave up after ${seconds}s of attempts: ${last.message}`;
  return { ...last, reason: 'retry_expired', message };
}

/** Resolves after `ms`, or as soon as one of `signals` aborts. */
function pause(ms: number, clock: Clock, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      for (const signal of signals) signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    for (const signal of signals) signal.addEventListener('abort', end);
  });
}
