import type { Metadata, Signal } from '../../../contract/batch.ts';
import type { HeaderLookup, Intake } from '../../../contract/component.ts';
import type { Outcome } from '../../../contract/outcome.ts';

/** What the handlers of both protocols share. */
export interface Service {
  readonly intake: Intake;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A bug: logs it and answers what to tell the client. */
  failed(error: unknown): Outcome;
}

/** A request as its head describes it. */
export interface Described {
  readonly signal: Signal;
  readonly tenant: string;
  readonly metadata: Metadata;
  readonly clientAddress?: string;
  readonly transport?: 'grpc';
  /** `protobuf` and `json` came over HTTP, `grpc` is protobuf over gRPC. */
  readonly format: 'protobuf' | 'json' | 'grpc';
}

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

/** Counted when a client leaves before its request is whole. */
export const CLIENT_GONE: Outcome = {
  kind: 'rejected',
  reason: 'client_gone',
  message: 'the client went away before its request was whole',
};
