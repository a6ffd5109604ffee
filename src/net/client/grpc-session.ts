/**
 * One HTTP/2 session to a gRPC server, replaced when it ends.
 *
 *   idle ──call──▶ connecting ──▶ ready ──GOAWAY, close──▶ idle
 *                      └─fails─▶ resting (until its time) ─▶ idle
 *
 * While resting, calls are answered at once instead of piling up connection attempts.
 */
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { dial, type Target } from './dial.ts';

/** Pings that find out whether the peer is still there. */
export interface Keepalive {
  /** Silence after which a ping is sent. */
  readonly timeMs: number;
  /** How long the answer may take. */
  readonly timeoutMs: number;
  /** Whether to ping while no call is under way. */
  readonly permitWithoutStream: boolean;
}

/** No connection, and none is tried before `retryAfterMs`. */
export class Resting extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 5000;
const GROWTH = 1.6;
const JITTER = 0.2;
/** How long a session may stay silent after a call on it was given up. */
const PROBE_TIMEOUT_MS = 5000;
const SETTINGS_TIMEOUT_MS = 20_000;
/** Megabytes; the default of 10 breaks a session that carries a few large batches. */
const SESSION_MEMORY_MB = 1024;
const WINDOW_BYTES = 1024 * 1024;

/** Keeps at most one usable session; older ones finish the calls they have. */
export class GrpcSession {
  readonly #target: Target;
  readonly #authority: string;
  readonly #keepalive: Keepalive | undefined;
  readonly #sessions = new Set<http2.ClientHttp2Session>();
  /** Sessions with a probe under way: servers punish those who ping often. */
  readonly #probed = new WeakSet<http2.ClientHttp2Session>();
  readonly #closing = new AbortController();
  #ready: http2.ClientHttp2Session | undefined;
  #connecting: Promise<http2.ClientHttp2Session> | undefined;
  #failures = 0;
  #restUntil = 0;
  #lastFailure = '';
  /** Milliseconds on the monotonic clock when the peer was last heard. */
  lastHeard = 0;
  /** Calls under way. */
  calls = 0;

  constructor(target: Target, authority: string, keepalive: Keepalive | undefined) {
    this.#target = target;
    this.#authority = authority;
    this.#keepalive = keepalive;
  }

  /** The session of choice, when there is one. */
  get ready(): http2.ClientHttp2Session | undefined {
    const session = this.#ready;
    return session === undefined || session.closed || session.destroyed ? undefined : session;
  }

  /**
   * The session, connected if need be. Rejects with `Resting`, with what went wrong, or with the
   * reason of `signal`; the attempt to connect goes on for others.
   */
  async open(signal: AbortSignal, waitForReady: boolean): Promise<http2.ClientHttp2Session> {
    for (;;) {
      signal.throwIfAborted();
      const session = this.ready;
      if (session !== undefined) return session;
      const rest = this.#restUntil - performance.now();
      if (rest > 0) {
        if (!waitForReady) throw new Resting(this.#lastFailure, Math.ceil(rest));
        await orAbort(sleep(rest), signal);
        continue;
      }
      this.#connecting ??= this.#connect();
      try {
        return await orAbort(this.#connecting, signal);
      } catch (error) {
        if (!waitForReady || signal.aborted || this.#closing.signal.aborted) throw error;
      }
    }
  }

  /** Finds out whether a session whose call was given up still answers; ends it when not. */
  probe(session: http2.ClientHttp2Session): void {
    if (session.closed || session.destroyed || this.#probed.has(session)) return;
    this.#probed.add(session);
    const timeoutMs = this.#keepalive?.timeoutMs ?? PROBE_TIMEOUT_MS;
    ping(session, timeoutMs, () => this.#probed.delete(session));
  }

  /** Lets calls under way finish, refuses new ones. */
  close(): void {
    this.#closing.abort(new Error('the client is closed'));
    for (const session of this.#sessions) session.close();
  }

  /** Ends everything at once. */
  destroy(): void {
    this.close();
    for (const session of this.#sessions) session.destroy();
  }

  async #connect(): Promise<http2.ClientHttp2Session> {
    try {
      const session = await this.#establish();
      this.#failures = 0;
      this.#ready = session;
      return session;
    } catch (error) {
      const growth = Math.min(FIRST_REST_MS * GROWTH ** this.#failures++, LONGEST_REST_MS);
      const spread = 1 + JITTER * (Math.random() * 2 - 1);
      this.#restUntil = performance.now() + growth * spread;
      this.#lastFailure = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      this.#connecting = undefined;
    }
  }

  async #establish(): Promise<http2.ClientHttp2Session> {
    const socket = await dial(this.#target, undefined, this.#closing.signal);
    if (this.#closing.signal.aborted) socket.destroy();
    this.#closing.signal.throwIfAborted();
    const session = http2.connect(this.#authority, {
      createConnection: () => socket,
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    await settled(session);
    session.setLocalWindowSize(4 * WINDOW_BYTES);
    this.lastHeard = performance.now();
    if (this.#keepalive !== undefined) keepAlive(session, this, this.#keepalive);
    return session;
  }
}

/** Resolves with the peer's SETTINGS: until then nobody knows that it speaks HTTP/2. */
function settled(session: http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      session.destroy(new Error(`no SETTINGS after ${SETTINGS_TIMEOUT_MS / 1000}s`));
    }, SETTINGS_TIMEOUT_MS);
    const settle = (error?: Error) => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(error);
    };
    // Stays for the life of the session: its calls hear of errors themselves.
    session.on('error', settle);
    session.once('close', () =>
      settle(
        new Error('the peer closed the connection before its SETTINGS; is it plain HTTP/1.1?'),
      ),
    );
    session.once('remoteSettings', () => settle());
  });
}

function keepAlive(
  session: http2.ClientHttp2Session,
  owner: GrpcSession,
  { timeMs, timeoutMs, permitWithoutStream }: Keepalive,
): void {
  let silence = timeMs;
  const timer = setInterval(() => {
    if (owner.calls === 0 && !permitWithoutStream) return;
    if (performance.now() - owner.lastHeard >= silence) ping(session, timeoutMs);
  }, timeMs).unref();
  // ENHANCE_YOUR_CALM: the peer allows fewer pings.
  session.on('goaway', (code) => {
    if (code === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM) silence *= 2;
  });
  session.once('close', () => clearInterval(timer));
}

function ping(session: http2.ClientHttp2Session, timeoutMs: number, answered = () => {}): void {
  const timer = setTimeout(() => {
    session.destroy(new Error(`the peer answered no ping for ${timeoutMs / 1000}s`));
  }, timeoutMs).unref();
  const settle = () => {
    clearTimeout(timer);
    answered();
  };
  if (!session.ping(settle)) settle();
}

/** `promise`, or the reason of `signal` as soon as it aborts. */
function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
