import type { GrpcHandler } from './grpc.ts';
import { emptied } from './http-server.ts';
import { Http2Connections } from './h2/connections.ts';
import { GrpcExchange } from './h2/exchange/grpc-exchange.ts';
import type { SessionLimits } from './h2/life.ts';
import { TurnEnd } from './h2/outbox.ts';
import { Listener, type ListenOptions } from './listen/listener.ts';

/** What a gRPC server needs to be told. */
export interface GrpcServerOptions {
  readonly listen: ListenOptions;
  readonly limits: SessionLimits;
  readonly handler: GrpcHandler;
  /** Message encodings the handler can undo, beside identity. */
  readonly encodings: readonly string[];
  /** Time for a message to be whole. */
  readonly readTimeoutMs?: number;
  /** A handler threw: a bug. The call ends with INTERNAL and the server goes on. */
  failed(error: unknown): void;
  /** Told of what was refused before the handler knew of it, as a status of HTTP. */
  refused?(status: number, message: string): void;
}

const READ_TIMEOUT_MS = 120_000;
const MIN_SWEEP_MS = 20;
const MAX_SWEEP_MS = 1000;

/** Unary gRPC over HTTP/2. Messages are handed over undecoded, in a buffer of their own. */
export class GrpcServer {
  readonly #listener: Listener;
  readonly #connections: Http2Connections;
  readonly #options: GrpcServerOptions;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const turn = new TurnEnd();
    const service = {
      handler: options.handler,
      encodings: new Set(options.encodings),
      acceptEncoding: ['identity', ...options.encodings].join(','),
      turn,
      failed: (error: unknown) => options.failed(error),
    };
    this.#connections = new Http2Connections(
      {
        limits: options.limits,
        readTimeoutMs: options.readTimeoutMs ?? READ_TIMEOUT_MS,
        open: (stream) => {
          const exchange = new GrpcExchange(stream, service);
          stream.exchange = exchange;
          exchange.open();
        },
        failed: service.failed,
        refused: (status, message) => options.refused?.(status, message),
      },
      turn,
    );
    this.#listener = new Listener({ ...options.listen, alpn: ['h2'], inPlace: true }, (socket) =>
      this.#connections.accept(socket),
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
    const { limits: of, readTimeoutMs = READ_TIMEOUT_MS } = this.#options;
    const limits = [
      of.maxIdleMs,
      of.maxAgeMs,
      of.pingAfterMs,
      of.pingTimeoutMs,
      readTimeoutMs,
    ].filter((ms) => ms > 0);
    const every = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, ...limits.map((ms) => ms / 4)));
    this.#sweeper = setInterval(() => this.#connections.sweep(Date.now()), every);
    this.#sweeper.unref();
  }

  /**
   * Takes no new connections, tells clients to go, answers what is in hand; once `deadline`
   * aborts, cuts the rest. Idempotent.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#listener.close();
    this.#connections.drain();
    await emptied(this.#listener, deadline);
    clearInterval(this.#sweeper);
  }
}
