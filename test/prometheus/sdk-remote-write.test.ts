import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, freePorts, startGateway } from '../ends/gateway.ts';
import {
  type PrometheusVersion,
  prometheusProgram,
  startPrometheus,
} from '../ends/prometheus-server.ts';
import { EXPECTED, exportMetrics, rowsOf, sorted } from './sdk-series.ts';

const CASES: readonly { version: PrometheusVersion; message: string }[] = [
  { version: '2.42', message: 'prometheus.WriteRequest' },
  { version: '3', message: 'io.prometheus.write.v2.Request' },
];

for (const { version, message } of CASES) {
  test(`MAP-2 to MAP-15: metrics of the JS SDK arrive in Prometheus ${version} by ${message} as the book says`, async (t) => {
    const program = await prometheusProgram(version);
    if ('missing' in program) return t.skip(program.missing);
    const prometheus = await startPrometheus(program.path, {
      config: 'global: { scrape_interval: 1h }',
      flags: ['--web.enable-remote-write-receiver', '--enable-feature=native-histograms'],
    });
    t.after(() => prometheus.stop());
    const [port = 0, admin = 0] = await freePorts(2);
    const gateway = await startGateway(
      `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } }
exporters:
  prometheus_remote_write:
    endpoint: ${prometheus.url}/api/v1/write
    protobuf_message: ${message}
service:
  shards: 1
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [otlp], exporters: [prometheus_remote_write] }
`,
      [port, admin],
    );
    t.after(() => gateway.kill('SIGKILL'));
    await exportMetrics(port);
    const everything = '{job="checkout",__name__!="sizes_bytes"}';
    await eventually(
      async () => (await prometheus.query(everything)).length >= EXPECTED.length,
      () => gateway.output() + prometheus.output(),
    );
    assert.deepEqual(rowsOf(await prometheus.query(everything)), sorted(EXPECTED));
    const count = await prometheus.query('histogram_count(sizes_bytes{job="checkout"})');
    assert.equal(count[0]?.value?.[1], '4');
    assert.equal(await gateway.stop(), 0);
  });
}
