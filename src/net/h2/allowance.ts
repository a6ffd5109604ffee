/** How much of something a client may do: a burst, and then so much a second. */
export class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#at = Date.now();
  }

  /** Uses one. False when there is none left. */
  use(): boolean {
    if (this.#left < 1) {
      const now = Date.now();
      this.grant(((now - this.#at) / 1000) * this.#perSecond);
      this.#at = now;
      if (this.#left < 1) return false;
    }
    this.#left--;
    return true;
  }

  /** Allows so many more, up to the burst. */
  grant(more: number): void {
    this.#left = Math.min(this.#burst, this.#left + more);
  }
}
