/** Counts what an exporter has under way, so that its stop can wait for it. */
export class InFlight {
  #count = 0;
  #stopped = false;
  readonly #waiting: (() => void)[] = [];

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Runs `work` and counts it until it settles. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await work();
    } finally {
      if (--this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Resolves when nothing is under way any more, or `deadline` has aborted. */
  async stop(deadline: AbortSignal | undefined): Promise<void> {
    this.#stopped = true;
    if (this.#count === 0 || deadline === undefined || deadline.aborted) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
