import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';

/** A program with a page of metrics, as the client library for Node makes it. */
export interface MetricsTarget {
  readonly port: number;
  /** Counts on, as traffic would; the exemplar's trace id tells the call. */
  tick(): void;
  /** Ends as a crash does and comes back at once with counters at zero. */
  restart(): Promise<void>;
  /** Ends; nobody listens any more. */
  vanish(): Promise<void>;
  /** Comes back on the same port, its counters as they were. */
  comeBack(): Promise<void>;
}

/** Starts a target on `port` of 127.0.0.1. */
export async function startTarget(port: number): Promise<MetricsTarget> {
  let metrics = makeMetrics();
  let ticks = 0;
  let server: Server | undefined;
  const comeBack = async (): Promise<void> => {
    const listening = createServer((_, response) => {
      void metrics.registry.metrics().then((page) => {
        response.setHeader('content-type', metrics.registry.contentType).end(page);
      });
    });
    server = listening;
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  };
  const vanish = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    ending?.closeAllConnections();
    await new Promise<void>((resolve) =>
      ending === undefined ? resolve() : ending.close(() => resolve()),
    );
  };
  await comeBack();
  return {
    port,
    tick: () => {
      ticks++;
      const exemplarLabels = { trace_id: `t${ticks}` };
      const odd = { route: 'naïve "quoted"\\' };
      metrics.requests.inc({ labels: { route: '/pay' }, value: 3, exemplarLabels });
      metrics.requests.inc({ labels: odd, value: 1, exemplarLabels });
      metrics.load.set(Math.sin(ticks) / 3);
      metrics.seconds.observe({ labels: {}, value: (ticks % 7) / 5, exemplarLabels });
    },
    restart: async () => {
      await vanish();
      metrics = makeMetrics();
      await comeBack();
    },
    vanish,
    comeBack,
  };
}

function makeMetrics() {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const common = { registers: [registry], enableExemplars: true as const };
  return {
    registry,
    requests: new Counter<string>({
      ...common,
      name: 'shop_requests',
      help: 'Requests.',
      labelNames: ['route'],
    }),
    load: new Gauge({ registers: [registry], name: 'shop_load', help: 'Load.' }),
    seconds: new Histogram<string>({
      ...common,
      name: 'shop_seconds',
      help: 'Time.',
      buckets: [0.1, 0.5, 1],
    }),
  };
}
