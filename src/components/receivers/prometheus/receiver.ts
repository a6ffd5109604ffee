import type { Decoded, Intake, RawRequest, Receiver } from '../../../contract/component.ts';
import type { Context } from '../../../contract/context.ts';
import { SeriesMemory } from '../../../formats/prometheus/scrape/series-memory.ts';
import { decode } from './decode.ts';
import { Discoveries } from './discovery/discovery.ts';
import { type DiscoveryContext, FileDiscovery } from './discovery/file-discovery.ts';
import { HttpDiscovery } from './discovery/http-discovery.ts';
import { HttpIdentity } from './scraping/http-fetch.ts';
import { createJob, type Job, type Service } from './scraping/job.ts';
import { ScrapeCounts } from './scraping/scrape-counts.ts';
import { ScrapePool } from './scraping/scrape-pool.ts';
import type { Config } from './settings.ts';

interface RunningJob {
  readonly pool: ScrapePool;
  readonly discovery: Discoveries;
}

/**
 * Scrapes the targets of Prometheus jobs. Every shard discovers all of them and scrapes those whose
 * hash is its own, so that each target is scraped by exactly one.
 */
export class PrometheusReceiver implements Receiver {
  readonly #config: Config;
  readonly #service: Service;
  readonly #id: string;
  #jobs: readonly RunningJob[] = [];

  constructor(config: Config, intake: Intake, context: Context) {
    this.#config = config;
    this.#id = context.id.replace(/^receivers\//, '');
    this.#service = {
      intake,
      context,
      counts: new ScrapeCounts(context),
      memory: new SeriesMemory(Math.floor(config.maxSeriesBytes / context.shard.count)),
      externalLabels: config.externalLabels,
      maxPageBytes: config.maxPageBytes,
    };
    context.report?.('targets', () => this.#jobs.flatMap(({ pool }) => pool.targets()));
  }

  async start(): Promise<void> {
    this.#jobs = this.#config.jobs.map((config) => {
      const job = createJob(config, this.#service);
      return { pool: new ScrapePool(job), discovery: this.#discoveries(job) };
    });
    for (const { pool, discovery } of this.#jobs) discovery.start((groups) => pool.update(groups));
  }

  async stop(deadline: AbortSignal): Promise<void> {
    for (const { discovery } of this.#jobs) discovery.stop();
    const stopped = Promise.all(this.#jobs.map(({ pool }) => pool.stop()));
    await Promise.race([stopped, aborted(deadline)]);
  }

  decode(request: RawRequest): Decoded {
    return decode(request, this.#id);
  }

  #discoveries({ config, headers }: Job): Discoveries {
    const { clock, log } = this.#service.context;
    const context = (mechanism: 'file' | 'http'): DiscoveryContext => ({
      clock,
      log,
      counted: (isSuccess) =>
        this.#service.counts.discovered(mechanism, isSuccess ? 'success' : 'failure'),
    });
    const userAgent = headers['user-agent'] ?? '';
    return new Discoveries(config.groups, [
      ...config.files.map((files) => new FileDiscovery(files, context('file'))),
      ...config.servers.map(({ url, refreshMs, http }) => {
        const identity = new HttpIdentity(http);
        return new HttpDiscovery({ url, refreshMs, identity, userAgent }, context('http'));
      }),
    ]);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
