import type { Extension } from '../../../contract/component.ts';
import type { ExtensionContext, HealthReport } from '../../../contract/context.ts';
import { ServerTls } from '../../../net/listen/server-tls.ts';
import { jsonPage, type Page, PageServer } from '../../../net/page-server.ts';
import type { Config } from './settings.ts';

/** Answers probes. Reads the health of the whole collector; asks no shard. */
export class HealthCheck implements Extension {
  readonly #config: Config;
  readonly #context: ExtensionContext;
  readonly #server: PageServer;

  constructor(config: Config, context: ExtensionContext) {
    this.#config = config;
    this.#context = context;
    const tls = config.tls === undefined ? {} : { tls: new ServerTls(config.tls, context.log) };
    this.#server = new PageServer({
      address: config.endpoint,
      what: context.id,
      setting: 'its endpoint',
      log: context.log,
      page: ({ path }) => this.#page(path),
      ...tls,
    });
  }

  /** Port in use, for an endpoint that ends in `:0`. */
  get port(): number {
    return this.#server.port;
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #page(path: string): Page | undefined {
    const { followDelivery } = this.#config;
    const report = this.#context.health();
    const serving = report.live && report.ready && (report.healthy || !followDelivery);
    if (path === this.#config.path || path === '/ready') return this.#answer(report, serving);
    if (path === '/live') return this.#answer(report, report.live);
    return undefined;
  }

  #answer(report: HealthReport, good: boolean): Page {
    const { healthyBody, unhealthyBody } = this.#config;
    const status = good ? 200 : 503;
    const fixed = good ? healthyBody : unhealthyBody;
    if (fixed !== undefined) {
      return { status, contentType: 'text/plain; charset=utf-8', body: fixed };
    }
    return jsonPage(status, {
      status: good ? 'Server available' : 'Server not available',
      live: report.live,
      ready: report.ready,
      healthy: report.healthy,
      reasons: report.reasons,
      upSince: new Date(this.#context.clock.now() - report.uptime * 1000).toISOString(),
      uptime: `${report.uptime.toFixed(1)}s`,
    });
  }
}
