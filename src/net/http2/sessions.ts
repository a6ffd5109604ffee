import http2, { type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { clientAddressOf } from '../listen/listener.ts';

/** What may happen on a connection, in milliseconds; 0 means never or no limit. */
export interface SessionLimits {
  readonly maxConcurrentStreams: number;
  readonly maxHeaderBytes: number;
  /** A connection without requests for this long is told to go. */
  readonly maxIdleMs: number;
  /** A connection older than this is told to go, with some spread. */
  readonly maxAgeMs: number;
  /** After age and grace it is cut. */
  readonly maxAgeGraceMs: number;
  /** The server pings a connection that was silent for this long … */
  readonly pingAfterMs: number;
  /** … and cuts it when no answer comes within this. */
  readonly pingTimeoutMs: number;
  /** Clients that ping more often are sent away; 0 lets them. */
  readonly minPingIntervalMs: number;
  /** Whether clients may ping without a request under way. */
  readonly pingWithoutStream: boolean;
}

/** Header names as they come, lower case, with pseudo headers; joined ones as arrays. */
export type IncomingHeaders = http2.IncomingHttpHeaders;

/** A request of HTTP/2. It must handle errors of the stream itself. */
export type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHeaders,
  clientAddress: string | undefined,
) => void;

const STREAM_WINDOW = 1024 * 1024;
const SESSION_WINDOW = 16 * 1024 * 1024;
/** Megabytes nghttp2 may hold for one connection. */
const SESSION_MEMORY = 64;
/** Pings in excess that are forgiven, as the gRPC specification suggests. */
const MAX_PING_STRIKES = 2;
const IDLE_PING_INTERVAL_MS = 2 * 60 * 60 * 1000;
const MAX_STREAM_ID = 2 ** 31 - 1;
const TOO_MANY_PINGS = Buffer.from('too_many_pings');

/** HTTP/2 connections of one server, and what keeps them in bounds. */
export class Http2Sessions {
  readonly #limits: SessionLimits;
  readonly #onStream: OnStream;
  readonly #sessions = new Set<Session>();
  #draining = false;

  constructor(limits: SessionLimits, onStream: OnStream) {
    this.#limits = limits;
    this.#onStream = onStream;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Takes over a fresh connection; bytes put back by `unshift` are read first. */
  accept(socket: Socket): void {
    const { maxConcurrentStreams, maxHeaderBytes } = this.#limits;
    socket.allowHalfOpen = false;
    const http2Session = http2.performServerHandshake(socket, {
      maxSessionMemory: SESSION_MEMORY,
      settings: {
        initialWindowSize: STREAM_WINDOW,
        maxConcurrentStreams,
        maxHeaderListSize: maxHeaderBytes,
        enablePush: false,
      },
      maxHeaderListPairs: 256,
      // A stream that is reset as soon as it opens still costs: nghttp2 forgives a burst.
      streamResetBurst: 1000,
      streamResetRate: 100,
    } as http2.ServerSessionOptions);
    const clientAddress = clientAddressOf(socket);
    const session = new Session(http2Session, this.#limits, (stream, headers) =>
      this.#onStream(stream, headers, clientAddress),
    );
    this.#sessions.add(session);
    http2Session.on('close', () => this.#sessions.delete(session));
    if (this.#draining) session.drain();
  }

  /** Called now and then with the time. */
  sweep(now: number): void {
    for (const session of this.#sessions) session.sweep(now);
  }

  /** Tells all clients to go once their requests are answered. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions) session.drain();
  }

  /** Cuts all connections. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }
}

class Session {
  readonly #session: ServerHttp2Session;
  readonly #limits: SessionLimits;
  readonly #drainAt: number;
  #draining = false;
  #streams = 0;
  #lastActive = Date.now();
  #pingSentAt = 0;
  #lastClientPing = 0;
  #strikes = 0;

  constructor(
    session: ServerHttp2Session,
    limits: SessionLimits,
    onStream: (stream: ServerHttp2Stream, headers: IncomingHeaders) => void,
  ) {
    this.#session = session;
    this.#limits = limits;
    this.#drainAt =
      limits.maxAgeMs > 0
        ? Date.now() + limits.maxAgeMs * (0.9 + Math.random() * 0.2)
        : Number.POSITIVE_INFINITY;
    // Errors of a connection are its own affair; close follows.
    session.on('error', () => {});
    session.on('frameError', () => {});
    session.setLocalWindowSize(SESSION_WINDOW);
    session.on('stream', (stream, headers) => {
      this.#opened(stream);
      onStream(stream, headers);
    });
    session.on('ping', () => this.#pinged());
  }

  sweep(now: number): void {
    const { maxIdleMs, maxAgeGraceMs, pingAfterMs, pingTimeoutMs } = this.#limits;
    if (now >= this.#drainAt) {
      this.drain();
      if (maxAgeGraceMs > 0 && now >= this.#drainAt + maxAgeGraceMs) this.destroy();
      return;
    }
    if (maxIdleMs > 0 && this.#streams === 0 && now - this.#lastActive >= maxIdleMs) this.drain();
    if (this.#pingSentAt > 0) {
      if (now - this.#pingSentAt >= pingTimeoutMs) this.destroy();
    } else if (pingAfterMs > 0 && now - this.#lastActive >= pingAfterMs) this.#ping(now);
  }

  /**
   * Says go away, in two steps when requests are under way: first without a last stream, so that
   * those on the wire are still served, then for good once the client must have seen it.
   */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    if (this.#streams === 0) {
      this.#close();
      return;
    }
    this.#session.goaway(http2.constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID);
    try {
      this.#session.ping(() => this.#close());
    } catch {
      this.#close();
    }
  }

  #close(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #opened(stream: ServerHttp2Stream): void {
    this.#streams++;
    this.#active();
    stream.once('close', () => {
      this.#streams--;
      this.#active();
      // nghttp2 stops reading a connection that is going and has no streams: no pong will come.
      if (this.#draining && this.#streams === 0) this.#close();
    });
  }

  #active(): void {
    this.#lastActive = Date.now();
    this.#strikes = 0;
  }

  #ping(now: number): void {
    this.#pingSentAt = now;
    try {
      this.#session.ping((error) => {
        if (error !== null) return;
        this.#pingSentAt = 0;
        this.#lastActive = Date.now();
      });
    } catch {
      this.destroy();
    }
  }

  #pinged(): void {
    const { minPingIntervalMs, pingWithoutStream } = this.#limits;
    const now = Date.now();
    const last = this.#lastClientPing;
    this.#lastClientPing = now;
    if (minPingIntervalMs === 0) return;
    const least =
      this.#streams > 0 || pingWithoutStream ? minPingIntervalMs : IDLE_PING_INTERVAL_MS;
    if (last === 0 || now - last >= least) return;
    this.#strikes++;
    if (this.#strikes <= MAX_PING_STRIKES) return;
    this.#session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
    this.#session.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
