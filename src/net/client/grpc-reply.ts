/** Puts the answer to a unary call together from the frames of its stream. */
import type http2 from 'node:http2';
import type { Bytes } from '../../contract/batch.ts';
import { GRPC, grpcCodeOfHttp } from '../status.ts';
import { ResponseError } from './http-response.ts';

/** The status of a call, and the message when it was OK. */
export interface GrpcReply {
  /** Code of `google.rpc.Code`. */
  readonly code: number;
  /** `grpc-message`, decoded. */
  readonly message: string;
  /** `grpc-status-details-bin`: an encoded `google.rpc.Status`. */
  readonly details?: Bytes;
  /** The response message; absent when there is none, or none that can be read. */
  readonly body?: Bytes;
}

const PREFIX_BYTES = 5;

/** One per call; fed in the order of arrival. */
export class GrpcReplyReader {
  readonly #maxBytes: number;
  #head: http2.IncomingHttpHeaders | undefined;
  #trailers: http2.IncomingHttpHeaders | undefined;
  readonly #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  head(headers: http2.IncomingHttpHeaders): void {
    this.#head = headers;
  }

  trailers(headers: http2.IncomingHttpHeaders): void {
    this.#trailers = headers;
  }

  /** False when the answer is over the limit. */
  data(bytes: Buffer): boolean {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this.#length <= this.#maxBytes + PREFIX_BYTES;
  }

  tooLarge(): ResponseError {
    return new ResponseError('response_too_large', `the response is over ${this.#maxBytes} bytes`);
  }

  /** The answer once the stream has ended; undefined when it carried no status. */
  reply(): GrpcReply | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    const http = Number(head[':status']);
    // A response of one HEADERS frame carries its status there.
    const source = this.#trailers?.['grpc-status'] === undefined ? head : this.#trailers;
    const status = source['grpc-status'];
    if (typeof status !== 'string' || !/^\d{1,3}$/.test(status)) {
      if (http === 200) return undefined;
      return { code: grpcCodeOfHttp(http), message: `HTTP ${http} without a gRPC status` };
    }
    const details = binary(source['grpc-status-details-bin']);
    const code = Number(status);
    const body = code === GRPC.ok ? this.#body() : undefined;
    return {
      code,
      message: percentDecoded(source['grpc-message']),
      ...(details === undefined ? {} : { details }),
      ...(body === undefined ? {} : { body }),
    };
  }

  /** Exactly one message, not compressed: no call says that it takes compressed ones. */
  #body(): Bytes | undefined {
    const bytes = Buffer.concat(this.#parts);
    if (bytes.length < PREFIX_BYTES || bytes[0] !== 0) return undefined;
    if (bytes.readUInt32BE(1) !== bytes.length - PREFIX_BYTES) return undefined;
    return new Uint8Array(bytes.subarray(PREFIX_BYTES));
  }
}

function percentDecoded(text: string | string[] | undefined): string {
  if (typeof text !== 'string') return '';
  if (!text.includes('%')) return text;
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function binary(text: string | string[] | undefined): Bytes | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}
