import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../ends/gateway.ts';
import { after, drive, pause, Record, Sequence } from './ends/client.ts';
import { sizeOf } from './ends/numbers.ts';
import { Scene } from './ends/scene.ts';

const SHAPE = { signal: 'logs', items: 50, itemBytes: 300 } as const;

/** The number behind a field of a log line; undefined when no line has it. */
function logged(output: string, field: string): number | undefined {
  const match = new RegExp(`"${field}":(\\d+)`).exec(output);
  return match === null ? undefined : Number(match[1]);
}

for (const batch of ['', ', batch: { flush_timeout: 500ms }']) {
  test(`SIGTERM under load, backend healthy${batch && ' and batching'}: no acknowledged item is lost and the process ends with 0`, async (t) => {
    const scene = new Scene(t);
    const backend = await scene.backend();
    backend.manner = () => ({ delayMs: 20 });
    const { gateway, http, grpc, output } = await scene.gateway({
      exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    sending_queue: { queue_size: 10000, num_consumers: 20${batch} }`,
      to: 'otlp_http',
      service: '  shards: 2\n  shutdown_timeout: 10s',
    });
    const lanes = [
      ...scene.httpLanes(8, http, { signal: 'logs' }),
      ...(await scene.grpcLanes(8, grpc, { signal: 'logs' })),
    ];
    const record = new Record();
    const stop = new AbortController();
    const load = { shape: SHAPE, sequence: new Sequence(), record, until: stop.signal };
    const loaded = drive(lanes, { ...load, pauseMs: 5 });
    await pause(1500);
    const told = performance.now();
    assert.equal(await gateway.stop(), 0, output());
    const took = performance.now() - told;
    stop.abort();
    await loaded;
    const acknowledged = sizeOf(record.acknowledged);
    t.diagnostic(
      `${acknowledged} acknowledged, ${backend.numbers.distinct} arrived, stop took ${Math.round(took)} ms, ` +
        `${record.unknown.length} requests without an answer`,
    );
    assert.ok(acknowledged > 1000);
    assert.equal(backend.numbers.missing(record.acknowledged), 0, output());
    assert.equal(backend.numbers.duplicates, 0);
    assert.ok(took < 8000, `${took} ms`);
  });
}

/** A gateway that holds `requests` requests for a backend that is not there. */
async function stuck(scene: Scene, shutdownTimeout: string) {
  const backend = await scene.backend();
  await backend.close();
  const placed = await scene.gateway({
    exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    sending_queue: { queue_size: 10000, batch: { flush_timeout: 100ms } }`,
    to: 'otlp_http',
    service: `  shards: 2\n  shutdown_timeout: ${shutdownTimeout}`,
  });
  const lanes = [
    ...scene.httpLanes(4, placed.http, { signal: 'logs' }),
    ...(await scene.grpcLanes(4, placed.grpc, { signal: 'logs' })),
  ];
  const record = new Record();
  await drive(lanes, { shape: SHAPE, sequence: new Sequence(), record, until: after(1000) });
  assert.equal(record.refused, 0);
  assert.equal(record.unknown.length, 0);
  return { ...placed, acknowledged: sizeOf(record.acknowledged) };
}

test('SIGTERM with a dead backend: the exact remainder is in the log and the process ends within the shutdown timeout', async (t) => {
  const { gateway, output, acknowledged } = await stuck(new Scene(t), '2s');
  const told = performance.now();
  const code = await gateway.stop();
  const took = performance.now() - told;
  t.diagnostic(`${acknowledged} held, ended with ${code} after ${Math.round(took)} ms`);
  assert.equal(logged(output(), 'dropped_items'), acknowledged, output());
  assert.ok(took < 3500, `${took} ms`);
  assert.equal(code, 0);
});

test('a second SIGINT ends a stop at once, with a code that is not 0', async (t) => {
  const { gateway, output } = await stuck(new Scene(t), '60s');
  gateway.kill('SIGINT');
  await pause(500);
  const again = performance.now();
  gateway.kill('SIGINT');
  const code = await gateway.exited;
  const took = performance.now() - again;
  assert.ok(took < 2000, `${took} ms: ${output()}`);
  assert.notEqual(code, 0);
  assert.notEqual(code, null);
});

test('a Ctrl-C that reaches the process twice, from the terminal and from npm, is one signal', async (t) => {
  const { gateway, output } = await stuck(new Scene(t), '2s');
  const told = performance.now();
  gateway.kill('SIGINT');
  gateway.kill('SIGINT');
  assert.equal(await gateway.exited, 0, output());
  assert.ok(performance.now() - told > 1500, 'it went on draining to its deadline');
});

test('SIGHUP kills nothing: what is sent afterwards arrives', async (t) => {
  const scene = new Scene(t);
  const backend = await scene.backend();
  const { gateway, http, output } = await scene.gateway({
    exporters: `  otlp_http: { endpoint: "http://127.0.0.1:${backend.http}" }`,
    to: 'otlp_http',
  });
  gateway.kill('SIGHUP');
  await eventually(() => output().includes('SIGHUP'), output);
  const record = new Record();
  const [lane] = scene.httpLanes(1, http);
  assert.ok(lane);
  const shape = { ...SHAPE, signal: 'traces' } as const;
  await drive([lane], { shape, sequence: new Sequence(), record, until: after(200) });
  await eventually(() => backend.numbers.missing(record.acknowledged) === 0, output);
  assert.ok(record.acknowledged.length > 0);
  assert.equal(await gateway.stop(), 0);
});
