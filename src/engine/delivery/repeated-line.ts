import type { Clock } from '../../contract/context.ts';

const INTERVAL_MS = 5000;

/**
 * A log line about something that may happen thousands of times a second: written at the first
 * time, then at most once per five seconds with what came together in between.
 */
export class RepeatedLine {
  readonly #clock: Clock;
  readonly #write: (times: number, items: number) => void;
  #cancel: (() => void) | undefined;
  #times = 0;
  #items = 0;

  constructor(clock: Clock, write: (times: number, items: number) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  add(items: number): void {
    this.#times += 1;
    this.#items += items;
    if (this.#cancel === undefined) this.#tick();
  }

  /** Writes what has not been written yet, and ends the interval. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#writePending();
  }

  #tick(): void {
    this.#cancel = undefined;
    if (this.#times === 0) return;
    this.#writePending();
    this.#cancel = this.#clock.after(INTERVAL_MS, () => this.#tick());
  }

  #writePending(): void {
    if (this.#times === 0) return;
    const times = this.#times;
    const items = this.#items;
    this.#times = 0;
    this.#items = 0;
    this.#write(times, items);
  }
}
