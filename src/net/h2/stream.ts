import type { Outgoing, Unsent } from './outbox.ts';
import { ERROR } from './protocol.ts';
import type { RequestHead } from './request-head.ts';

/** Who serves a request. Every stream has one from its head on. */
export interface Exchange {
  /** Part of the body, valid during the call. */
  data(bytes: Buffer, start: number, end: number): void;
  /** The body is whole. */
  ended(): void;
  /** The body is not whole after the time there is for it. */
  late(): void;
  /** The stream is over: answered, reset by the client, or its connection is gone. */
  closed(): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  answer(stream: Stream, head: Buffer, body: Uint8Array, trailers: Buffer | undefined): void;
  /** The stream is done: with `ERROR.none` its answer has left, otherwise it has none. */
  over(stream: Stream, code: number): void;
}

const EMPTY = new Uint8Array(0);

/** One request and its answer. The connection keeps its state. */
export class Stream implements Outgoing {
  readonly id: number;
  readonly head: RequestHead;
  /** Without the port; absent on unix sockets. */
  readonly clientAddress: string | undefined;
  readonly openedAt: number;
  exchange: Exchange | undefined;
  sendWindow: number;
  receiveWindow: number;
  unsent: Unsent | undefined;
  /** Bytes of body that came. */
  received = 0;
  /** The client has said all. */
  remoteEnded = false;
  /** The answer was given; it may still wait for windows. */
  answered = false;
  closed = false;
  readonly #host: StreamHost;

  constructor(
    host: StreamHost,
    head: RequestHead,
    of: Pick<Stream, 'id' | 'clientAddress' | 'openedAt' | 'sendWindow' | 'receiveWindow'>,
  ) {
    this.#host = host;
    this.head = head;
    this.id = of.id;
    this.clientAddress = of.clientAddress;
    this.openedAt = of.openedAt;
    this.sendWindow = of.sendWindow;
    this.receiveWindow = of.receiveWindow;
  }

  /**
   * Answers, once: header block, body, and trailers if there are any. The body must not change
   * any more. A client that is still sending is told to stop, without an error. Ignored when the
   * stream is over.
   */
  answer(head: Buffer, body: Uint8Array = EMPTY, trailers?: Buffer): void {
    if (this.answered || this.closed) return;
    this.answered = true;
    this.#host.answer(this, head, body, trailers);
  }

  /** Ends the stream with an error code instead of an answer. */
  reset(code: number): void {
    if (!this.closed) this.#host.over(this, code);
  }

  /** For the outbox. */
  sent(): void {
    this.#host.over(this, ERROR.none);
  }
}
