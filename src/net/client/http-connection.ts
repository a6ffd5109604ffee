/** One HTTP/1.1 connection: one request at a time, kept open between them. */
import type net from 'node:net';
import { type HttpResponse, ResponseError, ResponseReader } from './http-response.ts';

/** The connection broke before the response was whole. */
export class ConnectionLost extends Error {
  /** Whether any byte of the response had come. */
  readonly responded: boolean;

  constructor(message: string, responded: boolean) {
    super(message);
    this.responded = responded;
  }
}

interface Waiting {
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
}

/** Owns its socket from the constructor on. */
export class HttpConnection {
  readonly #socket: net.Socket;
  readonly #reader: ResponseReader;
  readonly #onClose: (connection: HttpConnection) => void;
  #waiting: Waiting | undefined;
  #open = true;
  /** Requests answered on it. */
  served = 0;
  /** Milliseconds on the monotonic clock after which it is not to be used again. */
  expiresAt = Number.POSITIVE_INFINITY;

  constructor(
    socket: net.Socket,
    maxResponseBytes: number,
    onClose: (connection: HttpConnection) => void,
  ) {
    this.#socket = socket;
    this.#reader = new ResponseReader(maxResponseBytes);
    this.#onClose = onClose;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('end', () => this.#end());
    socket.on('error', (error) => this.#lose(error.message));
    socket.on('close', () => this.#lose('the peer closed the connection'));
    socket.resume();
  }

  /** Whether another request may be sent on it. */
  get reusable(): boolean {
    return this.#open && this.#waiting === undefined;
  }

  /**
   * Sends `head` and `chunks`, without joining them, and resolves with the whole response.
   * Rejects with `ConnectionLost`, `ResponseError`, or the reason of `signal`.
   */
  exchange(
    head: string,
    chunks: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#fail(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting = { resolve, reject, signal, onAbort };
      this.#reader.reset();
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      for (const chunk of chunks) this.#socket.write(chunk);
      this.#socket.uncork();
    });
  }

  /** Lets go of the socket at once; a request under way is lost. */
  close(): void {
    this.#lose('the client is closing');
  }

  #receive(bytes: Buffer): void {
    // A server that speaks unasked says good-bye, such as 408 on an idle connection.
    if (this.#waiting === undefined) return this.#lose('the peer spoke out of turn');
    try {
      if (this.#reader.push(bytes)) this.#finish();
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      this.#fail(error);
    }
  }

  #end(): void {
    if (this.#waiting !== undefined && this.#reader.end()) this.#finish();
    else this.#lose('the peer closed the connection');
  }

  #finish(): void {
    const waiting = this.#release();
    this.served++;
    // An answer that overtakes the body leaves the connection out of step.
    if (!this.#reader.persistent || this.#socket.writableLength > 0) this.#shut();
    waiting?.resolve(this.#reader.take());
  }

  #lose(message: string): void {
    if (!this.#open) return;
    this.#fail(new ConnectionLost(message, this.#reader.started));
  }

  #fail(error: unknown): void {
    const waiting = this.#release();
    this.#shut();
    waiting?.reject(error);
  }

  #release(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.signal.removeEventListener('abort', waiting.onAbort);
    return waiting;
  }

  #shut(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    this.#onClose(this);
  }
}
