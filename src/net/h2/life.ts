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

/** What the time asks of a connection. */
export type Due = 'nothing' | 'ping' | 'drain' | 'cut';

/** Pings in excess that are forgiven, as the gRPC specification suggests. */
const MAX_PING_STRIKES = 2;
const IDLE_PING_INTERVAL_MS = 2 * 60 * 60 * 1000;
const NEVER = Number.POSITIVE_INFINITY;

/** Age, silence and pings of one connection: when it is told to go and when it is cut. */
export class Life {
  readonly #limits: SessionLimits;
  readonly #drainAt: number;
  #lastActive: number;
  #pingSentAt = 0;
  #lastClientPing = 0;
  #strikes = 0;

  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#lastActive = now;
    const spread = 0.9 + Math.random() * 0.2;
    this.#drainAt = limits.maxAgeMs > 0 ? now + limits.maxAgeMs * spread : NEVER;
  }

  /** A request began or ended. */
  active(now: number): void {
    this.#lastActive = now;
    this.#strikes = 0;
  }

  /** What is due now, with or without requests under way. `ping` is said once. */
  due(now: number, busy: boolean): Due {
    const { maxIdleMs, maxAgeGraceMs, pingAfterMs, pingTimeoutMs } = this.#limits;
    if (now >= this.#drainAt) {
      return maxAgeGraceMs > 0 && now >= this.#drainAt + maxAgeGraceMs ? 'cut' : 'drain';
    }
    if (maxIdleMs > 0 && !busy && now - this.#lastActive >= maxIdleMs) return 'drain';
    if (this.#pingSentAt > 0) return now - this.#pingSentAt >= pingTimeoutMs ? 'cut' : 'nothing';
    if (pingAfterMs === 0 || now - this.#lastActive < pingAfterMs) return 'nothing';
    this.#pingSentAt = now;
    return 'ping';
  }

  /** The client answered our ping. */
  pong(now: number): void {
    this.#pingSentAt = 0;
    this.#lastActive = now;
  }

  /** The client pings. False when it does so too often. */
  allowsPing(now: number, busy: boolean): boolean {
    const { minPingIntervalMs, pingWithoutStream } = this.#limits;
    const last = this.#lastClientPing;
    this.#lastClientPing = now;
    if (minPingIntervalMs === 0) return true;
    const least = busy || pingWithoutStream ? minPingIntervalMs : IDLE_PING_INTERVAL_MS;
    if (last === 0 || now - last >= least) return true;
    this.#strikes++;
    return this.#strikes <= MAX_PING_STRIKES;
  }
}
