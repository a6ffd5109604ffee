import { batchOf, type Bytes } from '../../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';
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
  const { signal } = request;
  try {
    let bytes = content;
    if (request.format === 'json') bytes = decodeJson(signal, content, options.maxBytes);
    const refusal = permit.resize(bytes.length);
    if (refusal !== undefined) return refusal;
    const { items } = validateRequest(signal, bytes);
    if (items === 0) return NOTHING;
    const { receivedAt, tenant, metadata, clientAddress } = request;
    const origin = { receiver: options.receiver, tenant, receivedAt, metadata };
    const of = {
      signal,
      form: 'otlp',
      origin: clientAddress === undefined ? origin : { ...origin, clientAddress },
    } as const;
    return { batch: batchOf(bytes, items, of) };
  } catch (error) {
    if (error instanceof WireError || error instanceof OtlpJsonError) {
      const reason = request.format === 'json' ? 'malformed_json' : 'malformed_protobuf';
      return { kind: 'rejected', reason, message: `cannot read the ${signal}: ${error.message}` };
    }
    throw error;
  }
}
