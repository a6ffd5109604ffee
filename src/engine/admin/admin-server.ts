import type { Lifecycle } from '../../contract/component.ts';
import type { HealthReport, Logger } from '../../contract/context.ts';
import {
  jsonPage,
  type Page,
  type PageRequest,
  PageServer,
  textPage,
} from '../../net/page-server.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import type { Report } from './report.ts';
import { type StatusFacts, statusOf } from './status.ts';
import { targetsAnswer, targetsPage } from './targets.ts';

export interface AdminOptions {
  /** `host:port`. */
  readonly address: string;
  readonly registry: MetricsRegistry;
  readonly health: () => HealthReport;
  readonly facts: () => StatusFacts;
  /** What components show of a topic. */
  readonly report: (topic: 'targets') => Promise<Report>;
  /** Whether OpenMetrics may be served. It forces `_total` on counters, text 0.0.4 does not. */
  readonly openMetrics: boolean;
  readonly log?: Logger;
}

const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Serves what the program says about itself, on the main thread: it answers under full load. */
export class AdminServer implements Lifecycle {
  readonly #options: AdminOptions;
  readonly #server: PageServer;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = new PageServer({
      address: options.address,
      what: 'the self-metrics server',
      setting: 'service.telemetry.metrics.address',
      page: (request) => this.#page(request),
      ...(options.log === undefined ? {} : { log: options.log }),
    });
  }

  /** Port in use, for an address that ends in `:0`. */
  get port(): number {
    return this.#server.port;
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #page(request: PageRequest): Page | Promise<Page> | undefined {
    const { registry, health, facts } = this.#options;
    switch (request.path) {
      case '/':
        return textPage(200, index(facts().version));
      case '/metrics':
        return this.#metrics(request.accept);
      case '/status':
        return jsonPage(200, statusOf(registry, health(), facts()));
      case '/targets':
        return this.#targets();
      case '/api/v1/targets':
        return this.#targetsAsJson();
      default:
        return undefined;
    }
  }

  async #targets(): Promise<Page> {
    const body = targetsPage(await this.#options.report('targets'));
    return { status: 200, contentType: 'text/html; charset=utf-8', body };
  }

  async #targetsAsJson(): Promise<Page> {
    return jsonPage(200, targetsAnswer(await this.#options.report('targets')));
  }

  async #metrics(accept: string): Promise<Page> {
    const { registry, openMetrics } = this.#options;
    const asOpenMetrics = openMetrics && prefersOpenMetrics(accept);
    const body = await registry.text(asOpenMetrics);
    return { status: 200, contentType: asOpenMetrics ? OPEN_METRICS_TYPE : TEXT_TYPE, body };
  }
}

function index(version: string): string {
  return [
    `millrace ${version}`,
    '',
    '/metrics  self-metrics, for Prometheus',
    '/status   shards, exporters and their queues, and what is wrong, as JSON',
    '/targets  what is scraped; as JSON at /api/v1/targets',
  ].join('\n');
}

/** Whether a client would rather have OpenMetrics than text, by its `Accept` header. */
export function prefersOpenMetrics(accept: string): boolean {
  let open = 0;
  let text = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const given = parameters.find((one) => one.startsWith('q='));
    const quality = given === undefined ? 1 : Number(given.slice(2));
    if (Number.isNaN(quality)) continue;
    if (type === 'application/openmetrics-text') open = Math.max(open, quality);
    else if (type === 'text/plain' || type === 'text/*' || type === '*/*') {
      text = Math.max(text, quality);
    }
  }
  return open > 0 && open >= text;
}
