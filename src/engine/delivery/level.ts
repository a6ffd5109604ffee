import type { Gauge } from '../../contract/context.ts';

/** A gauge to which others of the same name add their share: two generations during a reload. */
export class Level {
  readonly #gauge: Gauge;
  #value = 0;

  constructor(gauge: Gauge) {
    this.#gauge = gauge;
    gauge.add(0);
  }

  add(change: number): void {
    this.#value += change;
    this.#gauge.add(change);
  }

  set(value: number): void {
    if (value !== this.#value) this.add(value - this.#value);
  }
}
