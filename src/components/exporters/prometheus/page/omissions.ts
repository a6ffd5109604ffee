import type { Counter, Meter } from '../../../../contract/context.ts';

/** Why something that is known is not on a page. */
export type Omission =
  | 'conflicting_name'
  | 'impossible_value'
  | 'incomplete_histogram'
  | 'wrong_member';

/** Counts what a page has no words for. */
export class Omissions {
  readonly #meter: Meter;
  readonly #counters = new Map<Omission, Counter>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  count(reason: Omission): void {
    let counter = this.#counters.get(reason);
    if (counter === undefined) {
      counter = this.#meter.counter(
        'exporter_scrape_omitted',
        'Series and families that a page could not show, each time it was made.',
        { reason },
      );
      this.#counters.set(reason, counter);
    }
    counter.add(1);
  }
}
