import type { Context, Counter, Gauge } from '../../../../contract/context.ts';
import type { PageCounts } from '../../../../formats/prometheus/scrape/target-series.ts';
import type { SeriesMemory } from '../../../../formats/prometheus/scrape/series-memory.ts';

/** How a target is, as far as this shard knows. */
export type Health = 'up' | 'down' | 'unknown';

/** The numbers of scraping. */
export class ScrapeCounts {
  readonly #context: Context;
  readonly #samples: Counter;
  readonly #bytes: Counter;
  readonly #memory: Gauge;

  constructor(context: Context) {
    this.#context = context;
    const { meter } = context;
    this.#samples = meter.counter('scrape_samples', 'Samples on pages that were scraped.');
    this.#bytes = meter.counter('scrape_page_bytes', 'Bytes of pages, without compression.');
    this.#memory = meter.gauge('scrape_series_memory_bytes', 'Memory for the series of targets.');
  }

  /** A scrape that is over; `result` is `success` or a reason. */
  scraped(result: string): void {
    const help = 'Scrapes, by what came of them.';
    this.#context.meter.counter('scrapes', help, { result }).add(1);
  }

  page({ scraped, left }: PageCounts, bytes: number, memory: SeriesMemory): void {
    this.#samples.add(scraped);
    this.#bytes.add(bytes);
    this.#memory.set(memory.used);
    const help = 'Samples and exemplars of pages that were left out, by reason.';
    for (const [reason, count] of Object.entries(left))
      if (count > 0)
        this.#context.meter.counter('scrape_left_out_samples', help, { reason }).add(count);
  }

  /** The state of a target changed; undefined is no target. */
  moved(from: Health | 'dropped' | undefined, to: Health | 'dropped' | undefined): void {
    const gauge = (state: string) =>
      this.#context.meter.gauge('scrape_targets', 'Targets, by state.', { state });
    if (from !== undefined) gauge(from).add(-1);
    if (to !== undefined) gauge(to).add(1);
  }

  /** A discovery asked for targets. */
  discovered(mechanism: 'file' | 'http', result: 'success' | 'failure'): void {
    const help = 'Times that targets were asked for.';
    this.#context.meter.counter('discovery_refreshes', help, { mechanism, result }).add(1);
  }
}
