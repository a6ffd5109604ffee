import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Bytes } from '../../contract/batch.ts';
import type { GrpcCall, GrpcHandler, GrpcHead, GrpcReply } from '../grpc.ts';
import { allocateOwn } from '../http1/body.ts';
import { GRPC } from '../status.ts';
import type { IncomingHeaders } from './sessions.ts';
import { lookupOf } from './upload.ts';

/** What all calls of a server share. */
export interface CallService {
  readonly handler: GrpcHandler;
  readonly encodings: ReadonlySet<string>;
  /** For `grpc-accept-encoding`. */
  readonly acceptEncoding: string;
  /** Time for a message to be whole, so that nobody holds room for what never comes. */
  readonly readTimeoutMs: number;
  failed(error: unknown): void;
}

// Length-Prefixed-Message: Compressed-Flag (1 byte, 0 or 1), Message-Length (4 bytes, big endian)
const PREFIX_LENGTH = 5;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const TIMEOUT_UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const EMPTY = new Uint8Array(0);

/** One unary call: reads exactly one message, then answers with a message or a status. */
export class GrpcExchange {
  readonly #stream: ServerHttp2Stream;
  readonly #service: CallService;
  readonly #prefix = Buffer.alloc(PREFIX_LENGTH);
  #prefixRead = 0;
  #call: GrpcCall | undefined;
  #message: Bytes = EMPTY;
  #filled = 0;
  #encoding = 'identity';
  #timer: NodeJS.Timeout | undefined;
  #readTimer: NodeJS.Timeout | undefined;
  #answered = false;

  constructor(stream: ServerHttp2Stream, service: CallService) {
    this.#stream = stream;
    this.#service = service;
    // Errors of a stream are the client's affair; close follows.
    stream.on('error', () => {});
    stream.on('close', () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#readTimer);
      this.#answered = true;
      this.#lose('gone');
    });
  }

  /** Asks the handler, then reads the message it wants. */
  open(headers: IncomingHeaders, clientAddress: string | undefined): void {
    if (!this.#isGrpc(headers)) return;
    this.#encoding = (headers['grpc-encoding'] as string | undefined) ?? 'identity';
    const timeout = timeoutOf(headers['grpc-timeout'] as string | undefined);
    if (timeout === undefined) {
      this.#fail(GRPC.internal, 'grpc-timeout is malformed');
      return;
    }
    if (timeout < MAX_TIMEOUT_MS) this.#timer = setTimeout(() => this.#expired(), timeout);
    let answer: GrpcReply | GrpcCall;
    try {
      answer = this.#service.handler(headOf(headers, clientAddress));
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (!('complete' in answer)) {
      this.#reply(answer);
      return;
    }
    this.#call = answer;
    if (this.#encoding !== 'identity' && !this.#service.encodings.has(this.#encoding)) {
      this.#lose('malformed');
      this.#fail(
        GRPC.unimplemented,
        `grpc-encoding ${this.#encoding} is not supported; use one of ${this.#service.acceptEncoding}`,
      );
      return;
    }
    this.#readTimer = setTimeout(() => this.#expired(), this.#service.readTimeoutMs);
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#stream.on('end', () => this.#ended());
  }

  /** Answers what is no gRPC at all, in terms of HTTP. */
  #isGrpc(headers: IncomingHeaders): boolean {
    const type = headers['content-type'] ?? '';
    if (headers[':method'] !== 'POST') this.#answerHttp(405);
    else if (!/^application\/grpc(?:$|[+;])/i.test(type)) this.#answerHttp(415);
    else return true;
    return false;
  }

  #receive(chunk: Buffer): void {
    if (this.#call === undefined) return;
    let at = 0;
    if (this.#prefixRead < PREFIX_LENGTH) {
      const end = Math.min(chunk.length, PREFIX_LENGTH - this.#prefixRead);
      chunk.copy(this.#prefix, this.#prefixRead, 0, end);
      this.#prefixRead += end;
      at = end;
      if (this.#prefixRead < PREFIX_LENGTH || !this.#begin()) return;
    }
    const rest = chunk.length - at;
    if (rest > this.#message.length - this.#filled) {
      this.#malformed('a unary call has exactly one message');
      return;
    }
    chunk.copy(this.#message, this.#filled, at);
    this.#filled += rest;
  }

  /** The prefix is in: the message is known by its length. */
  #begin(): boolean {
    const call = this.#call;
    const length = this.#prefix.readUInt32BE(1);
    const flag = this.#prefix[0] ?? 0;
    if (call === undefined) return false;
    if (flag > 1) return this.#malformed(`the message flag is ${flag}; it can be 0 or 1`);
    if (flag === 1 && this.#encoding === 'identity') {
      return this.#malformed('the message is compressed but grpc-encoding does not say how');
    }
    if (length > call.maxBytes) {
      this.#reply(
        this.#lose('too_large') ?? { code: GRPC.resourceExhausted, message: 'too large' },
      );
      return false;
    }
    const refusal = call.reserve(length);
    if (refusal !== undefined) {
      this.#lose('refused');
      this.#reply(refusal);
      return false;
    }
    this.#message = allocateOwn(length);
    return true;
  }

  #ended(): void {
    const call = this.#call;
    if (call === undefined) return;
    if (this.#prefixRead < PREFIX_LENGTH || this.#filled < this.#message.length) {
      this.#malformed('the call ended before its message was whole');
      return;
    }
    clearTimeout(this.#readTimer);
    this.#call = undefined;
    const message = this.#message;
    this.#message = EMPTY;
    const compressed = this.#prefix[0] === 1;
    call.complete(message, compressed ? this.#encoding : 'identity').then(
      (reply) => this.#reply(reply),
      (error: unknown) => this.#crash(error),
    );
  }

  #malformed(message: string): false {
    this.#lose('malformed');
    this.#fail(GRPC.internal, message);
    return false;
  }

  #expired(): void {
    this.#lose('gone');
    this.#fail(GRPC.deadlineExceeded, 'the deadline of the call has passed');
  }

  #crash(error: unknown): void {
    this.#service.failed(error);
    this.#lose('malformed');
    this.#fail(GRPC.internal, 'internal error');
  }

  #lose(why: 'too_large' | 'refused' | 'malformed' | 'gone'): GrpcReply | undefined {
    const call = this.#call;
    this.#call = undefined;
    this.#message = EMPTY;
    return call?.abandoned(why);
  }

  #fail(code: number, message: string): void {
    this.#reply({ code, message });
  }

  #reply(reply: GrpcReply): void {
    const stream = this.#stream;
    if (this.#answered || stream.destroyed || stream.headersSent) return;
    this.#answered = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#readTimer);
    if (reply.code === GRPC.ok) {
      stream.respond(OK_HEAD, WAIT_FOR_TRAILERS);
      stream.on('wantTrailers', () => stream.sendTrailers(OK_TRAILERS));
      stream.end(frameOf(reply.body ?? EMPTY));
      return;
    }
    stream.respond(this.#trailersOnly(reply), END_STREAM);
    this.#stopReading();
  }

  #trailersOnly({ code, message, details }: GrpcReply): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { ...OK_HEAD, 'grpc-status': String(code) };
    if (message !== undefined && message !== '') headers['grpc-message'] = percentEncode(message);
    if (details !== undefined) {
      headers['grpc-status-details-bin'] = Buffer.from(details).toString('base64');
    }
    if (code === GRPC.unimplemented) headers['grpc-accept-encoding'] = this.#service.acceptEncoding;
    return headers;
  }

  #answerHttp(status: number): void {
    this.#answered = true;
    this.#stream.respond({ ':status': status }, END_STREAM);
    this.#stopReading();
  }

  /** The answer is whole: the client may stop sending, without an error. */
  #stopReading(): void {
    const stream = this.#stream;
    if (!stream.readableEnded && !stream.endAfterHeaders) stream.close(constants.NGHTTP2_NO_ERROR);
    else stream.resume();
  }
}

const OK_HEAD = { ':status': 200, 'content-type': 'application/grpc' };
const OK_TRAILERS = { 'grpc-status': '0' };
const WAIT_FOR_TRAILERS = { waitForTrailers: true };
const END_STREAM = { endStream: true };

function frameOf(body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_LENGTH + body.length);
  frame[0] = 0;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, PREFIX_LENGTH);
  return frame;
}

/** Milliseconds of a grpc-timeout; the longest timer when absent; undefined when malformed. */
function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return MAX_TIMEOUT_MS;
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (TIMEOUT_UNITS[match[2] ?? ''] ?? 1);
  return Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.ceil(ms)));
}

/** A grpc-message: bytes outside printable ASCII, and the percent sign, as %XX. */
function percentEncode(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function headOf(headers: IncomingHeaders, clientAddress: string | undefined): GrpcHead {
  return {
    path: headers[':path'] ?? '',
    metadata: lookupOf(headers),
    get metadataNames() {
      return Object.keys(headers).filter((name) => !name.startsWith(':'));
    },
    ...(clientAddress === undefined ? {} : { clientAddress }),
  };
}
