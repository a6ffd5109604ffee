import type { Batch } from '../../contract/batch.ts';
import type { Outcome } from '../../contract/outcome.ts';

/** Longest OTLP request, before compression, that is sent at all. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

/** Why a batch cannot be an OTLP request; undefined when it can. */
export function refusalOf(batch: Batch): Outcome | undefined {
  if (batch.form !== 'otlp') {
    const message = `cannot send ${batch.form} data as OTLP`;
    return { kind: 'rejected', reason: 'wrong_form', message, fault: 'internal' };
  }
  if (batch.byteLength <= MAX_REQUEST_BYTES) return undefined;
  const message = `a request of ${batch.byteLength} bytes is over the limit of ${MAX_REQUEST_BYTES}; lower sending_queue.batch.max_size`;
  return { kind: 'rejected', reason: 'request_too_large', message, fault: 'too_large' };
}
