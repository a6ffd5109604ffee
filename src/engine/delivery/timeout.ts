import type { Batch } from '../../contract/batch.ts';
import type { Clock } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';

/** One attempt, or something that makes several: the type every layer of delivery wraps. */
export type Send = (batch: Batch, signal: AbortSignal) => Promise<Outcome>;

/** The outcome of a batch that was not sent because the collector stops. */
export const UNSENT: Outcome = Object.freeze({
  kind: 'retry',
  reason: 'shutdown',
  message: 'not delivered before the collector stopped; send again',
});

/**
 * `send` with an end: after `timeoutMs` (0: never) the attempt is aborted and answers `retry`;
 * when `signal` aborts it answers `UNSENT`. Either way at once, even when `send` goes on.
 */
export function withTimeout(send: Send, timeoutMs: number, clock: Clock): Send {
  return (batch, signal) => {
    if (signal.aborted) return Promise.resolve(UNSENT);
    const attempt = new AbortController();
    return new Promise((resolve, reject) => {
      const end = (outcome: Outcome) => {
        signal.removeEventListener('abort', stop);
        cancel?.();
        resolve(outcome);
      };
      const stop = () => {
        end(UNSENT);
        attempt.abort(signal.reason);
      };
      const expire = () => {
        const message = `no answer within ${timeoutMs}ms; is the backend overloaded, or timeout too short?`;
        end({ kind: 'retry', reason: 'timeout', message });
        attempt.abort(new Error(message));
      };
      const cancel = timeoutMs > 0 ? clock.after(timeoutMs, expire) : undefined;
      signal.addEventListener('abort', stop);
      send(batch, attempt.signal).then(end, (error: unknown) => {
        signal.removeEventListener('abort', stop);
        cancel?.();
        reject(error);
      });
    });
  };
}
