import type { Clock } from '../../../../contract/context.ts';

/** Whether a backend answers. */
interface Health {
  /** Milliseconds since the epoch since which every request failed; undefined while they do not. */
  failingSince: number | undefined;
  /** When one that is down may be tried again. */
  retryAt: number;
}

/**
 * Which of several backends has which series: each has the one with the highest draw of all
 * (rendezvous hashing), so that one backend more or less moves only its own share. A backend that
 * has failed for a while is down, and its series go to those with the next highest draws until
 * it answers again, which one request finds out now and then.
 */
export class Backends {
  readonly #seeds: readonly number[];
  readonly #health: readonly Health[];
  readonly #downAfterMs: number;
  readonly #clock: Clock;

  /** `names` tell them apart, the same in every shard and every run. */
  constructor(names: readonly string[], downAfterMs: number, clock: Clock) {
    this.#seeds = names.map(seedOf);
    this.#health = names.map(() => ({ failingSince: undefined, retryAt: 0 }));
    this.#downAfterMs = downAfterMs;
    this.#clock = clock;
  }

  get count(): number {
    return this.#seeds.length;
  }

  /** The backend of the series with this hash while all are up. */
  of(hash: number): number {
    return this.#highest(hash, undefined);
  }

  /** The same among those that are up. */
  ofThoseUp(hash: number, up: readonly boolean[]): number {
    return this.#highest(hash, up);
  }

  /** Which are to be sent to now: those that are up or due for a trial, or all when none is. */
  up(): readonly boolean[] {
    const now = this.#clock.now();
    const up = this.#health.map((health) => !this.#isDown(health, now) || now >= health.retryAt);
    return up.includes(true) ? up : up.map(() => true);
  }

  /** A request is about to be sent: of one that is down this is the trial. */
  tried(backend: number): void {
    const health = this.#health[backend]!;
    const now = this.#clock.now();
    if (this.#isDown(health, now)) health.retryAt = now + this.#downAfterMs;
  }

  /** A request was answered: whether that is news. */
  answered(backend: number): boolean {
    const health = this.#health[backend]!;
    const wasDown = this.#isDown(health, this.#clock.now());
    health.failingSince = undefined;
    return wasDown;
  }

  /** A request had no answer: whether the backend is down from now on. */
  failed(backend: number): boolean {
    const health = this.#health[backend]!;
    const now = this.#clock.now();
    health.failingSince ??= now;
    if (!this.#isDown(health, now)) return false;
    const isNews = health.retryAt <= health.failingSince;
    health.retryAt = now + this.#downAfterMs;
    return isNews;
  }

  #isDown({ failingSince }: Health, now: number): boolean {
    return failingSince !== undefined && now - failingSince >= this.#downAfterMs;
  }

  #highest(hash: number, up: readonly boolean[] | undefined): number {
    let best = 0;
    let highest = -1;
    for (let backend = 0; backend < this.#seeds.length; backend++) {
      if (up !== undefined && !up[backend]!) continue;
      const draw = drawOf(hash, this.#seeds[backend]!);
      if (draw > highest) {
        highest = draw;
        best = backend;
      }
    }
    return best;
  }
}

/** 32 bits that look drawn anew for each pair. */
function drawOf(hash: number, seed: number): number {
  let draw = hash ^ seed;
  draw = Math.imul(draw ^ (draw >>> 16), 0x85ebca6b);
  draw = Math.imul(draw ^ (draw >>> 13), 0xc2b2ae35);
  return (draw ^ (draw >>> 16)) >>> 0;
}

/** FNV-1a. */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
