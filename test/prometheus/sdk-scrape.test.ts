import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { debianPackage } from '../ends/debian.ts';
import { eventually, freePorts, type Gateway, startGateway } from '../ends/gateway.ts';
import { prometheusProgram, startPrometheus } from '../ends/prometheus-server.ts';
import { EXPECTED, exportMetrics, rowsOf, sorted } from './sdk-series.ts';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

/** Reads a page as strictly as the format says, and prints its families. */
const STRICT_READER = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, family.unit)
`;

let gateway: Gateway;
let ports: { text: number; open: number };

before(async () => {
  const [otlp = 0, text = 0, open = 0, admin = 0] = await freePorts(4);
  ports = { text, open };
  gateway = await startGateway(
    `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${otlp} } } }
exporters:
  prometheus/text: { endpoint: 127.0.0.1:${text} }
  prometheus/open: { endpoint: 127.0.0.1:${open}, enable_open_metrics: true }
service:
  shards: 1
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [otlp], exporters: [prometheus/text, prometheus/open] }
`,
    [otlp, text, open],
  );
  await exportMetrics(otlp);
});

after(async () => {
  assert.equal(await gateway?.stop(), 0);
});

function scraped(port: number, accept: string): Promise<string> {
  const headers = { accept };
  return fetch(`http://127.0.0.1:${port}/metrics`, { headers }).then((reply) => reply.text());
}

/** Exit code and output of a program that reads `input`. */
function run(
  command: readonly [string, ...string[]],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const [file, ...args] = command;
    const options = { env: { ...process.env, ...env }, timeout: 20_000 };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

/** Where `le` is written as OpenMetrics has it, which Prometheus 3 does for every format. */
function withCanonicalBounds(rows: typeof EXPECTED): typeof EXPECTED {
  return rows.map(([name, labels, value]) => {
    const { le } = labels;
    const isWhole = le !== undefined && /^\d+$/.test(le);
    return [name, isWhole ? { ...labels, le: `${le}.0` } : labels, value];
  });
}

describe('metrics of the JS SDK on the pages of the gateway', { concurrency: true }, () => {
  test('MAP-32: promtool finds nothing wrong with the text page', async (t) => {
    const promtool = await prometheusProgram('promtool');
    if ('missing' in promtool) return t.skip(promtool.missing);
    const page = await scraped(ports.text, 'text/plain;version=0.0.4');
    const { code, output } = await run([promtool.path, 'check', 'metrics'], page);
    assert.equal(code, 0, output + page);
  });

  test('MAP-33: the strict parser of the Python client reads the OpenMetrics page', async (t) => {
    const folders: string[] = [];
    for (const name of ['python3-prometheus-client', 'python3-decorator']) {
      const unpacked = await debianPackage(name, 'bookworm');
      if ('missing' in unpacked) return t.skip(unpacked.missing);
      folders.push(join(unpacked.folder, 'usr/lib/python3/dist-packages'));
    }
    const page = await scraped(ports.open, OPEN_METRICS);
    const path = { PYTHONPATH: folders.join(':') };
    const { code, output } = await run(['python3', '-c', STRICT_READER], page, path);
    assert.equal(code, 0, output + page);
    assert.deepEqual(
      output
        .trim()
        .split('\n')
        .map((line) => line.trim()),
      [
        'cpu_utilization_ratio gauge',
        'disk_io_bytes counter bytes',
        'latency_seconds histogram seconds',
        'orders counter',
        'queue gauge',
        'sizes_bytes histogram bytes',
        'target info',
        'temperature_celsius gauge celsius',
      ],
    );
  });

  for (const version of ['2.42', '3'] as const) {
    test(`MAP-29 to MAP-34: Prometheus ${version} scrapes both, and has what the book says`, async (t) => {
      const program = await prometheusProgram(version);
      if ('missing' in program) return t.skip(program.missing);
      const job = (page: string, port: number) =>
        `{ job_name: ${page}, honor_labels: true, scrape_interval: 200ms, static_configs: [{ targets: ["127.0.0.1:${port}"] }], metric_relabel_configs: [{ target_label: page, replacement: ${page} }] }`;
      const prometheus = await startPrometheus(program.path, {
        config: `scrape_configs: [${job('text', ports.text)}, ${job('open', ports.open)}]`,
      });
      t.after(() => prometheus.stop());
      const known = 'job="checkout",__name__!~"sizes_bytes.*|.*_created"';
      for (const page of ['text', 'open']) {
        const query = `{page="${page}",${known}}`;
        await eventually(
          async () => (await prometheus.query(query)).length >= EXPECTED.length,
          () => gateway.output() + prometheus.output(),
        );
        const isCanonical = version === '3' || page === 'open';
        const expected = isCanonical ? withCanonicalBounds(EXPECTED) : EXPECTED;
        assert.deepEqual(rowsOf(await prometheus.query(query), ['page']), sorted(expected));
        const count = await prometheus.query(`sizes_bytes_count{page="${page}"}`);
        assert.equal(count[0]?.value?.[1], '4');
      }
      const metadata = (await prometheus.api('metadata')) as Record<string, { type: string }[]>;
      const types = Object.entries(metadata).map(([name, [first]]) => [name, first?.type]);
      assert.deepEqual(Object.fromEntries(types), {
        cpu_utilization_ratio: 'gauge',
        disk_io_bytes: 'counter',
        disk_io_bytes_total: 'counter',
        latency_seconds: 'histogram',
        orders: 'counter',
        orders_total: 'counter',
        queue: 'gauge',
        sizes_bytes: 'histogram',
        target: 'info',
        target_info: 'gauge',
        temperature_celsius: 'gauge',
      });
    });
  }
});
