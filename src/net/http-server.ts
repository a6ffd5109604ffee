import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type HttpHandler,
  type HttpLimits,
  type HttpReply,
  plainAnswer,
  type Unanswered,
} from './http.ts';
import { type ConnectionHost, Http1Connection } from './http1/connection.ts';
import { Http2Connections } from './h2/connections.ts';
import { HttpExchange } from './h2/exchange/http-exchange.ts';
import { onBytes } from './listen/in-place.ts';
import { clientAddressOf, Listener, type ListenOptions } from './listen/listener.ts';

/** What an HTTP server needs to be told. */
export interface HttpServerOptions {
  readonly listen: ListenOptions;
  readonly limits: HttpLimits;
  readonly handler: HttpHandler;
  /** A handler threw: a bug. The request is answered 500 and the server goes on. */
  failed(error: unknown): void;
  /** Words the answers that the handler does not give; plain text when absent. */
  answerTo?(unanswered: Unanswered): HttpReply;
  /** Told of what was refused before the handler knew of it: a bad or slow head. */
  refused?(status: number, message: string): void;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
const MAX_CONCURRENT_STREAMS = 1000;
const PING_AFTER_MS = 2 * 60 * 60 * 1000;
const PING_TIMEOUT_MS = 20_000;
const MIN_SWEEP_MS = 20;
const MAX_SWEEP_MS = 1000;

/**
 * HTTP/1.1 and HTTP/2 on one port: by ALPN under TLS, otherwise by the first bytes (prior
 * knowledge). Requests are admitted by their head, bodies are read into one buffer of their own.
 */
export class HttpServer {
  readonly #listener: Listener;
  readonly #host: ConnectionHost;
  readonly #http1 = new Set<Http1Connection>();
  readonly #undecided = new Map<Socket, number>();
  readonly #http2: Http2Connections;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: HttpServerOptions) {
    const { limits, handler } = options;
    this.#host = {
      handler,
      limits,
      failed: (error) => options.failed(error),
      answerTo: (unanswered) => options.answerTo?.(unanswered) ?? plainAnswer(unanswered),
      refused: (status, message) => options.refused?.(status, message),
    };
    this.#http2 = new Http2Connections({
      limits: {
        maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
        maxHeaderBytes: limits.maxHeaderBytes,
        maxIdleMs: limits.idleTimeoutMs,
        maxAgeMs: limits.maxConnectionAgeMs,
        maxAgeGraceMs: limits.maxConnectionAgeGraceMs,
        pingAfterMs: PING_AFTER_MS,
        pingTimeoutMs: PING_TIMEOUT_MS,
        minPingIntervalMs: 0,
        pingWithoutStream: true,
      },
      readTimeoutMs: limits.readTimeoutMs,
      open: (stream) => {
        const exchange = new HttpExchange(stream, this.#host);
        stream.exchange = exchange;
        exchange.open(handler);
      },
      failed: (error) => options.failed(error),
      refused: (status, message) => options.refused?.(status, message),
    });
    this.#listener = new Listener(
      { alpn: ['h2', 'http/1.1'], ...options.listen, inPlace: true },
      (socket) => this.#accept(socket),
    );
  }

  /** Port in use; 0 on unix sockets. */
  get port(): number {
    return this.#listener.port;
  }

  /** Open connections. */
  get connections(): number {
    return this.#listener.connections;
  }

  /** Resolves when the address is bound. */
  async start(): Promise<void> {
    await this.#listener.start();
    const { limits } = this.#host;
    const shortest = Math.min(
      ...[
        limits.readHeaderTimeoutMs,
        limits.readTimeoutMs,
        limits.writeTimeoutMs,
        limits.idleTimeoutMs,
        limits.maxConnectionAgeMs,
      ].filter((ms) => ms > 0),
    );
    const every = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, shortest / 4));
    this.#sweeper = setInterval(() => this.#sweep(), every);
    this.#sweeper.unref();
  }

  /**
   * Takes no new connections, answers what is in hand, closes idle connections; once `deadline`
   * aborts, cuts the rest. Idempotent.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#listener.close();
    for (const socket of this.#undecided.keys()) socket.destroy();
    for (const connection of this.#http1) connection.finish();
    this.#http2.drain();
    await emptied(this.#listener, deadline);
    clearInterval(this.#sweeper);
  }

  #accept(socket: Socket): void {
    const protocol = (socket as TLSSocket).alpnProtocol;
    if (protocol === 'h2') this.#http2.accept(socket);
    else if (protocol === 'http/1.1') this.#acceptHttp1(socket);
    else this.#sniff(socket);
  }

  /** Waits for enough bytes to tell HTTP/2 from HTTP/1. */
  #sniff(socket: Socket): void {
    this.#undecided.set(socket, Date.now());
    const gone = () => socket.destroy();
    socket.once('end', gone);
    socket.once('close', () => this.#undecided.delete(socket));
    let held: Buffer | undefined;
    onBytes(socket, (chunk) => {
      const first = held === undefined ? chunk : Buffer.concat([held, chunk]);
      const compared = Math.min(first.length, PREFACE.length);
      const isPreface = first.subarray(0, compared).equals(PREFACE.subarray(0, compared));
      if (isPreface && compared < PREFACE.length) {
        held = Buffer.from(first);
        return;
      }
      socket.off('end', gone);
      this.#undecided.delete(socket);
      if (isPreface) this.#http2.accept(socket, first);
      else this.#acceptHttp1(socket, first);
    });
  }

  #acceptHttp1(socket: Socket, first?: Buffer): void {
    const connection = new Http1Connection(socket, this.#host, clientAddressOf(socket));
    this.#http1.add(connection);
    socket.once('close', () => this.#http1.delete(connection));
    if (first !== undefined) connection.receive(first);
  }

  #sweep(): void {
    const now = Date.now();
    for (const connection of this.#http1) connection.sweep(now);
    this.#http2.sweep(now);
    const { readHeaderTimeoutMs: patience } = this.#host.limits;
    if (patience === 0) return;
    for (const [socket, since] of this.#undecided) {
      if (now - since >= patience) socket.destroy();
    }
  }
}

/** Resolves when no connection is left; cuts them when `deadline` aborts. */
export function emptied(listener: Listener, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cut = () => listener.destroy();
    if (deadline.aborted) cut();
    deadline.addEventListener('abort', cut, { once: true });
    const look = () => {
      if (listener.connections > 0) return;
      clearInterval(timer);
      deadline.removeEventListener('abort', cut);
      resolve();
    };
    const timer = setInterval(look, MIN_SWEEP_MS);
    look();
  });
}
