/** A shard that lived this long was well: its successor starts at once. */
const WELL_MS = 10_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;

/** When a dead shard's successor may start: at once, and later and later if it crashes in a loop. */
export class RestartPolicy {
  #crashes = 0;

  /** How long to wait after a shard that lived for `livedMs`. */
  nextDelayMs(livedMs: number): number {
    if (livedMs >= WELL_MS) this.#crashes = 0;
    this.#crashes++;
    if (this.#crashes === 1) return 0;
    return Math.min(FIRST_DELAY_MS * 2 ** (this.#crashes - 2), MAX_DELAY_MS);
  }

  /** Waits for that long, or until `cancel` aborts. */
  wait(livedMs: number, cancel: AbortSignal): Promise<void> {
    const delay = this.nextDelayMs(livedMs);
    if (delay === 0 || cancel.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        cancel.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delay);
      cancel.addEventListener('abort', done);
    });
  }
}
