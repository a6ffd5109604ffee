/** How fast a queue empties: an exponentially weighted mean over about ten seconds. */
const TIME_CONSTANT_S = 10;
const MIN_WAIT_MS = 1000;
const MAX_WAIT_MS = 10_000;
/** While nothing has left yet, nobody knows. */
const UNKNOWN_WAIT_MS = 5000;

/** Fed with what leaves a queue, in the queue's unit. Time is given by the caller, in ms. */
export class DrainRate {
  #perSecond = 0;
  #since: number;
  #left = 0;

  constructor(now: number) {
    this.#since = now;
  }

  add(units: number, now: number): void {
    this.#fold(now);
    this.#left += units;
  }

  /**
   * Milliseconds until about `units` have left, spread by a fifth either way so that clients do
   * not all come back at once; about one to ten seconds.
   */
  waitFor(units: number, now: number): number {
    this.#fold(now);
    const current = Math.max(this.#perSecond, this.#left);
    const wait = current > 0 ? (units / current) * 1000 : UNKNOWN_WAIT_MS;
    const bounded = Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, wait));
    return Math.round(bounded * (0.8 + 0.4 * Math.random()));
  }

  #fold(now: number): void {
    const seconds = (now - this.#since) / 1000;
    if (seconds < 1) return;
    const weight = 1 - Math.exp(-seconds / TIME_CONSTANT_S);
    this.#perSecond += weight * (this.#left / seconds - this.#perSecond);
    this.#left = 0;
    this.#since = now;
  }
}
