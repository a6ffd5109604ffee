import {
  type Answerer,
  type HttpHandler,
  type HttpHead,
  type HttpReply,
  type HttpUpload,
  isUpload,
} from '../../http.ts';
import { BodyBuffer } from '../../http1/body.ts';
import { encodeHeaders } from '../hpack/encoder.ts';
import type { RequestHead } from '../request-head.ts';
import type { Exchange, Stream } from '../stream.ts';

/** Serves a request of HTTP/2 with the handler that serves HTTP/1. */
export class HttpExchange implements Exchange {
  readonly #stream: Stream;
  readonly #answerer: Answerer;
  #upload: HttpUpload | undefined;
  #body: BodyBuffer | undefined;

  constructor(stream: Stream, answerer: Answerer) {
    this.#stream = stream;
    this.#answerer = answerer;
  }

  /** Asks the handler, then waits for the body it wants. */
  open(handler: HttpHandler): void {
    const { head, remoteEnded, clientAddress } = this.#stream;
    const shared = head.derive(headOf);
    const length = remoteEnded ? 0 : head.contentLength;
    let answer: HttpReply | HttpUpload;
    try {
      answer = handler(clientAddress === undefined ? shared : { ...shared, clientAddress }, length);
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (!isUpload(answer)) {
      this.#reply(answer);
      return;
    }
    this.#upload = answer;
    if (length > answer.maxBytes) this.#refuse('too_large');
    else this.#body = new BodyBuffer(Math.max(0, length));
  }

  data(bytes: Buffer, start: number, end: number): void {
    const body = this.#body;
    const upload = this.#upload;
    if (body === undefined || upload === undefined) return;
    const capacity = body.capacityFor(end - start, upload.maxBytes);
    if (body.length + end - start > upload.maxBytes) {
      this.#refuse('too_large');
      return;
    }
    if (capacity > body.capacity) {
      // Only a body that nobody announced gets here: the connection resets one that is longer.
      const refusal = upload.grow(capacity);
      if (refusal !== undefined) {
        this.#lose('refused');
        this.#reply(refusal);
        return;
      }
      body.grow(capacity);
    }
    body.append(bytes, start, end);
  }

  ended(): void {
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

  late(): void {
    this.#lose('gone');
    this.#replyWithout(408, 'the request came too slowly');
  }

  closed(): void {
    this.#lose('gone');
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

  #reply({ status, headers = NO_HEADERS, body }: HttpReply): void {
    const fields: [string, string][] = [[':status', String(status)]];
    for (const name in headers) fields.push([name.toLowerCase(), headers[name] ?? '']);
    if (status !== 204) fields.push(['content-length', String(body?.length ?? 0)]);
    const bodiless = this.#stream.head.method === 'HEAD';
    this.#stream.answer(encodeHeaders(fields), bodiless ? undefined : body);
  }

  #crash(error: unknown): void {
    this.#answerer.failed(error);
    this.#lose('gone');
    this.#replyWithout(500, 'internal error');
  }

  /** Answers where the handler did not. */
  #replyWithout(status: number, message: string): void {
    const contentType = this.#stream.head.values('content-type')[0];
    this.#reply(this.#answerer.answerTo({ status, message, contentType }));
  }
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

function headOf(head: RequestHead): HttpHead {
  const { target } = head;
  const question = target.indexOf('?');
  return {
    method: head.method,
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers: head.values,
    headerNames: head.names,
  };
}
