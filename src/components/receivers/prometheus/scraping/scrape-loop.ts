import type { ScrapeError } from '../../../../formats/prometheus/scrape/scrape-error.ts';
import type { Job } from './job.ts';
import { nextScrape, scrapeTime } from './schedule.ts';
import type { Target } from './target.ts';
import { type ScrapeState, TargetScraper } from './target-scraper.ts';

/** Scrapes one target again and again, one scrape at a time. */
export class ScrapeLoop {
  /** With what discovery said of it last. */
  target: Target;
  /** Set while the target must not be asked, such as when there are too many. */
  problem: ScrapeError | undefined;
  readonly #job: Job;
  readonly #scraper: TargetScraper;
  readonly #stopping = new AbortController();
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #gone: (() => void) | undefined;

  constructor(job: Job, target: Target) {
    this.#job = job;
    this.target = target;
    this.#scraper = new TargetScraper(job, target);
  }

  get state(): ScrapeState {
    return this.#scraper.state;
  }

  start(): void {
    this.#schedule(this.#now);
  }

  /** The target, of the same key, is there still, or again. */
  keep(target: Target): void {
    this.target = target;
    this.#gone = undefined;
  }

  /** Whether the target is there no more, and its series wait to be marked as stale. */
  get isRetired(): boolean {
    return this.#gone !== undefined;
  }

  /**
   * The target is there no more. When its next scrape would be due its series are marked as stale
   * and `gone` is called, unless `keep` comes before.
   */
  retire(gone: () => void): void {
    this.#gone = gone;
  }

  /** Stops at once and marks nothing as stale; resolves once what was submitted is answered. */
  stop(): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort();
    this.#closing ??= this.#running.then(() => this.#scraper.close());
    return this.#closing;
  }

  get #now(): number {
    return this.#job.service.context.clock.now();
  }

  #schedule(from: number): void {
    const { intervalMs, phase } = this.target;
    const due = nextScrape(from, intervalMs, phase);
    this.#cancel = this.#job.service.context.clock.after(Math.max(0, due - this.#now), () => {
      this.#running = this.#run(due);
    });
  }

  async #run(due: number): Promise<void> {
    const { signal } = this.#stopping;
    const time = scrapeTime(due, this.#now, this.target.intervalMs);
    try {
      if (this.#gone !== undefined) {
        this.#scraper.end(time);
        this.#gone();
        this.#closing ??= this.#scraper.close();
        return;
      }
      await this.#scraper.scrape(time, signal, this.problem);
    } catch (error) {
      const { context, counts } = this.#job.service;
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      context.log.error('bug: a target could not be scraped', { reason });
      counts.scraped('bug');
    }
    // A timer may be early, and what was due is not due again.
    if (!signal.aborted) this.#schedule(Math.max(this.#now, due + 1));
  }
}
