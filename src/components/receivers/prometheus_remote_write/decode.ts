import { batchOf, type Bytes, type Origin } from '../../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import type { LabelSetCache } from '../../../formats/prometheus/label-set-cache.ts';
import type { Read } from '../../../formats/prometheus/read/fault.ts';
import {
  type Normalised,
  readRemoteWrite1,
} from '../../../formats/prometheus/read/remote-write-1.ts';
import { readRemoteWrite2 } from '../../../formats/prometheus/read/remote-write-2.ts';
import { ExpansionError } from '../../../formats/prometheus/read/symbols.ts';
import { isSnappyFramed } from '../../../net/codec/snappy.ts';
import { decompress, isRefusal } from '../../../net/decompress.ts';
import { WireError } from '../../../wire/error.ts';
import { releaseBytes } from '../../../wire/memory.ts';

/** What decoding needs to know of the receiver. */
export interface DecodeOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  /** Most bytes of a request without its compression. */
  readonly maxDecodedBytes: number;
  readonly cache: LabelSetCache<Normalised> | undefined;
}

/** How much larger than the largest request labels may become once symbols are resolved. */
const MAX_EXPANSION = 4;

const EMPTY = new Uint8Array(0);

/**
 * Undoes snappy, checks the request to its leaves and turns it into the `prometheus` form. What
 * is wrong with all of it comes back as a rejection in words for its sender.
 */
export function decode(
  request: RawRequest,
  permit: Permit,
  options: DecodeOptions,
): Decoded | Outcome | Promise<Decoded | Outcome> {
  if (request.body.length === 0) return read(request, EMPTY, permit, options);
  if (isSnappyFramed(request.body)) return FRAMED;
  const maxBytes = options.maxDecodedBytes;
  const guard = { maxBytes, resize: (bytes: number) => permit.resize(bytes) };
  // The guard knows what is too large before memory is taken, from the length in front.
  const content = decompress('snappy', request.body, guard);
  if (content instanceof Promise) {
    return content.then((late) =>
      isRefusal(late) ? inItsTerms(late) : read(request, late, permit, options),
    );
  }
  return isRefusal(content) ? inItsTerms(content) : read(request, content, permit, options);
}

/** Too large on the wire is 413; too large without compression is a bad request. */
function inItsTerms(outcome: Outcome): Outcome {
  if (outcome.kind !== 'rejected' || outcome.reason !== 'too_large') return outcome;
  return { ...outcome, fault: 'invalid' };
}

function read(
  request: RawRequest,
  content: Bytes,
  permit: Permit,
  options: DecodeOptions,
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
        origin: originOf(request, options),
      }),
    }),
    ...(refused !== undefined && { refused }),
  };
}

function originOf(request: RawRequest, { receiver }: DecodeOptions): Origin {
  const { receivedAt, tenant, metadata, clientAddress } = request;
  return clientAddress === undefined
    ? { receiver, tenant, receivedAt, metadata }
    : { receiver, tenant, receivedAt, metadata, clientAddress };
}

function rejectionOf(error: unknown): Outcome {
  if (error instanceof WireError) return rejected('malformed_protobuf', error.message);
  if (error instanceof ExpansionError) return rejected('too_large', error.message);
  throw error;
}

function rejected(reason: string, message: string): Outcome {
  return { kind: 'rejected', reason, message: `cannot take the metrics: ${message}` };
}

const FRAMED: Outcome = rejected(
  'framed_snappy',
  'the body is in the framing format of snappy; send it in the block format',
);
