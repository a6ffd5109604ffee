import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';
import { startTarget } from '../ends/metrics-target.ts';
import { decodeRequest, startSink } from '../ends/otlp-sink.ts';
import {
  type PrometheusServer,
  prometheusProgram,
  startPrometheus,
} from '../ends/prometheus-server.ts';

const VERSIONS = ['2.42', '3'] as const;

suite('scraping', { concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    test(`pages scraped by the gateway arrive in Prometheus ${version} as if it had scraped them`, async (t) => {
      const program = await prometheusProgram(version);
      if ('missing' in program) return t.skip(program.missing);
      const { first, second, target, describe } = await layOut(t, program.path, 'direct');
      // The page of Prometheus and that of a client library.
      for (const job of ['itself', 'shop']) {
        let different: string[] = [];
        await eventually(
          async () => {
            const [own, through] = await Promise.all(
              [first, second].map((each) => seriesOf(each, job)),
            );
            different = own!.filter((each) => !through!.includes(each));
            different.push(...through!.filter((each) => !own!.includes(each)));
            return own!.length > 5 && different.length === 0;
          },
          () => `${job} is alike\n${different.slice(0, 5).join('\n')}\n${describe()}`,
          40_000,
        );
      }
      const rest = '{job="shop",__name__=~"shop_.*",__name__!~".*_bucket"}';
      await eventually(
        async () => {
          const [own, through] = await Promise.all(
            [first, second].map((each) => valuesOf(each, rest)),
          );
          return own!.length > 3 && JSON.stringify(own) === JSON.stringify(through);
        },
        () => `values are alike\n${describe()}`,
        20_000,
      );
      await target.vanish();
      await eventually(
        async () =>
          (await second.query('shop_load')).length === 0 &&
          (await second.query('up{job="shop"}'))[0]?.value?.[1] === '0',
        () => `the target is gone\n${describe()}`,
      );
      assert.doesNotMatch(second.output(), /out of order|duplicate sample/i);
    });
  }

  test('/federate of a real Prometheus is scraped once an interval, samples keep labels, values and times', async (t) => {
    const program = await prometheusProgram('3');
    if ('missing' in program) return t.skip(program.missing);
    const { first, second, describe } = await layOut(t, program.path, 'federate');
    const labels = '{job="shop"}';
    await eventually(
      async () =>
        ((await second.query(`count_over_time(shop_load${labels}[5m])`))[0]?.value?.[1] ?? '') >=
        '4',
      () => describe(),
      30_000,
    );
    const at = Date.now() / 1000;
    const [own, federated] = await Promise.all(
      [first, second].map(async (each) => samplesOf(each, `${labels}[5m]`, at)),
    );
    assert.ok(federated!.size > 20, describe());
    for (const sample of federated!) assert.ok(own!.has(sample), `${sample} is made up`);
    assert.deepEqual(await seriesOf(second, 'shop'), await seriesOf(first, 'shop'));
    const asked = 'prometheus_http_requests_total{handler="/federate",code="200"}';
    const [count] = await first.query(`${asked} - ${asked} offset 4s`);
    assert.ok(Number(count?.value?.[1]) <= 3, 'more than every two seconds');
    assert.equal((await second.query('up{job="federate"}'))[0]?.value?.[1], '1');
    assert.doesNotMatch(second.output(), /out of order|duplicate sample/i);
  });

  test('a scraped page comes out of otlp_http as OTLP metrics', async (t) => {
    const sink = await startSink();
    t.after(() => sink.close());
    const [targetPort = 0, admin = 0] = await freePorts(2);
    const target = await startTarget(targetPort);
    t.after(() => target.vanish());
    target.tick();
    const gateway = await startGateway(
      `
receivers:
  prometheus:
    config:
      global: { scrape_interval: 500ms }
      scrape_configs:
        - job_name: shop
          static_configs: [{ targets: ["127.0.0.1:${targetPort}"], labels: { zone: a } }]
exporters:
  otlp_http: { endpoint: "http://127.0.0.1:${sink.http}", compression: none }
service:
  shards: 2
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [prometheus], exporters: [otlp_http] }
`,
      [admin],
    );
    t.after(() => gateway.kill('SIGKILL'));
    await eventually(
      () => sink.taken.length > 0,
      () => gateway.output(),
    );
    const { resourceMetrics } = decodeRequest('metrics', sink.taken[0]!.body) as {
      resourceMetrics: [
        { resource: unknown; scopeMetrics: [{ metrics: Record<string, unknown>[] }] },
      ];
    };
    const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
    assert.deepEqual(resourceMetrics[0].resource, {
      attributes: [
        text('service.name', 'shop'),
        text('service.instance.id', `127.0.0.1:${targetPort}`),
      ],
    });
    const { metrics } = resourceMetrics[0].scopeMetrics[0];
    const kinds = metrics.map((metric) => [
      metric['name'],
      ['gauge', 'sum', 'histogram'].find((kind) => kind in metric),
    ]);
    assert.deepEqual(kinds.slice(0, 4), [
      ['shop_requests_total', 'sum'],
      ['shop_load', 'gauge'],
      ['shop_seconds', 'histogram'],
      ['up', 'gauge'],
    ]);
    assert.equal(metrics[2]?.['description'], 'Time.');
    const page = await gateway.page(admin, '/metrics');
    assert.equal(valueOf(page, 'millrace_scrape_targets', { state: 'up' }), 1);
    assert.equal(await gateway.stop(), 0);
  });
});

/**
 * A Prometheus that scrapes a shop and itself, a gateway that scrapes the same, or the whole of the
 * first by `/federate`, and a Prometheus to which the gateway writes.
 */
async function layOut(t: TestContext, path: string, how: 'direct' | 'federate') {
  const [targetPort = 0, firstPort = 0, admin = 0] = await freePorts(3);
  const target = await startTarget(targetPort);
  t.after(() => target.vanish());
  for (let ticks = 0; ticks < 5; ticks++) target.tick();
  const jobs = `
  - job_name: shop
    static_configs: [{ targets: ["127.0.0.1:${targetPort}"] }]
  - job_name: itself
    static_configs: [{ targets: ["127.0.0.1:${firstPort}"] }]
`;
  const first = await startPrometheus(path, {
    config: `
global: { scrape_interval: 1s, scrape_timeout: 900ms }
scrape_configs:${jobs}`,
    port: firstPort,
  });
  t.after(() => first.stop());
  const second = await startPrometheus(path, {
    config: 'global: { scrape_interval: 1h }',
    flags: ['--web.enable-remote-write-receiver'],
  });
  t.after(() => second.stop());
  const federate = `
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: { "match[]": ['{job="shop"}'] }
    scrape_interval: 2s
    static_configs: [{ targets: ["127.0.0.1:${firstPort}"] }]
`;
  const gateway = await startGateway(
    `
receivers:
  prometheus:
    config:
      global: { scrape_interval: 1s }
      scrape_configs:${(how === 'direct' ? jobs : federate).replaceAll('\n', '\n      ')}
exporters:
  prometheus_remote_write: { endpoint: "${second.url}/api/v1/write" }
service:
  shards: 2
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [prometheus], exporters: [prometheus_remote_write] }
`,
    [admin],
  );
  t.after(() => gateway.kill('SIGKILL'));
  const describe = () => gateway.output() + second.output().slice(-2000);
  return { first, second, target, describe };
}

/** The labels of all series of a job that are there now, sorted. */
async function seriesOf(server: PrometheusServer, job: string): Promise<string[]> {
  const found = await server.query(`{job="${job}"}`);
  return found.map(({ metric }) => asVersion3(textOf(metric))).sort();
}

/** Prometheus writes le="1" as le="1.0" from 3.0 on, and so does the gateway. */
function asVersion3(labels: string): string {
  return labels.replace(/(\["(?:le|quantile)","\d+)("\])/, '$1.0$2');
}

/** The same with values. */
async function valuesOf(server: PrometheusServer, selector: string): Promise<string[]> {
  const found = await server.query(selector);
  return found.map(({ metric, value }) => `${textOf(metric)} ${value?.[1]}`).sort();
}

/** All samples of a range selector with their series and times. */
async function samplesOf(server: PrometheusServer, selector: string, at: number) {
  const samples = new Set<string>();
  for (const { metric, values = [] } of await server.query(selector, at))
    for (const [time, value] of values) samples.add(`${textOf(metric)} ${time} ${value}`);
  return samples;
}

function textOf(metric: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));
}
