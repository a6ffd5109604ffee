import type { Bytes } from '../../../contract/batch.ts';
import type { GrpcCall, GrpcHandler, GrpcHead, GrpcReply } from '../../grpc.ts';
import { allocateOwn } from '../../http1/body.ts';
import { GRPC } from '../../status.ts';
import { encodeHeaders } from '../hpack/encoder.ts';
import type { TurnEnd } from '../outbox.ts';
import type { RequestHead } from '../request-head.ts';
import type { Exchange, Stream } from '../stream.ts';

/** What all calls of a server share. */
export interface CallService {
  readonly handler: GrpcHandler;
  readonly encodings: ReadonlySet<string>;
  /** For `grpc-accept-encoding`. */
  readonly acceptEncoding: string;
  readonly turn: TurnEnd;
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
export class GrpcExchange implements Exchange {
  readonly #stream: Stream;
  readonly #service: CallService;
  #length = 0;
  #flag = 0;
  #prefixRead = 0;
  #call: GrpcCall | undefined;
  #message: Bytes = EMPTY;
  #filled = 0;
  #encoding = 'identity';
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Stream, service: CallService) {
    this.#stream = stream;
    this.#service = service;
  }

  /** Asks the handler, then waits for the message it wants. */
  open(): void {
    const request = this.#stream.head.derive(requestOf);
    if (request.status !== 200) {
      this.#stream.answer(encodeHeaders([[':status', String(request.status)]]));
      return;
    }
    if (request.timeoutMs === undefined) {
      this.#fail(GRPC.internal, 'grpc-timeout is malformed');
      return;
    }
    if (request.timeoutMs < MAX_TIMEOUT_MS) this.#expireAfter(request.timeoutMs);
    this.#encoding = request.encoding;
    let answer: GrpcReply | GrpcCall;
    try {
      answer = this.#service.handler(this.#headOf(request));
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (!('complete' in answer)) {
      this.#reply(answer);
      return;
    }
    this.#call = answer;
    if (this.#encoding === 'identity' || this.#service.encodings.has(this.#encoding)) return;
    this.#lose('malformed');
    this.#fail(
      GRPC.unimplemented,
      `grpc-encoding ${this.#encoding} is not supported; use one of ${this.#service.acceptEncoding}`,
    );
  }

  late(): void {
    this.#expired();
  }

  closed(): void {
    clearTimeout(this.#timer);
    this.#lose('gone');
  }

  /** A timer costs more than most calls: only those that outlive the turn get one. */
  #expireAfter(ms: number): void {
    this.#service.turn.add(() => {
      if (!this.#stream.closed && !this.#stream.answered) {
        this.#timer = setTimeout(() => this.#expired(), ms);
      }
    });
  }

  #headOf(request: GrpcRequest): GrpcHead {
    const { clientAddress } = this.#stream;
    return clientAddress === undefined ? request.head : { ...request.head, clientAddress };
  }

  data(bytes: Buffer, start: number, end: number): void {
    if (this.#call === undefined) return;
    let at = start;
    if (this.#prefixRead < PREFIX_LENGTH) {
      for (; at < end && this.#prefixRead < PREFIX_LENGTH; at++) {
        const byte = bytes[at] ?? 0;
        if (this.#prefixRead++ === 0) this.#flag = byte;
        else this.#length = this.#length * 256 + byte;
      }
      if (this.#prefixRead < PREFIX_LENGTH || !this.#begin()) return;
    }
    if (end - at > this.#message.length - this.#filled) {
      this.#malformed('a unary call has exactly one message');
      return;
    }
    bytes.copy(this.#message, this.#filled, at, end);
    this.#filled += end - at;
  }

  /** The prefix is in: the message is known by its length. */
  #begin(): boolean {
    const call = this.#call;
    const length = this.#length;
    if (call === undefined) return false;
    if (this.#flag > 1)
      return this.#malformed(`the message flag is ${this.#flag}; it can be 0 or 1`);
    if (this.#flag === 1 && this.#encoding === 'identity') {
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

  ended(): void {
    const call = this.#call;
    if (call === undefined) return;
    if (this.#prefixRead < PREFIX_LENGTH || this.#filled < this.#message.length) {
      this.#malformed('the call ended before its message was whole');
      return;
    }
    this.#call = undefined;
    const message = this.#message;
    this.#message = EMPTY;
    call.complete(message, this.#flag === 1 ? this.#encoding : 'identity').then(
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
    clearTimeout(this.#timer);
    if (reply.code !== GRPC.ok) this.#stream.answer(this.#trailersOnly(reply));
    else this.#stream.answer(OK_HEAD, frameOf(reply.body), OK_TRAILERS);
  }

  #trailersOnly({ code, message, details }: GrpcReply): Buffer {
    const fields: [string, string][] = [...HEAD_FIELDS, ['grpc-status', String(code)]];
    if (message !== undefined && message !== '')
      fields.push(['grpc-message', percentEncode(message)]);
    if (details !== undefined) {
      fields.push(['grpc-status-details-bin', Buffer.from(details).toString('base64')]);
    }
    if (code === GRPC.unimplemented) {
      fields.push(['grpc-accept-encoding', this.#service.acceptEncoding]);
    }
    return encodeHeaders(fields);
  }
}

const HEAD_FIELDS = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] satisfies [string, string][];
const OK_HEAD = encodeHeaders(HEAD_FIELDS);
const OK_TRAILERS = encodeHeaders([['grpc-status', '0']]);
const EMPTY_MESSAGE = new Uint8Array(PREFIX_LENGTH);

function frameOf(body: Uint8Array | undefined): Uint8Array {
  if (body === undefined || body.length === 0) return EMPTY_MESSAGE;
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

/** What a head says in terms of gRPC. */
interface GrpcRequest {
  readonly head: GrpcHead;
  /** 200, or the HTTP status for what is no gRPC at all. */
  readonly status: number;
  readonly encoding: string;
  /** Undefined when malformed. */
  readonly timeoutMs: number | undefined;
}

function requestOf(head: RequestHead): GrpcRequest {
  const isGrpc = /^application\/grpc(?:$|[+;])/i.test(head.first('content-type') ?? '');
  return {
    head: { path: head.target, metadata: head.values, metadataNames: head.names },
    status: head.method !== 'POST' ? 405 : isGrpc ? 200 : 415,
    encoding: head.first('grpc-encoding') ?? 'identity',
    timeoutMs: timeoutOf(head.first('grpc-timeout')),
  };
}
