import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';
import { startTarget } from '../ends/metrics-target.ts';
import {
  type PrometheusServer,
  type PrometheusVersion,
  type QueriedSeries,
  prometheusProgram,
  startPrometheus,
} from '../ends/prometheus-server.ts';

/** How long the second Prometheus is away; two minutes in the long form. */
const OUTAGE_MS = process.env['MILLRACE_LONG'] === '1' ? 120_000 : 12_000;

interface Case {
  readonly version: PrometheusVersion;
  /** What 3.x calls the protocol; 2.42 knows 1.0 alone. */
  readonly message?: string;
  /** Whether the server tells its own durations as native histograms. */
  readonly native: boolean;
}

const CASES: readonly Case[] = [
  { version: '2.42', native: false },
  { version: '3', native: true, message: 'io.prometheus.write.v2.Request' },
];

const FEATURES = ['--enable-feature=exemplar-storage,native-histograms'];

suite('remote-write through the gateway', { concurrency: CASES.length }, () => {
  for (const { version, message, native } of CASES) {
    const protocol = message ?? 'prometheus.WriteRequest';
    test(`two Prometheis ${version} with the gateway between them answer alike (${protocol})`, async (t) => {
      const program = await prometheusProgram(version);
      if ('missing' in program) return t.skip(program.missing);
      const way = await layOut(t, program.path, message);
      const { target, sleep } = way;

      await sleep(4000);
      await target.restart();
      await sleep(3000);
      const gone = Date.now() / 1000;
      await target.vanish();
      await sleep(4000);
      await target.comeBack();
      await sleep(2000);
      await way.restartGateway();
      await sleep(2000);
      await way.outage();
      await sleep(3000);

      const until = Math.floor(Date.now() / 1000) - 1;
      await eventually(
        async () => (await newest(way.second())) > until,
        () => way.describe(),
        OUTAGE_MS + 30_000,
      );
      await assertAlike(way, until, gone);
      const histograms = await way.second().query(`{job="itself"}[1m]`, until);
      assert.equal(
        histograms.some(({ histograms: some = [] }) => some.length > 0),
        native,
      );
      await assertInOrder(way);
    });
  }
});

type Way = Awaited<ReturnType<typeof layOut>>;

/** Target -> first Prometheus -> gateway -> second Prometheus. */
async function layOut(t: TestContext, path: string, message: string | undefined) {
  const [targetPort = 0, write = 0, admin = 0, firstPort = 0, secondPort = 0] = await freePorts(5);
  const target = await startTarget(targetPort);
  t.after(() => target.vanish());
  const ticking = setInterval(() => target.tick(), 200);
  t.after(() => clearInterval(ticking));
  const startSecond = (dataFolder?: string) =>
    startPrometheus(path, {
      config: 'global: { scrape_interval: 1h }\nstorage: { exemplars: { max_exemplars: 10000 } }',
      flags: ['--web.enable-remote-write-receiver', ...FEATURES],
      port: secondPort,
      ...(dataFolder === undefined ? {} : { dataFolder }),
    });
  let second = await startSecond();
  t.after(() => second.stop());
  const yaml = gatewayConfig(write, admin, second.url, message);
  let gateway = await startGateway(yaml, [write, admin]);
  t.after(() => gateway.kill('SIGKILL'));
  const first = await startPrometheus(path, {
    config: firstConfig([targetPort, firstPort], write, message),
    flags: FEATURES,
    port: firstPort,
  });
  t.after(() => {
    // At SIGTERM it would try for a minute to write what nobody takes any more.
    first.kill('SIGKILL');
    return first.stop();
  });
  await eventually(
    async () => (await newest(first)) > 0,
    () => first.output(),
  );
  const from = Math.ceil(Date.now() / 1000);
  return {
    target,
    from,
    first,
    admin,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    second: () => second,
    restartGateway: async () => {
      assert.equal(await gateway.stop(), 0, gateway.output());
      gateway = await startGateway(yaml, [write, admin]);
    },
    outage: async () => {
      await second.stop({ keepData: true });
      await new Promise<void>((resolve) => setTimeout(resolve, OUTAGE_MS));
      second = await startSecond(second.dataFolder);
    },
    page: () => gateway.page(admin, '/metrics'),
    describe: () => gateway.output() + second.output().slice(-4000),
  };
}

function firstConfig(
  [target, itself]: readonly [number, number],
  write: number,
  message: string | undefined,
): string {
  return `
global: { scrape_interval: 1s, scrape_timeout: 900ms }
storage: { exemplars: { max_exemplars: 10000 } }
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["127.0.0.1:${target}"] }]
  - job_name: itself
    static_configs: [{ targets: ["127.0.0.1:${itself}"] }]
    metric_relabel_configs:
      - { source_labels: [__name__], regex: "prometheus_http_request_duration_seconds.*|process_.*|up", action: keep }
remote_write:
  - url: http://127.0.0.1:${write}/api/v1/write
    send_exemplars: true
    send_native_histograms: true
    ${message === undefined ? '' : `protobuf_message: ${message}`}
    queue_config: { batch_send_deadline: 500ms, max_backoff: 500ms }
`;
}

function gatewayConfig(
  write: number,
  admin: number,
  backend: string,
  message: string | undefined,
): string {
  return `
receivers:
  prometheus_remote_write: { endpoint: "127.0.0.1:${write}" }
exporters:
  prometheus_remote_write:
    endpoint: ${backend}/api/v1/write
    ${message === undefined ? '' : `protobuf_message: ${message}`}
service:
  shards: 2
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [prometheus_remote_write], exporters: [prometheus_remote_write] }
`;
}

/** Time of the newest sample of the shop that a server has, in seconds; 0 when it has none. */
async function newest(server: PrometheusServer): Promise<number> {
  const [answer] = await server.query('max(timestamp(shop_load))');
  return Number(answer?.value?.[1] ?? 0);
}

/** Both servers hold the same samples, gaps where a target was away, histograms and exemplars. */
async function assertAlike(way: Way, until: number, gone: number): Promise<void> {
  const { first, from } = way;
  const second = way.second();
  const window = `[${until - from}s]`;
  for (const selector of ['{job="shop"}', '{job="itself"}']) {
    const [sent, received] = await Promise.all(
      [first, second].map(async (server) => byLabels(await server.query(selector + window, until))),
    );
    assert.ok(sent !== undefined && Object.keys(sent).length > 5, `${selector} has few series`);
    assert.deepEqual(received, sent);
  }
  const steps = { query: '{job="shop"}', start: String(from), end: String(until), step: '500ms' };
  const [drawn, redrawn] = await Promise.all(
    [first, second].map(async (server) => matrixOf(await server.api('query_range', steps))),
  );
  assert.deepEqual(redrawn, drawn);
  for (const server of [first, second]) {
    assert.deepEqual(await server.query('shop_load', gone + 3), [], 'no stale marker');
    assert.equal((await server.query('up{job="shop"}', gone + 3))[0]?.value?.[1], '0');
    assert.ok(
      Number(
        (await server.query('resets(shop_requests_total{route="/pay"}[5m])', until))[0]?.value?.[1],
      ) >= 1,
    );
  }
  const asked = { query: 'shop_requests_total', start: String(from), end: String(until) };
  const [exemplars, arrived] = await Promise.all(
    [first, second].map((server) => server.api('query_exemplars', asked)),
  );
  assert.ok((exemplars as readonly unknown[]).length > 0, 'no exemplars');
  assert.deepEqual(arrived, exemplars);
}

/** Nothing came out of order to the second server, and the gateway lost nothing. */
async function assertInOrder(way: Way): Promise<void> {
  const second = way.second();
  assert.doesNotMatch(second.output(), /out.of.order/i);
  const own = await (await fetch(`${second.url}/metrics`)).text();
  for (const name of [
    'out_of_order_samples_total',
    'out_of_order_exemplars_total',
    'too_old_samples_total',
  ]) {
    assert.equal(valueOf(own, `prometheus_tsdb_${name}`), 0, name);
  }
  const page = await way.page();
  assert.equal(valueOf(page, 'millrace_exporter_dropped_items'), 0, page);
}

function byLabels(series: readonly QueriedSeries[]): Record<string, unknown> {
  return Object.fromEntries(
    series.map(({ metric, values, histograms }) => [
      JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      { values, histograms },
    ]),
  );
}

function matrixOf(data: unknown): Record<string, unknown> {
  return byLabels((data as { readonly result: readonly QueriedSeries[] }).result);
}
