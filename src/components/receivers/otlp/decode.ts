import { batchOf, type Bytes, type Origin } from '../../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { dropInvalidPoints } from '../../../formats/otlp/filter.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { OtlpJsonError } from '../../../formats/otlp/json/error.ts';
import { validateRequest } from '../../../formats/otlp/validate.ts';
import { decompress, isRefusal } from '../../../net/decompress.ts';
import { WireError } from '../../../wire/error.ts';

/** What decoding needs to know of the receiver. */
export interface DecodeOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  /** Most bytes of a request, decompressed. */
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
 * Undoes the content coding, turns JSON into protobuf, and checks and counts the whole request.
 * What is wrong with it comes back as a rejection in words for its sender.
 */
export function decode(
  request: RawRequest,
  permit: Permit,
  options: DecodeOptions,
): Decoded | Outcome | Promise<Decoded | Outcome> {
  const guard = {
    maxBytes: options.maxBytes,
    resize: (bytes: number) => permit.resize(bytes),
  };
  const content = decompress(request.encoding, request.body, guard);
  if (content instanceof Promise) {
    return content.then((late) => (isRefusal(late) ? late : read(request, late, permit, options)));
  }
  return isRefusal(content) ? content : read(request, content, permit, options);
}

function read(
  request: RawRequest,
  content: Bytes,
  permit: Permit,
  options: DecodeOptions,
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
  { receiver }: DecodeOptions,
): Decoded {
  const { signal, receivedAt, tenant, metadata, clientAddress } = request;
  const origin: Origin =
    clientAddress === undefined
      ? { receiver, tenant, receivedAt, metadata }
      : { receiver, tenant, receivedAt, metadata, clientAddress };
  return { batch: batchOf(bytes, items, { signal, form: 'otlp', origin }) };
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
