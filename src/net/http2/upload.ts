import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { HeaderLookup } from '../../contract/component.ts';
import {
  type HttpHandler,
  type HttpHead,
  type HttpReply,
  type HttpUpload,
  isUpload,
} from '../http.ts';
import { BodyBuffer } from '../http1/body.ts';
import type { IncomingHeaders } from './sessions.ts';

const NONE: readonly string[] = [];

/** Values of a header by lower-case name; names with several values keep them apart. */
export function lookupOf(headers: IncomingHeaders): HeaderLookup {
  return (name) => {
    const value = headers[name];
    if (value === undefined) return NONE;
    return typeof value === 'string' ? [value] : value;
  };
}

/** Serves a request of HTTP/2 with the handler that serves HTTP/1. */
export class Http2Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #failed: (error: unknown) => void;
  #upload: HttpUpload | undefined;
  #body: BodyBuffer | undefined;

  constructor(stream: ServerHttp2Stream, failed: (error: unknown) => void) {
    this.#stream = stream;
    this.#failed = failed;
    // Errors of a stream are the client's affair; close follows.
    stream.on('error', () => {});
    stream.on('close', () => this.#lose('gone'));
  }

  /** Asks the handler, then reads the body it wants. */
  open(headers: IncomingHeaders, handler: HttpHandler, clientAddress: string | undefined): void {
    const length = contentLengthOf(headers);
    let answer: HttpReply | HttpUpload;
    try {
      answer = handler(headOf(headers, clientAddress), this.#stream.endAfterHeaders ? 0 : length);
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (!isUpload(answer)) {
      this.#reply(answer);
      return;
    }
    this.#upload = answer;
    if (length > answer.maxBytes) {
      this.#refuse('too_large');
      return;
    }
    this.#body = new BodyBuffer(Math.max(0, length));
    if (this.#stream.endAfterHeaders) {
      this.#complete();
      return;
    }
    this.#stream.on('data', (chunk: Buffer) => this.#data(chunk, length >= 0));
    this.#stream.on('end', () => this.#complete());
  }

  #data(chunk: Buffer, announced: boolean): void {
    const body = this.#body;
    const upload = this.#upload;
    if (body === undefined || upload === undefined) return;
    const capacity = body.capacityFor(chunk.length, upload.maxBytes);
    if (body.length + chunk.length > upload.maxBytes) {
      this.#refuse('too_large');
      return;
    }
    if (capacity > body.capacity) {
      // A body longer than announced is malformed; nghttp2 resets the stream before this.
      const refusal = announced ? { status: 400 } : upload.grow(capacity);
      if (refusal !== undefined) {
        this.#lose('refused');
        this.#reply(refusal);
        return;
      }
      body.grow(capacity);
    }
    body.append(chunk, 0, chunk.length);
  }

  #complete(): void {
    const upload = this.#upload;
    const body = this.#body;
    if (upload === undefined || body === undefined) return;
    this.#upload = undefined;
    this.#body = undefined;
    try {
      const reply = upload.complete(body.finish());
      if (reply instanceof Promise) {
        reply.then(
          (late) => this.#reply(late),
          (error: unknown) => this.#crash(error),
        );
      } else this.#reply(reply);
    } catch (error) {
      this.#crash(error);
    }
  }

  #refuse(why: 'too_large' | 'refused'): void {
    this.#reply(this.#lose(why) ?? { status: 413 });
  }

  #lose(why: 'too_large' | 'refused' | 'gone'): HttpReply | undefined {
    const upload = this.#upload;
    this.#upload = undefined;
    this.#body = undefined;
    return upload?.abandoned(why);
  }

  #reply(reply: HttpReply): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.headersSent) return;
    const { status, headers, body } = reply;
    const unread = !stream.readableEnded && !stream.endAfterHeaders;
    const answer: OutgoingHttpHeaders = { ':status': status, ...headers };
    if (status !== 204) answer['content-length'] = body?.length ?? 0;
    stream.respond(answer);
    stream.end(body);
    // The answer is whole: the client may stop sending, without an error.
    if (unread) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #crash(error: unknown): void {
    this.#failed(error);
    this.#lose('gone');
    this.#reply({ status: 500 });
  }
}

function headOf(headers: IncomingHeaders, clientAddress: string | undefined): HttpHead {
  const target = headers[':path'] ?? '/';
  const question = target.indexOf('?');
  const names = Object.keys(headers).filter((name) => !name.startsWith(':'));
  return {
    method: headers[':method'] ?? '',
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers: lookupOf(headers),
    headerNames: names,
    ...(clientAddress === undefined ? {} : { clientAddress }),
  };
}

/** The announced length, or -1. */
function contentLengthOf(headers: IncomingHeaders): number {
  const value = headers['content-length'];
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
