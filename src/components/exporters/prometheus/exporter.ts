import type { Batch } from '../../../contract/batch.ts';
import type { Exporter } from '../../../contract/component.ts';
import type { Context, Counter, Gauge, Meter } from '../../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../../contract/outcome.ts';
import { negotiate, type TextFormat } from '../../../formats/prometheus/text/accept.ts';
import { ServerTls } from '../../../net/listen/server-tls.ts';
import { type Page, type PageRequest, PageServer, textPage } from '../../../net/page-server.ts';
import type { AddedLabels } from './page/line-writer.ts';
import { mergeParts, type PageText } from './page/merge.ts';
import { Omissions } from './page/omissions.ts';
import { Pages } from './page/pages.ts';
import { type Part, PartWriter } from './page/part-writer.ts';
import { ShardParts } from './page/shard-parts.ts';
import type { Config } from './settings.ts';
import type { Loss } from './store/intake.ts';
import { Stores } from './store/stores.ts';

/** The tenant of requests that name none, unless the configuration says otherwise. */
const DEFAULT_TENANT = 'default';
const SWEEPS_PER_LIFETIME = 4;
const MAX_SWEEP_MS = 30_000;

/** Keeps the newest value of every series and shows them to whoever asks. */
export class ScrapedExporter implements Exporter {
  readonly #config: Config;
  readonly #context: Context;
  readonly #stores: Stores;
  readonly #counts: Counts;
  readonly #omissions: Omissions;
  readonly #shards: ShardParts;
  readonly #pages: Pages;
  readonly #server: PageServer | undefined;
  #cancelSweep = (): void => {};
  #isStopped = false;

  constructor(config: Config, context: Context) {
    this.#config = config;
    this.#context = context;
    this.#stores = new Stores({
      maxBytes: config.series_memory,
      expirationMs: config.metric_expiration,
      addedNames: new Set([...Object.keys(config.const_labels), config.tenant_label]),
    });
    this.#counts = new Counts(context.meter);
    this.#omissions = new Omissions(context.meter);
    this.#shards = new ShardParts(context, this.#stores, (format) => this.#part(format));
    this.#pages = new Pages((format) => this.#page(format));
    if (this.#listens()) this.#server = this.#newServer();
  }

  /** Of the page server; 0 where another shard listens. */
  get port(): number {
    return this.#server?.port ?? 0;
  }

  async start(): Promise<void> {
    await this.#server?.start();
    this.#sweepLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelSweep();
    await this.#server?.stop();
  }

  async send(batch: Batch): Promise<Outcome> {
    const { tenant } = batch.origin;
    const refusal = this.#refusalOf(batch);
    if (refusal !== undefined) return refusal;
    const now = this.#context.clock.now();
    const losses = await this.#stores.take(batch.chunks, tenant, now);
    this.#counts.see(this.#stores);
    return outcomeOf(losses);
  }

  #refusalOf({ form, origin: { tenant } }: Batch): Outcome | undefined {
    if (form !== 'prometheus') {
      const message = `cannot show ${form} data as series`;
      return { kind: 'rejected', reason: 'wrong_form', message, fault: 'internal' };
    }
    if (tenant === DEFAULT_TENANT || this.#config.tenant_label !== '') return undefined;
    const message = `cannot show series of tenant ${JSON.stringify(tenant)} beside those of ${DEFAULT_TENANT}; set tenant_label`;
    return { kind: 'rejected', reason: 'tenant_without_label', message };
  }

  #newServer(): PageServer {
    const { endpoint, transport, tls } = this.#config;
    const { id, listen, log } = this.#context;
    return new PageServer({
      address: endpoint,
      transport,
      reusePort: listen === 'shared',
      what: id,
      setting: 'endpoint',
      ...(tls === undefined ? {} : { tls: new ServerTls(tls, log) }),
      log,
      page: (request) => this.#answer(request),
    });
  }

  #answer({ path, accept }: PageRequest): Promise<Page> | Page | undefined {
    if (path === this.#config.path) {
      return this.#scraped(negotiate(accept, this.#config.enable_open_metrics));
    }
    return path === '/' ? textPage(200, `metrics are at ${this.#config.path}`) : undefined;
  }

  async #scraped(format: TextFormat): Promise<Page> {
    const started = performance.now();
    const page = await this.#pages.page(format).catch((error: unknown) => {
      if (error instanceof Incomplete) return error;
      throw error;
    });
    if (page === undefined || page instanceof Incomplete) {
      this.#counts.scrape('refused', performance.now() - started);
      const why = page?.message ?? 'too many pages wait for scrapers that are slow to take them';
      return textPage(503, `${why}; scrape again later`);
    }
    this.#counts.scrape('success', performance.now() - started);
    const { text, release } = page;
    return { status: 200, contentType: format.contentType, body: text.chunks, release };
  }

  async #page(format: TextFormat): Promise<PageText> {
    const gathered = await this.#shards.gather(format);
    // What is missing would look as if it had ended.
    if ('missing' in gathered) throw new Incomplete(gathered.missing);
    return mergeParts(gathered.parts, format, this.#omissions);
  }

  #part(format: TextFormat): Promise<Part> {
    const writer = new PartWriter({
      format,
      sendTimestamps: this.#config.send_timestamps,
      since: this.#context.clock.now() - this.#config.metric_expiration,
      upTo: this.#stores.room.serial,
      added: (tenant) => this.#addedTo(tenant),
      omissions: this.#omissions,
    });
    return writer.write(this.#stores.all);
  }

  #addedTo(tenant: string): AddedLabels {
    const { const_labels: constant, tenant_label: name } = this.#config;
    return tenant === DEFAULT_TENANT ? { constant } : { constant, tenant: { name, value: tenant } };
  }

  #sweepLater(): void {
    const every = Math.min(MAX_SWEEP_MS, this.#config.metric_expiration / SWEEPS_PER_LIFETIME);
    this.#cancelSweep = this.#context.clock.after(every, () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    await this.#stores.sweep(this.#context.clock.now());
    this.#counts.see(this.#stores);
    if (!this.#isStopped) this.#sweepLater();
  }

  #listens(): boolean {
    const { shard, listen = 'alone' } = this.#context;
    return this.#config.transport === 'unix' ? shard.index === 0 : listen !== 'none';
  }
}

/** Not all shards have said what they have. */
class Incomplete extends Error {}

const MESSAGES: Readonly<Record<Loss, string>> = {
  out_of_order: 'samples are older than those that are shown already',
  series_limit: 'there is no room for more series; raise series_memory',
  conflicting_type: 'series say that their metric is of another type than others said before',
};

/** One reason is told, that of most. */
function outcomeOf(losses: ReadonlyMap<Loss, number>): Outcome {
  const [most] = [...losses].toSorted(([, a], [, b]) => b - a);
  if (most === undefined) return ACCEPTED;
  const [reason] = most;
  const rejected = [...losses.values()].reduce((sum, items) => sum + items, 0);
  return { kind: 'partial', rejected, reason, message: MESSAGES[reason] };
}

/** The metrics of the exporter itself. */
class Counts {
  readonly #meter: Meter;
  readonly #series: Gauge;
  readonly #bytes: Gauge;
  readonly #scrapes = new Map<string, Counter>();

  constructor(meter: Meter) {
    this.#meter = meter;
    this.#series = meter.gauge('exporter_series', 'Series held for scrapers.');
    this.#bytes = meter.gauge('exporter_series_bytes', 'Bytes that those take, about.');
  }

  see({ room }: Stores): void {
    this.#series.set(room.series);
    this.#bytes.set(room.bytes);
  }

  scrape(outcome: 'success' | 'refused', ms: number): void {
    let counter = this.#scrapes.get(outcome);
    if (counter === undefined) {
      counter = this.#meter.counter('exporter_scrapes', 'Pages asked for, by outcome.', {
        outcome,
      });
      this.#scrapes.set(outcome, counter);
    }
    counter.add(1);
    this.#meter
      .histogram('exporter_scrape_duration_seconds', 'Time to make a page.', SCRAPE_BOUNDS)
      .record(ms / 1000);
  }
}

const SCRAPE_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10];
