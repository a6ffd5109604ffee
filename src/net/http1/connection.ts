/**
 * Length: over 300 lines because it is one state machine: its states and every way between them read
 * better in one place. Parsing, chunks, bodies and answers have files of their own.
 */
import type { Socket } from 'node:net';
import {
  type Abandoned,
  type Answerer,
  type HttpHandler,
  type HttpLimits,
  type HttpReply,
  type HttpUpload,
  isUpload,
} from '../http.ts';
import { onBytes } from '../listen/in-place.ts';
import { BodyBuffer } from './body.ts';
import { ChunkedReader } from './chunked.ts';
import { contentTypeIn, HeadError, RequestHead } from './head.ts';
import { CONTINUE, writeReply } from './reply.ts';

/** What all connections of a server share. */
export interface ConnectionHost extends Answerer {
  readonly handler: HttpHandler;
  readonly limits: HttpLimits;
  /** Something was answered that never became a request the handler knows of. */
  refused?(status: number, message: string): void;
}

/**
 * - `idle`:      between requests, nothing received
 * - `head`:      part of a head is in `#rest`
 * - `body`:      `#upload` waits for its body
 * - `answering`: the body was handed over; further bytes wait in `#rest`, reading is paused
 * - `skipping`:  answered; what is left of the body is read and forgotten
 * - `closing`:   the last answer is on its way; whatever arrives is forgotten
 */
type State = 'idle' | 'head' | 'body' | 'answering' | 'skipping' | 'closing';

const HEAD_END = '\r\n\r\n';
const NEVER = Number.POSITIVE_INFINITY;
/** A refused body up to this length is read and forgotten, so that the connection can stay. */
const MAX_SKIP = 1024 * 1024;
/** Time for a client to read the answer before a connection with an unread body is cut. */
const LINGER_MS = 2000;

/** One HTTP/1 connection: reads requests one after the other and answers them in order. */
export class Http1Connection {
  /** Date.now() after which the server cuts the connection. */
  deadline: number;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #clientAddress: string | undefined;
  readonly #closeAfter: number;
  #state: State = 'idle';
  #rest: Buffer | undefined;
  #head: RequestHead | undefined;
  #upload: HttpUpload | undefined;
  #body: BodyBuffer | undefined;
  #chunked: ChunkedReader | undefined;
  #left = 0;
  #last = false;

  constructor(socket: Socket, host: ConnectionHost, clientAddress: string | undefined) {
    this.#socket = socket;
    this.#host = host;
    this.#clientAddress = clientAddress;
    const now = Date.now();
    const { maxConnectionAgeMs, readHeaderTimeoutMs } = host.limits;
    this.#closeAfter =
      maxConnectionAgeMs > 0 ? now + maxConnectionAgeMs * (0.9 + Math.random() * 0.2) : NEVER;
    this.deadline = later(now, readHeaderTimeoutMs);
    onBytes(socket, (chunk) => this.receive(chunk));
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#closed());
  }

  /** No further requests: closes now when idle, else with the answer under way. */
  finish(): void {
    this.#last = true;
    if (this.#state === 'idle') this.#close();
  }

  /** Called now and then: cuts a connection that is late or too old. */
  sweep(now: number): void {
    if (now >= this.deadline) {
      if (this.#state === 'head' || this.#state === 'body') {
        const text = this.#rest?.toString('latin1') ?? '';
        this.#refuse(408, 'the request came too slowly', contentTypeIn(text));
      } else this.#socket.destroy();
      return;
    }
    if (now < this.#closeAfter) return;
    this.finish();
    const grace = this.#host.limits.maxConnectionAgeGraceMs;
    if (grace > 0 && now >= this.#closeAfter + grace) this.#socket.destroy();
  }

  /** Takes what came off the wire, as many requests as it holds; the bytes may change after. */
  receive(chunk: Buffer): void {
    let at = 0;
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    while (at < bytes.length) {
      switch (this.#state) {
        case 'idle':
        case 'head': {
          const next = this.#readHead(bytes, at);
          if (next < 0) return;
          at = next;
          break;
        }
        case 'body':
        case 'skipping':
          at = this.#readBody(bytes, at);
          break;
        case 'answering':
          this.#rest = Buffer.from(bytes.subarray(at));
          this.#socket.pause();
          return;
        case 'closing':
          return;
      }
    }
  }

  /** Offset behind the head, or -1 when it is not whole yet or no good. */
  #readHead(bytes: Buffer, from: number): number {
    let at = from;
    // Empty lines before a request are tolerated, as the specification asks.
    while (bytes[at] === 13 && bytes[at + 1] === 10) at += 2;
    const end = bytes.indexOf(HEAD_END, at, 'latin1');
    const { maxHeaderBytes, readHeaderTimeoutMs, readTimeoutMs } = this.#host.limits;
    if ((end < 0 ? bytes.length : end) - at > maxHeaderBytes) {
      const text = bytes.toString('latin1', at, at + maxHeaderBytes);
      this.#refuse(431, `the head is larger than ${maxHeaderBytes} bytes`, contentTypeIn(text));
      return -1;
    }
    if (end < 0) {
      // A head that can never end well is answered now, not when its time is over.
      if (!mayBeHead(bytes, at)) {
        this.#refuse(400, 'this is not HTTP/1.1', undefined);
        return -1;
      }
      this.#rest = Buffer.from(bytes.subarray(at));
      if (this.#state === 'idle') this.deadline = later(Date.now(), readHeaderTimeoutMs);
      this.#state = 'head';
      return -1;
    }
    this.deadline = later(Date.now(), readTimeoutMs);
    const text = bytes.toString('latin1', at, end + 2);
    try {
      this.#head = new RequestHead(text, this.#clientAddress);
    } catch (error) {
      const { status, message } = error instanceof HeadError ? error : this.#failure(error);
      this.#refuse(status, message, contentTypeIn(text));
      return -1;
    }
    this.#open(this.#head);
    return end + HEAD_END.length;
  }

  /** Asks the handler about a head. */
  #open(head: RequestHead): void {
    this.#left = head.contentLength;
    this.#chunked = head.framing === 'chunked' ? new ChunkedReader() : undefined;
    let answer: HttpReply | HttpUpload;
    try {
      answer = this.#host.handler(head, head.framing === 'chunked' ? -1 : head.contentLength);
    } catch (error) {
      this.#crash(error);
      return;
    }
    if (!isUpload(answer)) {
      this.#reply(answer, head.framing !== 'none');
      return;
    }
    this.#upload = answer;
    if (head.contentLength > answer.maxBytes) {
      this.#abandon('too_large');
      return;
    }
    this.#body = new BodyBuffer(head.contentLength);
    this.#state = 'body';
    if (head.framing === 'none') this.#complete();
    else if (head.expectsContinue) this.#socket.write(CONTINUE, 'latin1');
  }

  #readBody(bytes: Buffer, from: number): number {
    const chunked = this.#chunked;
    if (chunked === undefined) {
      const end = Math.min(bytes.length, from + this.#left);
      this.#left -= end - from;
      if (this.#state === 'body') this.#body?.append(bytes, from, end);
      if (this.#left === 0) this.#bodyEnded();
      return end;
    }
    const at = chunked.read(bytes, from, this);
    if (at < 0) {
      this.#misread();
      return bytes.length;
    }
    if (chunked.done) this.#bodyEnded();
    return at;
  }

  /** Refuses a body without framing; behind it no request can be found. */
  #misread(): void {
    this.#last = true;
    if (this.#upload === undefined) this.#close();
    else this.#reply(this.#lose('malformed') ?? { status: 400 }, true);
  }

  /** Part of a chunked body: called by the reader of it. */
  data(chunk: Buffer, start: number, end: number): boolean {
    const body = this.#body;
    const upload = this.#upload;
    if (this.#state !== 'body' || body === undefined || upload === undefined) {
      this.#left += end - start;
      if (this.#left > MAX_SKIP) this.#close();
      return this.#left <= MAX_SKIP;
    }
    if (body.length + end - start > upload.maxBytes) {
      this.#abandon('too_large');
      return false;
    }
    const capacity = body.capacityFor(end - start, upload.maxBytes);
    if (capacity > body.capacity) {
      const refusal = upload.grow(capacity);
      if (refusal !== undefined) {
        this.#lose('refused');
        this.#reply(refusal, true);
        return false;
      }
      body.grow(capacity);
    }
    body.append(chunk, start, end);
    return true;
  }

  #bodyEnded(): void {
    if (this.#state === 'body') this.#complete();
    else if (this.#state === 'skipping') this.#next();
  }

  #complete(): void {
    const upload = this.#upload;
    const body = this.#body;
    if (upload === undefined || body === undefined) return;
    this.#upload = undefined;
    this.#body = undefined;
    this.#state = 'answering';
    this.deadline = NEVER;
    try {
      const reply = upload.complete(body.finish());
      if (reply instanceof Promise) {
        reply.then(
          (late) => this.#reply(late, false),
          (error: unknown) => this.#crash(error),
        );
      } else this.#reply(reply, false);
    } catch (error) {
      this.#crash(error);
    }
  }

  /** Refuses the body under way, in the words of the handler. */
  #abandon(why: 'too_large' | 'refused'): void {
    const reply = this.#lose(why);
    this.#reply(reply ?? { status: 413 }, true);
  }

  /** Tells the handler that its body will not come. */
  #lose(why: Abandoned): HttpReply | undefined {
    const upload = this.#upload;
    this.#upload = undefined;
    this.#body = undefined;
    return upload?.abandoned(why);
  }

  /** Writes an answer; `unread` when (part of) the body is still on its way. */
  #reply(reply: HttpReply, unread: boolean): void {
    if (this.#socket.destroyed) return;
    const head = this.#head;
    const skip = unread && this.#worthSkipping(head);
    const now = Date.now();
    const close =
      this.#last ||
      (unread && !skip) ||
      head?.keepAlive !== true ||
      !this.#host.limits.keepAlives ||
      now >= this.#closeAfter;
    this.deadline = later(now, this.#host.limits.writeTimeoutMs);
    writeReply(this.#socket, reply, { close, head });
    if (close) {
      this.#last = true;
      this.#close();
    } else if (skip) {
      this.#state = 'skipping';
      this.deadline = later(now, this.#host.limits.readTimeoutMs);
      if (this.#chunked !== undefined) this.#left = 0;
    } else this.#next();
  }

  #worthSkipping(head: RequestHead | undefined): boolean {
    return head !== undefined && !head.expectsContinue && this.#left <= MAX_SKIP;
  }

  /** Ready for the next request, which may be here already. */
  #next(): void {
    const answering = this.#state === 'answering';
    this.#state = 'idle';
    this.#head = undefined;
    this.#chunked = undefined;
    this.deadline = later(Date.now(), this.#host.limits.idleTimeoutMs);
    if (!answering || this.#rest === undefined) return;
    const rest = this.#rest;
    this.#rest = undefined;
    this.#socket.resume();
    this.receive(rest);
  }

  /** Answers what never became a request, or broke as one, and closes. */
  #refuse(status: number, message: string, contentType = this.#contentType()): void {
    if (this.#upload === undefined && status !== 500) this.#host.refused?.(status, message);
    this.#lose('gone');
    this.#last = true;
    this.#reply(this.#host.answerTo({ status, message, contentType }), true);
  }

  #contentType(): string | undefined {
    return this.#head?.headers('content-type')[0];
  }

  #crash(error: unknown): void {
    const { status, message } = this.#failure(error);
    this.#refuse(status, message);
  }

  #failure(error: unknown): { readonly status: number; readonly message: string } {
    this.#host.failed(error);
    return { status: 500, message: 'internal error' };
  }

  #close(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#rest = undefined;
    this.deadline = Date.now() + LINGER_MS;
    this.#socket.resume();
    this.#socket.end();
  }

  /** The client sends nothing more. It may still read. */
  #ended(): void {
    if (this.#state === 'answering') this.#last = true;
    else if (this.#state === 'body') this.#socket.destroy();
    else this.#close();
  }

  #closed(): void {
    this.#state = 'closing';
    this.#lose('gone');
  }
}

function later(now: number, ms: number): number {
  return ms > 0 ? now + ms : NEVER;
}

/** Whether the start of a head can become one: a method, and lines that end as they must. */
function mayBeHead(bytes: Buffer, at: number): boolean {
  const first = bytes[at] ?? 0;
  if (first === 13) return bytes.length === at + 1;
  return first >= 0x41 && first <= 0x5a && !bytes.includes('\n\n', at, 'latin1');
}
