import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseExposition } from '../../../test/exposition.ts';
import { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { ShardMetrics } from '../telemetry/shard-metrics.ts';
import { AdminServer, prefersOpenMetrics } from './admin-server.ts';

/** What Prometheus 3 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
  'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,' +
  'text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

async function serving(t: TestContext, openMetrics = true) {
  const registry = new MetricsRegistry({ totalSuffix: openMetrics });
  for (const index of [0, 1]) {
    const shard = new ShardMetrics(index, (message) => registry.attach(index, message));
    shard.meter().gauge('shard_utilization', 'h').set(0.5);
    const exporter = shard.meter({ exporter: 'otlp_http/eu' });
    exporter.gauge('exporter_queue_size', 'h').set(3);
    exporter.gauge('exporter_failing_since_seconds', 'h').set(Date.now() / 1000 - 90);
    exporter.counter('exporter_sent_spans', 'h').add(5);
  }
  const server = new AdminServer({
    address: '127.0.0.1:0',
    registry,
    openMetrics,
    health: () => ({ live: true, ready: true, healthy: false, reasons: ['why'], uptime: 12.3456 }),
    facts: () => ({
      version: '1.2.3',
      configHash: 'abc',
      configLoadedAt: 0,
      shards: [
        { index: 0, ready: true },
        { index: 1, ready: false },
      ],
    }),
    report: () => Promise.resolve({ rows: [{ scrapePool: 'node', health: 'up' }], silent: [] }),
  });
  await server.start();
  t.after(() => server.stop());
  const get = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, init);
  return { server, get, registry };
}

test('/metrics speaks text 0.0.4 to who does not ask, and OpenMetrics to Prometheus', async (t) => {
  const { get } = await serving(t);
  const plain = await get('/metrics');
  assert.equal(plain.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  parseExposition(await plain.text());
  const open = await get('/metrics', { headers: { accept: PROMETHEUS } });
  assert.equal(
    open.headers.get('content-type'),
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  parseExposition(await open.text(), true);
});

test('without _total on counters Prometheus gets text, so that names stay as they are', async (t) => {
  const { get } = await serving(t, false);
  const reply = await get('/metrics', { headers: { accept: PROMETHEUS } });
  const { types } = parseExposition(await reply.text());
  assert.equal(types.get('millrace_exporter_sent_spans'), 'counter');
});

test('a client that takes gzip gets gzip, one that does not does not', async (t) => {
  const { get, registry } = await serving(t);
  for (let index = 0; index < 100; index += 1) {
    registry
      .meter()
      .counter('many', 'h', { of: String(index) })
      .add(1);
  }
  const squeezed = await get('/metrics', { headers: { 'accept-encoding': 'deflate, gzip;q=0.5' } });
  assert.equal(squeezed.headers.get('content-encoding'), 'gzip');
  parseExposition(await squeezed.text());
  const plain = await get('/metrics', { headers: { 'accept-encoding': 'gzip;q=0' } });
  assert.equal(plain.headers.get('content-encoding'), null);
});

test('/status tells of shards, exporters and what is wrong', async (t) => {
  const { get } = await serving(t);
  const status = (await (await get('/status')).json()) as Record<string, unknown>;
  assert.equal(status['version'], '1.2.3');
  assert.equal(status['uptime_seconds'], 12.346);
  assert.deepEqual(status['config'], { hash: 'abc', loaded_at: '1970-01-01T00:00:00.000Z' });
  assert.deepEqual(status['shards'], [
    { shard: 0, ready: true, utilization: 0.5 },
    { shard: 1, ready: false, utilization: 0.5 },
  ]);
  const [exporter] = status['exporters'] as Record<string, unknown>[];
  assert.equal(exporter?.['exporter'], 'otlp_http/eu');
  assert.equal(exporter?.['queue_size'], 6);
  assert(Math.abs(Number(exporter?.['failing_for_seconds']) - 90) < 5);
});

test('/ lists the pages; elsewhere is 404, other methods 405, HEAD without a body', async (t) => {
  const { get } = await serving(t);
  assert.match(await (await get('/?x=1')).text(), /\/metrics[^]*\/status/);
  assert.equal((await get('/etc/passwd')).status, 404);
  const post = await get('/metrics', { method: 'POST', body: 'x' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  const head = await get('/metrics', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('a taken port is told with the address and the setting', async (t) => {
  const { server, registry } = await serving(t);
  const second = new AdminServer({
    address: `127.0.0.1:${server.port}`,
    registry,
    openMetrics: false,
    health: () => ({ live: true, ready: true, healthy: true, reasons: [], uptime: 0 }),
    facts: () => ({ version: '', configHash: '', configLoadedAt: 0, shards: [] }),
    report: () => Promise.resolve({ rows: [], silent: [] }),
  });
  await assert.rejects(
    second.start(),
    new RegExp(
      `self-metrics server cannot start: .*127.0.0.1:${server.port}.*EADDRINUSE.*service.telemetry.metrics.address`,
    ),
  );
  await second.stop();
});

test('stop is safe without start and twice', async () => {
  const server = new AdminServer({
    address: '127.0.0.1:0',
    registry: new MetricsRegistry(),
    openMetrics: false,
    health: () => ({ live: true, ready: true, healthy: true, reasons: [], uptime: 0 }),
    facts: () => ({ version: '', configHash: '', configLoadedAt: 0, shards: [] }),
    report: () => Promise.resolve({ rows: [], silent: [] }),
  });
  await server.stop();
  await server.stop();
});

test('content negotiation goes by quality, and a tie goes to the richer format', () => {
  const f = (accept: string, expected: boolean) =>
    assert.equal(prefersOpenMetrics(accept), expected, accept);
  f(PROMETHEUS, true);
  f('', false);
  f('*/*', false);
  f('text/html,*/*;q=0.8', false);
  f('application/openmetrics-text', true);
  f('application/openmetrics-text;q=0', false);
  f('application/openmetrics-text;q=0.2, text/plain;q=0.9', false);
  f('application/openmetrics-text; version=1.0.0, text/plain', true);
  f('application/openmetrics-text;q=x', false);
});

test('/targets shows what is scraped to people, /api/v1/targets to programs', async (t) => {
  const { get } = await serving(t);
  const page = await get('/targets');
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(await page.text(), /<h2>node \(1 of 1 up\)<\/h2>/);
  const answer = (await (await get('/api/v1/targets')).json()) as {
    data: { activeTargets: unknown[] };
  };
  assert.deepEqual(answer.data.activeTargets, [{ scrapePool: 'node', health: 'up' }]);
});
