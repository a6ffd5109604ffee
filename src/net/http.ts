import type { Bytes } from '../contract/batch.ts';
import type { HeaderLookup } from '../contract/component.ts';

/** The head of a request, before its body was read. */
export interface HttpHead {
  readonly method: string;
  /** Path of the target, without its query. */
  readonly path: string;
  /** What follows the question mark; empty when nothing does. */
  readonly query: string;
  readonly headers: HeaderLookup;
  /** Lower-case names of all headers, in order, with repetitions. */
  readonly headerNames: readonly string[];
  /** Without the port; absent on unix sockets. */
  readonly clientAddress?: string;
}

/** A whole answer. The server adds the length, the date and what the connection needs. */
export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Why a body is not whole: too large, refused while it grew, not framed well, the client left. */
export type Abandoned = 'too_large' | 'refused' | 'malformed' | 'gone';

/** A request whose body the handler wants. Exactly one of `complete` and `abandoned` is called. */
export interface HttpUpload {
  /** Longest body to read, as it is on the wire. */
  readonly maxBytes: number;
  /**
   * Called before memory is taken for a body whose length nobody announced, with the bytes in
   * all; a reply refuses it. Never called when the head announced the length.
   */
  grow(bytes: number): HttpReply | undefined;
  /** The whole body, in a buffer that now belongs to the handler. */
  complete(body: Bytes): HttpReply | Promise<HttpReply>;
  /** The body will never be whole. */
  abandoned(why: Abandoned): HttpReply | undefined;
}

/** A request that no handler answers: its head cannot be read, it came too slowly, a bug. */
export interface Unanswered {
  readonly status: number;
  readonly message: string;
  /** As far as it can be read. */
  readonly contentType: string | undefined;
}

/** Who words the answers that no handler gives. */
export interface Answerer {
  /** A handler threw: a bug. */
  failed(error: unknown): void;
  answerTo(unanswered: Unanswered): HttpReply;
}

/** The answer of a protocol that has no form of its own for errors. */
export function plainAnswer({ status, message }: Unanswered): HttpReply {
  const body = Buffer.from(`${message}\n`);
  return { status, headers: { 'content-type': 'text/plain' }, body };
}

/** Looks at the head: answers at once, or asks for the body. */
export type HttpHandler = (head: HttpHead, announced: number) => HttpReply | HttpUpload;

/** Whether the handler asked for the body. */
export function isUpload(answer: HttpReply | HttpUpload): answer is HttpUpload {
  return 'complete' in answer;
}

/** Limits of one HTTP connection, in milliseconds and bytes; 0 switches a time limit off. */
export interface HttpLimits {
  /** For the head of a request, from its first byte or from the connection's start. */
  readonly readHeaderTimeoutMs: number;
  /** For a whole request, head and body. */
  readonly readTimeoutMs: number;
  /** For a client to take an answer. */
  readonly writeTimeoutMs: number;
  /** Between requests. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly keepAlives: boolean;
  /** After this the connection is closed once its request is answered. */
  readonly maxConnectionAgeMs: number;
  /** After age and grace the connection is cut. 0: never. */
  readonly maxConnectionAgeGraceMs: number;
}
