import { ScrapeError } from '../../../../formats/prometheus/scrape/scrape-error.ts';
import { formatPrometheusDuration } from '../config/units.ts';
import type { TargetGroup } from '../discovery/target-group.ts';
import type { Job } from './job.ts';
import { ScrapeLoop } from './scrape-loop.ts';
import { isTarget, type NoTarget, resolveTarget, type Target } from './target.ts';

/** Dropped targets that are shown, where the job sets no limit. */
const MAX_DROPPED = 1000;

/** The targets of one job that are scraped in this shard. */
export class ScrapePool {
  readonly #job: Job;
  readonly #loops = new Map<string, ScrapeLoop>();
  #dropped: readonly NoTarget[] = [];
  #stopped = false;

  constructor(job: Job) {
    this.#job = job;
  }

  /** Takes the whole list of what was discovered, and starts and retires targets accordingly. */
  update(groups: readonly TargetGroup[]): void {
    if (this.#stopped) return;
    const found = new Map<string, Target>();
    const dropped: NoTarget[] = [];
    const { config, targetRules } = this.#job;
    for (const group of groups) {
      for (const address of group.targets) {
        const resolved = resolveTarget(config, targetRules, address, group);
        if (isTarget(resolved)) found.set(resolved.key, resolved);
        else dropped.push(resolved);
      }
    }
    this.#drop(dropped.filter(({ hash }) => this.#isOwn(hash)));
    const problem = this.#problemOf(found.size);
    for (const target of found.values()) if (this.#isOwn(target.hash)) this.#keep(target);
    for (const [key, loop] of this.#loops) {
      loop.problem = problem;
      if (!found.has(key) && !loop.isRetired) loop.retire(() => this.#loops.delete(key));
    }
  }

  /** The targets as Prometheus' `/api/v1/targets` shows them. */
  targets(): readonly unknown[] {
    const { name, keepDropped } = this.#job.config;
    const active = [...this.#loops.values()].filter((loop) => !loop.isRetired);
    const shown = this.#dropped.slice(0, keepDropped || MAX_DROPPED);
    return [
      ...active.map((loop) => shownTarget(loop, name)),
      ...shown.map(({ discovered, problem }) => ({
        discoveredLabels: discovered,
        scrapePool: name,
        dropped: true,
        ...(problem !== undefined && { lastError: problem }),
      })),
    ];
  }

  /** Stops all targets; resolves once what they submitted is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
  }

  #isOwn(hash: number): boolean {
    const { index, count } = this.#job.service.context.shard;
    return hash % count === index;
  }

  #keep(target: Target): void {
    const known = this.#loops.get(target.key);
    if (known !== undefined) {
      known.keep(target);
      return;
    }
    const loop = new ScrapeLoop(this.#job, target);
    this.#loops.set(target.key, loop);
    loop.start();
  }

  #drop(dropped: readonly NoTarget[]): void {
    const { counts, context } = this.#job.service;
    for (let more = dropped.length - this.#dropped.length; more > 0; more--)
      counts.moved(undefined, 'dropped');
    for (let less = this.#dropped.length - dropped.length; less > 0; less--)
      counts.moved('dropped', undefined);
    const known = new Set(this.#dropped.map(({ problem }) => problem));
    for (const { problem, discovered } of dropped) {
      if (problem === undefined || known.has(problem)) continue;
      known.add(problem);
      const fields = { job: this.#job.config.name, address: discovered['__address__'], problem };
      context.log.warn('a target cannot be scraped as it is', fields);
    }
    this.#dropped = dropped;
  }

  #problemOf(targets: number): ScrapeError | undefined {
    const { targetLimit } = this.#job.config;
    if (targetLimit === 0 || targets <= targetLimit) return undefined;
    const message = `the job has ${targets} targets; target_limit is ${targetLimit}`;
    return new ScrapeError('target_limit', message);
  }
}

function shownTarget({ target, state }: ScrapeLoop, job: string): unknown {
  const { discovered, labels, url, intervalMs, timeoutMs } = target;
  return {
    discoveredLabels: discovered,
    labels: Object.fromEntries(labels.map(({ name, value }) => [name, value])),
    scrapePool: job,
    scrapeUrl: url,
    globalUrl: url,
    lastError: state.lastError,
    lastScrape: state.lastScrape === 0 ? NEVER : new Date(state.lastScrape).toISOString(),
    lastScrapeDuration: state.lastDurationMs / 1000,
    health: state.health,
    scrapeInterval: formatPrometheusDuration(intervalMs),
    scrapeTimeout: formatPrometheusDuration(timeoutMs),
  };
}

/** How Prometheus writes a time that has not come. */
const NEVER = '0001-01-01T00:00:00Z';
