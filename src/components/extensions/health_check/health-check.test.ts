import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ExtensionContext, HealthReport } from '../../../contract/context.ts';
import definition from './index.ts';

const WELL: HealthReport = { live: true, ready: true, healthy: true, reasons: [], uptime: 12.34 };
const quiet = () => undefined;
const errors: string[] = [];
const instrument = { add: quiet, set: quiet, record: quiet };

function contextOf(report: { now: HealthReport }): ExtensionContext {
  return {
    id: 'extensions/health_check',
    version: '1.2.3',
    log: { debug: quiet, info: quiet, warn: quiet, error: (message) => void errors.push(message) },
    meter: { counter: () => instrument, gauge: () => instrument, histogram: () => instrument },
    clock: { now: () => 100_000, after: () => quiet },
    shard: { index: 0, count: 1 },
    health: () => report.now,
  };
}

async function serving(t: TestContext, section: Record<string, unknown> = {}) {
  const report = { now: WELL };
  const config = definition.schema.parse({ endpoint: '127.0.0.1:0', ...section });
  const extension = definition.create(config, contextOf(report));
  await extension.start();
  t.after(() => extension.stop());
  const get = async (path: string) => {
    const reply = await fetch(`http://127.0.0.1:${extension.port}${path}`);
    return { status: reply.status, body: await reply.text() };
  };
  return { report, get, extension };
}

test('an empty section has the defaults of the OpenTelemetry Collector', () => {
  const config = definition.schema.parse(null);
  assert.equal(config.endpoint, 'localhost:13133');
  assert.equal(config.path, '/');
  assert.equal(config.followDelivery, true);
});

test('existing sections load; keys that are not there are told', () => {
  definition.schema.parse({
    endpoint: '10.0.0.7:13133',
    path: '/health',
    check_collector_pipeline: { enabled: true, interval: '5m', exporter_failure_threshold: 5 },
    response_body: { healthy: 'I am good', unhealthy: 'I am bad!' },
  });
  assert.throws(() => definition.schema.parse({ endpont: 'x' }), /endpont/);
  assert.throws(() => definition.schema.parse({ path: 'health' }), /must start with/);
});

test('the answer follows delivery and gives the reasons; liveness does not', async (t) => {
  const { get, report } = await serving(t);
  for (const path of ['/', '/ready', '/live', '/?verbose'])
    assert.equal((await get(path)).status, 200);
  report.now = { ...WELL, healthy: false, reasons: ['exporter otlp has failed for 2m10s'] };
  for (const path of ['/', '/ready']) {
    const { status, body } = await get(path);
    assert.equal(status, 503);
    assert.deepEqual(JSON.parse(body), {
      status: 'Server not available',
      live: true,
      ready: true,
      healthy: false,
      reasons: ['exporter otlp has failed for 2m10s'],
      upSince: '1970-01-01T00:01:27.660Z',
      uptime: '12.3s',
    });
  }
  assert.equal((await get('/live')).status, 200);
  report.now = { ...WELL, live: false, ready: false };
  assert.equal((await get('/live')).status, 503);
});

test('a gateway that takes no data is not ready, but alive', async (t) => {
  const { get, report } = await serving(t, { follow_delivery: false });
  report.now = { ...WELL, ready: false };
  assert.equal((await get('/ready')).status, 503);
  assert.equal((await get('/live')).status, 200);
});

test('with follow_delivery off, trouble in delivery is told but does not fail the probe', async (t) => {
  const { get, report } = await serving(t, { follow_delivery: false });
  report.now = { ...WELL, healthy: false, reasons: ['exporter otlp has failed for 2m10s'] };
  const { status, body } = await get('/');
  assert.equal(status, 200);
  assert.match(body, /"healthy": false[^]*otlp has failed/);
});

test('path moves the health answer and response_body replaces its text', async (t) => {
  const { get, report } = await serving(t, {
    path: '/health/status',
    response_body: { healthy: 'good', unhealthy: 'bad' },
  });
  assert.deepEqual(await get('/health/status'), { status: 200, body: 'good' });
  assert.equal((await get('/')).status, 404);
  report.now = { ...WELL, healthy: false };
  assert.deepEqual(await get('/health/status'), { status: 503, body: 'bad' });
});

test('health that cannot be told is a 500 and not a crash', async (t) => {
  const { get, report } = await serving(t);
  Object.defineProperty(report, 'now', {
    get() {
      throw new Error('bug: no report');
    },
  });
  assert.equal((await get('/')).status, 500);
  assert.equal((await get('/live')).status, 500);
  assert.deepEqual(errors, ['cannot make a page', 'cannot make a page']);
});

test('a taken port is told with the address and the extension', async (t) => {
  const { extension } = await serving(t);
  const config = definition.schema.parse({ endpoint: `127.0.0.1:${extension.port}` });
  const second = definition.create(config, contextOf({ now: WELL }));
  await assert.rejects(second.start(), /extensions\/health_check cannot start: .*EADDRINUSE/);
  await second.stop();
});

test('the section says that liveness probes belong on /live', () => {
  assert.match(definition.notes(definition.schema.parse({})).join(), /\/live/);
  assert.deepEqual(definition.notes(definition.schema.parse({ follow_delivery: false })), []);
});
