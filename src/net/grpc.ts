import type { Bytes } from '../contract/batch.ts';
import type { HeaderLookup } from '../contract/component.ts';

/** The head of a gRPC call, before its message was read. */
export interface GrpcHead {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly metadata: HeaderLookup;
  /** Lower-case names of all metadata, without pseudo headers. */
  readonly metadataNames: readonly string[];
  /** Without the port; absent on unix sockets. */
  readonly clientAddress?: string;
}

/** How a call ends: a message and OK, or a status with what explains it. */
export interface GrpcReply {
  readonly code: number;
  readonly message?: string;
  /** An encoded `google.rpc.Status`, for `grpc-status-details-bin`. */
  readonly details?: Uint8Array;
  /** The reply message; sent only with code 0. */
  readonly body?: Uint8Array;
}

/** A unary call whose message the handler wants. Exactly one of `complete` and `abandoned` is called. */
export interface GrpcCall {
  /** Longest message to read, as it is on the wire. */
  readonly maxBytes: number;
  /** Told the length of the message before memory is taken for it; a reply refuses it. */
  reserve(bytes: number): GrpcReply | undefined;
  /** The message in a buffer that now belongs to the handler; `encoding` is `identity` when not compressed. */
  complete(message: Bytes, encoding: string): Promise<GrpcReply>;
  /** The message will never be whole: refused, malformed, or the client went away. */
  abandoned(why: 'too_large' | 'refused' | 'malformed' | 'gone'): GrpcReply | undefined;
}

/** Looks at the head: answers at once, or asks for the message. */
export type GrpcHandler = (head: GrpcHead) => GrpcReply | GrpcCall;
