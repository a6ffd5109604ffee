import type { Outcome } from '../../contract/outcome.ts';
import { releaseAll, retainAll } from '../../wire/memory.ts';
import type { DeliveryConfig } from '../config/config.ts';
import type { Books } from './books.ts';
import type { DeliveryOptions } from './contract.ts';
import { type SendAgain, withRetry } from './retry.ts';
import { type Send, withTimeout } from './timeout.ts';

/** How a request is sent. Neither rejects. */
export interface Attempts {
  /** Once. */
  readonly once: Send;
  /** Until it has an outcome for good. */
  readonly all: SendAgain;
}

/** All attempts at one request, composed from the inside out. */
export function attempts(
  config: Pick<DeliveryConfig, 'timeoutMs' | 'retry'>,
  options: DeliveryOptions,
  watched: { readonly books: Books; readonly stopping: AbortSignal },
): Attempts {
  const { exporter, context } = options;
  const { books, stopping } = watched;
  const { clock } = context;
  const timed = withTimeout(
    async (batch, signal) => {
      // An attempt that ran out of time may go on for a while, and reads the bytes until its end.
      retainAll(batch.chunks);
      try {
        return await exporter.send(batch, signal);
      } finally {
        releaseAll(batch.chunks);
      }
    },
    config.timeoutMs,
    clock,
  );
  const guarded: Send = async (batch, signal) => {
    try {
      return await timed(batch, signal);
    } catch (error) {
      return bug('exporter', error, books);
    }
  };
  const retrying = (outcome: Outcome & { kind: 'retry' }) => books.retrying(outcome);
  const once = books.watch(guarded);
  return { once, all: withRetry(once, { policy: config.retry, clock, stopping, retrying }) };
}

/** What a mistake of our own costs: the batch at hand, and a line in the log. */
export function bug(where: string, error: unknown, books: Books): Outcome {
  const message = `${where} failed unexpectedly: ${error instanceof Error ? error.message : String(error)}`;
  books.bug(error);
  return { kind: 'rejected', reason: 'exporter_bug', message, fault: 'internal' };
}
