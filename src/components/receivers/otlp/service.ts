import type { Metadata, Signal } from '../../../contract/batch.ts';
import type { Intake } from '../../../contract/component.ts';
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
