/** The connections to one origin: as many as are needed, up to a limit; idle ones are kept. */
import { dial, type Proxy, type Target } from './dial.ts';
import { HttpConnection } from './http-connection.ts';

/** Limits of a pool. */
export interface PoolLimits {
  /** Connections at once; 0: no limit. */
  readonly maxConnections: number;
  /** Idle connections that are kept; 0: no limit. */
  readonly maxIdle: number;
  /** 0: idle connections are kept for ever. */
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
  /** Whether a connection serves more than one request. */
  readonly keepAlive: boolean;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const SWEEP_MS = 1000;
const CLOSED = 'the client is closed';

/** Hands out connections; most recently used first, so that the others can grow old. */
export class HttpPool {
  readonly #target: Target;
  readonly #proxy: Proxy | undefined;
  readonly #limits: PoolLimits;
  readonly #idle: HttpConnection[] = [];
  readonly #live = new Set<HttpConnection>();
  readonly #waiters: Waiter[] = [];
  readonly #dialling = new AbortController();
  #opening = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(target: Target, proxy: Proxy | undefined, limits: PoolLimits) {
    this.#target = target;
    this.#proxy = proxy;
    this.#limits = limits;
  }

  /**
   * A connection for one request. `fresh` asks for a new one. Rejects when it cannot be
   * opened, and with the reason of `signal`.
   */
  async take(signal: AbortSignal, fresh: boolean): Promise<HttpConnection> {
    for (;;) {
      // A turn that came too late is somebody else's.
      if (signal.aborted) this.#next();
      signal.throwIfAborted();
      this.#dialling.signal.throwIfAborted();
      const kept = fresh ? undefined : this.#takeIdle();
      if (kept !== undefined) return kept;
      const limit = this.#limits.maxConnections;
      if (limit === 0 || this.#live.size + this.#opening < limit) return this.#open(signal);
      const replaced = fresh ? this.#takeIdle() : undefined;
      if (replaced === undefined) await this.#turn(signal);
      else replaced.close();
    }
  }

  /** Takes a connection back after its request. */
  give(connection: HttpConnection, keepAliveMs: number | undefined): void {
    const { maxIdle, idleTimeoutMs, keepAlive } = this.#limits;
    const room = maxIdle === 0 || this.#idle.length < maxIdle;
    if (!connection.reusable) return this.#next();
    if (!keepAlive || !room || this.#dialling.signal.aborted) return connection.close();
    const longest = idleTimeoutMs === 0 ? Number.POSITIVE_INFINITY : idleTimeoutMs;
    connection.expiresAt = performance.now() + Math.min(longest, keepAliveMs ?? longest);
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    this.#next();
  }

  /** Closes every connection at once; requests under way are lost. */
  close(): void {
    this.#dialling.abort(new Error(CLOSED));
    clearInterval(this.#sweeper);
    for (const connection of this.#live) connection.close();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error(CLOSED));
  }

  #takeIdle(): HttpConnection | undefined {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      if (kept.reusable && kept.expiresAt > performance.now()) return kept;
      kept.close();
    }
    return undefined;
  }

  async #open(signal: AbortSignal): Promise<HttpConnection> {
    this.#opening++;
    try {
      const either = AbortSignal.any([signal, this.#dialling.signal]);
      const socket = await dial(this.#target, this.#proxy, either);
      const connection = new HttpConnection(socket, this.#limits.maxResponseBytes, (gone) => {
        this.#live.delete(gone);
        this.#next();
      });
      this.#live.add(connection);
      return connection;
    } catch (error) {
      this.#next();
      throw error;
    } finally {
      this.#opening--;
    }
  }

  /** Waits until a connection may have become free. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        resolve: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (reason) => {
          signal.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #next(): void {
    this.#waiters.shift()?.resolve();
  }

  #sweep(): void {
    const now = performance.now();
    const old = this.#idle.filter((kept) => !kept.reusable || kept.expiresAt <= now);
    for (const kept of old) {
      this.#idle.splice(this.#idle.indexOf(kept), 1);
      kept.close();
    }
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}
