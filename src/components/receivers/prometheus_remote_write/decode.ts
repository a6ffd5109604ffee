import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import {
  type ReadOptions,
  readWriteRequest,
} from '../../../formats/prometheus/read/read-request.ts';
import { isSnappyFramed } from '../../../net/codec/snappy.ts';
import { decompress, isRefusal } from '../../../net/decompress.ts';

const EMPTY = new Uint8Array(0);

/**
 * Undoes snappy, checks the request to its leaves and turns it into the `prometheus` form. What
 * is wrong with all of it comes back as a rejection in words for its sender.
 */
export function decode(
  request: RawRequest,
  permit: Permit,
  options: ReadOptions,
): Decoded | Outcome | Promise<Decoded | Outcome> {
  if (request.body.length === 0) return readWriteRequest(request, EMPTY, permit, options);
  if (isSnappyFramed(request.body)) return FRAMED;
  const maxBytes = options.maxDecodedBytes;
  const guard = { maxBytes, resize: (bytes: number) => permit.resize(bytes) };
  // The guard knows what is too large before memory is taken, from the length in front.
  const content = decompress('snappy', request.body, guard);
  if (content instanceof Promise) {
    return content.then((late) =>
      isRefusal(late) ? inItsTerms(late) : readWriteRequest(request, late, permit, options),
    );
  }
  return isRefusal(content)
    ? inItsTerms(content)
    : readWriteRequest(request, content, permit, options);
}

/** Too large on the wire is 413; too large without compression is a bad request. */
function inItsTerms(outcome: Outcome): Outcome {
  if (outcome.kind !== 'rejected' || outcome.reason !== 'too_large') return outcome;
  return { ...outcome, fault: 'invalid' };
}

const FRAMED: Outcome = {
  kind: 'rejected',
  reason: 'framed_snappy',
  message:
    'cannot take the metrics: the body is in the framing format of snappy; send it in the block format',
};
