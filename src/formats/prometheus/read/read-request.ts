import { batchOf, type Bytes, originOf } from '../../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { WireError } from '../../../wire/error.ts';
import { releaseBytes } from '../../../wire/memory.ts';
import type { LabelSetCache } from '../label-set-cache.ts';
import type { Read } from './fault.ts';
import { type Normalised, readRemoteWrite1 } from './remote-write-1.ts';
import { readRemoteWrite2 } from './remote-write-2.ts';
import { ExpansionError } from './symbols.ts';

/** What reading needs to know of the receiver. */
export interface ReadOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  /** Most bytes of a request without its compression. */
  readonly maxDecodedBytes: number;
  readonly cache: LabelSetCache<Normalised> | undefined;
}

/** How much larger than the largest request labels may become once symbols are resolved. */
const MAX_EXPANSION = 4;

/**
 * Makes a batch in the `prometheus` form of a write request, checked to its leaves; `format` of
 * `request` is `v2` for 2.0 and anything else for 1.0. `content` is the body without its
 * compression, and belongs to the batch from here on. What is wrong with all of it comes back as
 * a rejection in words for its sender.
 */
export function readWriteRequest(
  request: RawRequest,
  content: Bytes,
  permit: Permit,
  options: ReadOptions,
): Decoded | Outcome {
  let result: Read;
  try {
    result =
      request.format === 'v2'
        ? readRemoteWrite2(content, options.maxDecodedBytes * MAX_EXPANSION)
        : readRemoteWrite1(content, options.cache);
  } catch (error) {
    return rejectionOf(error);
  }
  const { bytes, counts, refused } = result;
  if (bytes !== content && content !== request.body) releaseBytes(content);
  if (bytes === undefined && refused?.items === 0) return rejected(refused.reason, refused.message);
  const refusal = bytes === undefined ? undefined : permit.resize(bytes.length);
  if (refusal !== undefined) return refusal;
  const items = counts.samples + counts.histograms;
  return {
    counts: {
      ...counts,
      refusedItems: refused?.items ?? 0,
      refused: (refused?.items ?? 0) + (refused?.others ?? 0),
    },
    ...(bytes !== undefined && {
      batch: batchOf(bytes, items, {
        signal: 'metrics',
        form: 'prometheus',
        origin: originOf(request, options.receiver),
      }),
    }),
    ...(refused !== undefined && { refused }),
  };
}

function rejectionOf(error: unknown): Outcome {
  if (error instanceof WireError) return rejected('malformed_protobuf', error.message);
  if (error instanceof ExpansionError) return rejected('too_large', error.message);
  throw error;
}

function rejected(reason: string, message: string): Outcome {
  return { kind: 'rejected', reason, message: `cannot take the metrics: ${message}` };
}
