import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExposition } from '../../../test/exposition.ts';
import { MetricsRegistry } from './metrics-registry.ts';
import { publishProcess } from './samplers.ts';
import { ShardMetrics } from './shard-metrics.ts';

type Options = ConstructorParameters<typeof MetricsRegistry>[0];

function filled(options: Options = {}): MetricsRegistry {
  const registry = new MetricsRegistry(options);
  const shard = new ShardMetrics(0, (message) => registry.attach(0, message));
  const otlp = shard.meter({ receiver: 'otlp' });
  otlp.counter('receiver_accepted_spans', 'Spans taken.', { transport: 'grpc' }).add(12);
  const exporter = shard.meter({ exporter: 'otlp_http/eu' });
  exporter.counter('exporter_sent_spans', 'Spans delivered.').add(3);
  exporter.gauge('exporter_queue_size', 'Requests held.').set(2);
  const histogram = exporter.histogram('exporter_queue_batch_send_size', 'Items.', [0.5, 10]);
  for (const value of [0.1, 5, 500]) histogram.record(value);
  publishProcess(registry);
  return registry;
}

test('the prefix otelcol gives exactly the names and labels that dashboards ask for', async () => {
  const families = parseExposition(await filled({ prefix: 'otelcol' }).text());
  const value = (name: string, labels = {}) =>
    families.samples.find(
      (sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels),
    )?.value;
  const accepted = { receiver: 'otlp', transport: 'grpc' };
  assert.equal(value('otelcol_receiver_accepted_spans', accepted), 12);
  assert.equal(value('otelcol_exporter_sent_spans', { exporter: 'otlp_http/eu' }), 3);
  assert.equal(value('otelcol_exporter_queue_size', { exporter: 'otlp_http/eu' }), 2);
  assert(Number(value('otelcol_process_uptime')) > 0);
  assert(Number(value('otelcol_process_cpu_seconds')) > 0);
  assert(Number(value('otelcol_process_memory_rss')) > 1e6);
  assert(Number(value('otelcol_process_runtime_heap_alloc_bytes')) > 1e5);
  assert(Number(value('otelcol_process_runtime_total_sys_memory_bytes')) > 1e5);
});

test('with totalSuffix the names of counters end in _total, and only those', async () => {
  const { types } = parseExposition(await filled({ totalSuffix: true }).text());
  assert.equal(types.get('millrace_exporter_sent_spans_total'), 'counter');
  assert.equal(types.get('millrace_exporter_queue_size'), 'gauge');
  assert.equal(types.has('millrace_exporter_sent_spans'), false);
});

test('a histogram is shown with cumulative buckets at level detailed, and not below', async () => {
  const detailed = parseExposition(await filled({ level: 'detailed' }).text());
  const name = 'millrace_exporter_queue_batch_send_size';
  assert.deepEqual(
    detailed.samples
      .filter((sample) => sample.name.startsWith(name))
      .map((sample) => [sample.name.slice(name.length), sample.labels['le'], sample.value]),
    [
      ['_bucket', '0.5', 1],
      ['_bucket', '10.0', 2],
      ['_bucket', '+Inf', 3],
      ['_sum', undefined, 505.1],
      ['_count', undefined, 3],
    ],
  );
  const normal = parseExposition(await filled().text());
  assert.equal(normal.types.has(name), false);
});

test('OpenMetrics names the family without _total, its samples with it, and ends in EOF', async () => {
  for (const totalSuffix of [true, false]) {
    const text = await filled({ totalSuffix }).text(true);
    const { types, samples } = parseExposition(text, true);
    assert.equal(types.get('millrace_exporter_sent_spans'), 'counter');
    assert(samples.some((sample) => sample.name === 'millrace_exporter_sent_spans_total'));
  }
});

test('target_info says what the process is, without a prefix', async () => {
  const resource = { service_name: 'millrace', service_version: '1', service_instance_id: 'x' };
  const { samples } = parseExposition(await filled({ resource }).text());
  assert.deepEqual(samples[0], { name: 'target_info', labels: resource, value: 1 });
});

test('label values with quotes, backslashes and line ends survive', async () => {
  const registry = new MetricsRegistry();
  const tenant = 'a "b" \\ c\nd, {e="f"} é';
  registry.meter().counter('refusals', 'Help with \\ and\nline.', { tenant }).add(1);
  for (const openMetrics of [false, true]) {
    const { samples } = parseExposition(await registry.text(openMetrics), openMetrics);
    assert.equal(samples[0]?.labels['tenant'], tenant);
  }
});

test('a label name that Prometheus does not know, such as error.type, is spelled with _', async () => {
  const registry = new MetricsRegistry();
  registry.meter().counter('failures', 'h', { 'error.type': 'timeout' }).add(1);
  const { samples } = parseExposition(await registry.text());
  assert.deepEqual(samples[0]?.labels, { error_type: 'timeout' });
});

test('series that come after the first scrape are shown at the next', async () => {
  const registry = new MetricsRegistry();
  registry.meter().counter('first', 'h').add(1);
  await registry.text();
  registry.meter().counter('second', 'h').add(2);
  registry.meter().counter('first', 'h', { of: 'x' }).add(3);
  const { samples } = parseExposition(await registry.text());
  assert.deepEqual(
    samples.map(({ value }) => value),
    [1, 3, 2],
  );
});

test('2,000 series render fast enough to be scraped every second', async () => {
  const registry = new MetricsRegistry();
  for (const index of [0, 1]) {
    const shard = new ShardMetrics(index, (message) => registry.attach(index, message));
    for (let name = 0; name < 20; name += 1) {
      const meter = shard.meter({ receiver: 'otlp', transport: 'http' });
      for (let tenant = 0; tenant < 100; tenant += 1) {
        meter.counter(`name_${name}`, 'h', { tenant: `tenant-${tenant}` }).add(tenant);
      }
    }
  }
  const times: number[] = [];
  for (let scrape = 0; scrape < 20; scrape += 1) {
    const before = performance.now();
    await registry.text();
    times.push(performance.now() - before);
  }
  const [fastest = Infinity] = times.toSorted((a, b) => a - b);
  assert(fastest < 20, `took ${fastest.toFixed(1)} ms`);
});
