import type { GrpcHandler } from './grpc.ts';
import { emptied } from './http-server.ts';
import { GrpcExchange } from './http2/call.ts';
import { Http2Sessions, type SessionLimits } from './http2/sessions.ts';
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
}

const READ_TIMEOUT_MS = 120_000;
const MIN_SWEEP_MS = 20;
const MAX_SWEEP_MS = 1000;

/** Unary gRPC over HTTP/2. Messages are handed over undecoded, in a buffer of their own. */
export class GrpcServer {
  readonly #listener: Listener;
  readonly #sessions: Http2Sessions;
  readonly #options: GrpcServerOptions;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const service = {
      handler: options.handler,
      encodings: new Set(options.encodings),
      acceptEncoding: ['identity', ...options.encodings].join(','),
      readTimeoutMs: options.readTimeoutMs ?? READ_TIMEOUT_MS,
      failed: (error: unknown) => options.failed(error),
    };
    this.#sessions = new Http2Sessions(options.limits, (stream, headers, clientAddress) =>
      new GrpcExchange(stream, service).open(headers, clientAddress),
    );
    this.#listener = new Listener({ ...options.listen, alpn: ['h2'] }, (socket) =>
      this.#sessions.accept(socket),
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
    const { maxIdleMs, maxAgeMs, pingAfterMs, pingTimeoutMs } = this.#options.limits;
    const limits = [maxIdleMs, maxAgeMs, pingAfterMs, pingTimeoutMs].filter((ms) => ms > 0);
    const every = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, ...limits.map((ms) => ms / 4)));
    this.#sweeper = setInterval(() => this.#sessions.sweep(Date.now()), every);
    this.#sweeper.unref();
  }

  /**
   * Takes no new connections, tells clients to go, answers what is in hand; once `deadline`
   * aborts, cuts the rest. Idempotent.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#listener.close();
    this.#sessions.drain();
    await emptied(this.#listener, deadline);
    clearInterval(this.#sweeper);
  }
}
