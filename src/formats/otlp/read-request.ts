import { batchOf, type Bytes, originOf } from '../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import { WireError } from '../../wire/error.ts';
import { dropInvalidPoints } from './filter.ts';
import { decodeJson } from './json/decode.ts';
import { OtlpJsonError } from './json/error.ts';
import { validateRequest } from './validate.ts';

/** What reading needs to know of the receiver. */
export interface ReadOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  /** Most bytes of a request as protobuf. */
  readonly maxBytes: number;
}

const NOTHING: Decoded = {};

const INVALID_POINT = 'data points without time_unix_nano or without a value were not taken';

const EMPTY_JSON: Outcome = {
  kind: 'rejected',
  reason: 'malformed_json',
  message: 'the body is empty and its content-type is JSON; an empty request is {}',
};

/**
 * Makes a batch of an export request: turns JSON into protobuf, and checks and counts all of it.
 * `content` is the body of `request` without its compression, and belongs to the batch from here
 * on. What is wrong with it comes back as a rejection in words for its sender.
 */
export function readRequest(
  request: RawRequest,
  content: Bytes,
  permit: Permit,
  options: ReadOptions,
): Decoded | Outcome {
  const { signal, format } = request;
  try {
    if (format === 'json' && content.length === 0) return EMPTY_JSON;
    const bytes = format === 'json' ? decodeJson(signal, content, options.maxBytes) : content;
    const refusal = permit.resize(bytes.length);
    if (refusal !== undefined) return refusal;
    const { items, badPoints } = validateRequest(signal, bytes);
    if (badPoints === 0) return items === 0 ? NOTHING : decoded(request, bytes, items, options);
    const { bytes: sound, kept, dropped } = dropInvalidPoints(bytes);
    const refused = { items: dropped, reason: 'invalid_point', message: INVALID_POINT };
    return kept === 0 ? { refused } : { ...decoded(request, sound, kept, options), refused };
  } catch (error) {
    return rejectionOf(error, request);
  }
}

function decoded(
  request: RawRequest,
  bytes: Bytes,
  items: number,
  { receiver }: ReadOptions,
): Decoded {
  const { signal } = request;
  return {
    batch: batchOf(bytes, items, { signal, form: 'otlp', origin: originOf(request, receiver) }),
  };
}

function rejectionOf(error: unknown, { signal }: RawRequest): Outcome {
  if (error instanceof WireError) {
    const message = `cannot read the ${signal}: ${error.message}`;
    return { kind: 'rejected', reason: 'malformed_protobuf', message };
  }
  if (!(error instanceof OtlpJsonError)) throw error;
  const message = `cannot read the ${signal}: ${error.message}`;
  return error.fault === 'too_large'
    ? { kind: 'rejected', reason: 'too_large', message, fault: 'too_large' }
    : { kind: 'rejected', reason: 'malformed_json', message };
}
