import type { Permit } from '../../../../contract/component.ts';
import type { Outcome } from '../../../../contract/outcome.ts';
import { ScrapeError } from '../../../../formats/prometheus/scrape/scrape-error.ts';
import {
  type ScrapedChunk,
  TargetSeries,
} from '../../../../formats/prometheus/scrape/target-series.ts';
import { releaseBytes } from '../../../../wire/memory.ts';
import { formatPrometheusDuration } from '../config/units.ts';
import { formatOf } from '../decode.ts';
import { type Fetched, HttpFetcher, NoRoom } from './http-fetch.ts';
import type { Job } from './job.ts';
import { isOpenMetrics } from './negotiation.ts';
import { reportsOf } from './reports.ts';
import type { Health } from './scrape-counts.ts';
import type { Target } from './target.ts';

/** What came of the last scrape of a target. */
export interface ScrapeState {
  readonly health: Health;
  readonly lastError: string;
  /** Milliseconds since the epoch; 0 before the first. */
  readonly lastScrape: number;
  readonly lastDurationMs: number;
}

const TIMEOUT_HEADER = 'x-prometheus-scrape-timeout-seconds';

/** Scrapes one target when told to, and hands what it finds to the intake. */
export class TargetScraper {
  readonly #job: Job;
  readonly #target: Target;
  readonly #fetcher: HttpFetcher;
  readonly #submissions = new Set<Promise<void>>();
  #series: TargetSeries | undefined;
  #state: ScrapeState = { health: 'unknown', lastError: '', lastScrape: 0, lastDurationMs: 0 };

  constructor(job: Job, target: Target) {
    this.#job = job;
    this.#target = target;
    this.#fetcher = new HttpFetcher(job.identity, job.maxPageBytes);
    job.service.counts.moved(undefined, 'unknown');
  }

  get state(): ScrapeState {
    return this.#state;
  }

  /**
   * Scrapes once; `time` is that of the samples, in milliseconds. With a `problem` the scrape fails
   * without asking the target. Resolves when the data is on its way; nothing comes of it when
   * `signal` aborts.
   */
  async scrape(time: number, signal: AbortSignal, problem?: ScrapeError): Promise<void> {
    const { intake, counts } = this.#job.service;
    const permit = intake.admit(this.#job.tenant, 0);
    if ('kind' in permit) return this.#refused(permit);
    try {
      this.#submit(await this.#scrape(time, { permit, signal, problem }), permit);
    } catch (error) {
      permit.release();
      if (signal.aborted) return;
      if (error instanceof NoRoom) return this.#refused(error.outcome);
      if (!(error instanceof ScrapeError)) throw error;
      counts.scraped(error.reason);
      this.#become({ ...this.#state, health: 'down', lastError: error.message });
    }
  }

  /** Marks all series as stale: the target is gone. */
  end(time: number): void {
    const { intake } = this.#job.service;
    if (this.#series === undefined) return;
    const permit = intake.admit(this.#job.tenant, 0);
    if ('kind' in permit) intake.refused('metrics', this.#job.tenant, permit);
    else this.#submit(this.#series.end(time), permit);
  }

  /** Lets go of the target and its connections; resolves once what was submitted is answered. */
  async close(): Promise<void> {
    this.#fetcher.close();
    this.#job.service.counts.moved(this.#state.health, undefined);
    this.#series?.release();
    await Promise.all(this.#submissions);
  }

  async #scrape(time: number, { permit, signal, problem }: Attempt): Promise<ScrapedChunk> {
    const { counts, memory } = this.#job.service;
    const began = performance.now();
    let failure = problem;
    let page: Fetched | undefined;
    try {
      if (failure === undefined) page = await this.#fetch(permit, signal);
    } catch (error) {
      if (!(error instanceof ScrapeError)) throw error;
      failure = error;
    }
    const series = (this.#series ??= this.#newSeries());
    series.begin(time);
    if (page !== undefined) failure = readPage(series, page, this.#job);
    const durationMs = performance.now() - began;
    const bodyBytes = page?.body.length ?? 0;
    const chunk = series.finish(
      reportsOf(this.#job.config, {
        isUp: failure === undefined,
        durationMs,
        timeoutMs: this.#target.timeoutMs,
        counts: series.counts,
        bodyBytes: failure?.reason === 'body_size_limit' ? -1 : bodyBytes,
      }),
    );
    if (page !== undefined) releaseBytes(page.body);
    counts.page(series.counts, bodyBytes, memory);
    counts.scraped(failure?.reason ?? 'success');
    this.#become({
      health: failure === undefined ? 'up' : 'down',
      lastError: failure?.message ?? '',
      lastScrape: time,
      lastDurationMs: durationMs,
    });
    const refusal = permit.resize(chunk.bytes.length);
    if (refusal === undefined) return chunk;
    chunk.settle(false);
    releaseBytes(chunk.bytes);
    throw new NoRoom(refusal);
  }

  async #fetch(permit: Permit, signal: AbortSignal): Promise<Fetched> {
    const { url, timeoutMs } = this.#target;
    const { headers, maxPageBytes, service } = this.#job;
    const attempt = new AbortController();
    const stop = () => attempt.abort(signal.reason);
    const late = `no page from ${url} within ${formatPrometheusDuration(timeoutMs)}`;
    const cancel = service.context.clock.after(timeoutMs, () =>
      attempt.abort(new ScrapeError('timeout', late)),
    );
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#fetcher.fetch({
        url,
        headers: { ...headers, [TIMEOUT_HEADER]: String(timeoutMs / 1000) },
        signal: attempt.signal,
        maxBytes: maxPageBytes,
        resize: (bytes) => permit.resize(bytes),
      });
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  #newSeries(): TargetSeries {
    const { config, metricRules, service } = this.#job;
    const { labels, nameBytes, valueBytes, samples } = config.limits;
    return new TargetSeries({
      target: this.#target.labels,
      honorLabels: config.honorLabels,
      honorTimestamps: config.honorTimestamps,
      trackTimestampsStaleness: config.trackTimestampsStaleness,
      external: service.externalLabels,
      naming: config.naming,
      limits: { labels, nameBytes, valueBytes },
      sampleLimit: samples,
      memory: service.memory,
      ...(metricRules !== undefined && { rules: metricRules }),
    });
  }

  #submit(chunk: ScrapedChunk, permit: Permit): void {
    const { tenant, service } = this.#job;
    const submission = service.intake
      .submit(
        {
          signal: 'metrics',
          body: chunk.bytes,
          encoding: 'identity',
          format: formatOf(chunk.items),
          tenant,
          metadata: NO_METADATA,
          receivedAt: service.context.clock.now(),
        },
        permit,
      )
      .then(
        ({ outcome }) => chunk.settle(outcome.kind === 'accepted' || outcome.kind === 'partial'),
        (error: unknown) => {
          permit.release();
          chunk.settle(false);
          const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
          service.context.log.error('bug: a scrape could not be submitted', { reason });
        },
      )
      .finally(() => this.#submissions.delete(submission));
    this.#submissions.add(submission);
  }

  /** There is no room for the data of this scrape: the next one goes on as if it had not been. */
  #refused(outcome: Outcome): void {
    const { service, tenant } = this.#job;
    service.intake.refused('metrics', tenant, outcome);
    service.counts.scraped('refused');
    const lastError = 'message' in outcome ? outcome.message : outcome.kind;
    this.#become({ ...this.#state, lastError });
  }

  #become(state: ScrapeState): void {
    this.#job.service.counts.moved(this.#state.health, state.health);
    this.#state = state;
  }
}

interface Attempt {
  readonly permit: Permit;
  readonly signal: AbortSignal;
  readonly problem: ScrapeError | undefined;
}

/** Reads a page; answers why it cannot be taken. */
function readPage(series: TargetSeries, page: Fetched, { config }: Job): ScrapeError | undefined {
  try {
    series.read(page.body, isOpenMetrics(page.contentType, config.fallback));
    return undefined;
  } catch (error) {
    if (error instanceof ScrapeError) return error;
    throw error;
  }
}

const NO_METADATA = Object.freeze({});
