import type { Metadata } from '../../contract/batch.ts';
import type { HeaderLookup } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import { tooLarge } from '../decompress.ts';
import type { Abandoned } from '../http.ts';

export const NO_METADATA: Metadata = Object.freeze({});

/** All headers of a request, for a receiver that was told to keep them. */
export function metadataOf(names: readonly string[], headers: HeaderLookup): Metadata {
  const metadata: Record<string, readonly string[]> = {};
  for (const name of names) metadata[name] = headers(name);
  return metadata;
}

/** Counted when what a client says is not HTTP, or comes too slowly. */
export function badHttp(status: number, message: string): Outcome {
  return { kind: 'rejected', reason: status === 408 ? 'too_slow' : 'malformed_http', message };
}

/** Why a request has no body that is whole. */
export function abandonedBody(why: Exclude<Abandoned, 'refused'>, maxBytes: number): Outcome {
  if (why === 'too_large') return tooLarge(maxBytes);
  return why === 'gone' ? CLIENT_GONE : MALFORMED_BODY;
}

/** The reason of `wrongMethod`, which HTTP answers with a status of its own. */
export const WRONG_METHOD = 'wrong_method';

/** The refusal of anything but POST. */
export function wrongMethod(method: string): Outcome {
  const message = `cannot ${method} telemetry; use POST`;
  return { kind: 'rejected', reason: WRONG_METHOD, message, fault: 'unimplemented' };
}

/** The refusal for a path where nothing is served; `served` says where something is. */
export function notFound(path: string, served: string): Outcome {
  const message = `nothing is served at ${JSON.stringify(path.slice(0, 128))}; send to ${served}`;
  return { kind: 'rejected', reason: 'unknown_path', message, fault: 'unimplemented' };
}

/** Counted when a client leaves before its request is whole. */
const CLIENT_GONE: Outcome = {
  kind: 'rejected',
  reason: 'client_gone',
  message: 'the client went away before its request was whole',
};

const MALFORMED_BODY: Outcome = {
  kind: 'rejected',
  reason: 'malformed_http',
  message: 'the body is not chunked as its head says',
};
