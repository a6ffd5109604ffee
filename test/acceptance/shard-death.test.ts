import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RunningCollector, runCollector } from '../../src/collector.ts';
import { loadConfig } from '../../src/engine/config/load.ts';
import { registry } from '../../src/registry.ts';
import { eventually, freePorts } from '../ends/gateway.ts';
import { after, drive, pause, Record, Sequence } from './ends/client.ts';
import { grpcLane, httpLane } from './ends/lanes.ts';
import { sizeOf } from './ends/numbers.ts';
import { Scene, yamlOf } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 50, itemBytes: 400 } as const;

test('killing a shard under load: the others go on, the books say what was lost, nothing else acknowledged is missing, a new shard serves within 2 s', async (t) => {
  const scene = new Scene(t);
  const backend = await scene.backend();
  backend.manner = () => ({ delayMs: 50 });
  const ports = await freePorts(3);
  const [http = 0, grpc = 0] = ports;
  const yaml = yamlOf(
    {
      exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    sending_queue: { queue_size: 100000, num_consumers: 2 }`,
      to: 'otlp_http',
      service: '  shards: 2\n  shutdown_timeout: 20s',
    },
    ports,
  );
  const lines: string[] = [];
  const collector = await runCollector(
    await loadConfig({ uris: [`yaml:${yaml}`] }, registry),
    registry,
    {
      write: (line) => lines.push(line),
    },
  );
  scene.atEnd(() => collector.stop(AbortSignal.abort()));

  const lanes = scene.httpLanes(12, http);
  for (let index = 0; index < 4; index += 1) {
    lanes.push(...(await scene.grpcLanes(2, grpc)));
  }
  const record = new Record();
  const load = { shape: SHAPE, sequence: new Sequence(), record, rate: 80 };
  const loaded = drive(lanes, { ...load, until: after(4000), pauseMs: 5 });
  await pause(1500);
  const acknowledgedBefore = record.acknowledged.length;
  await collector.shards[0]?.kill();
  const served = await servesAgain(collector);
  await pause(300);
  assert.ok(record.acknowledged.length > acknowledgedBefore, 'the other shard goes on');
  await loaded;
  assert.ok(served < 2000, `${served} ms`);

  // The new shard answers: with enough new connections some land on it.
  const late = new Record();
  const fresh = Array.from({ length: 16 }, () => httpLane(http));
  const session = await scene.session(grpc);
  fresh.push(grpcLane(session));
  await drive(fresh, { ...load, record: late, until: after(500) });
  for (const lane of fresh) lane.close();
  assert.equal(late.unknown.length + late.refused, 0);

  const { metrics } = collector;
  await eventually(
    () => metrics.sum('exporter_held_items') === 0,
    () => `${metrics.sum('exporter_held_items')} held`,
    20_000,
  );
  const lost = metrics.sum('exporter_dropped_items', { reason: 'shard_lost' });
  const dropped = metrics.sum('exporter_dropped_items');
  const accepted = metrics.sum('exporter_accepted_items');
  const sent = metrics.sum('exporter_sent_spans');
  const acknowledged = [...record.acknowledged, ...late.acknowledged];
  const missing = backend.numbers.missing(acknowledged);
  t.diagnostic(
    `${sizeOf(acknowledged)} acknowledged, ${missing} of them missing, ${lost} counted as shard_lost, ` +
      `${record.unknown.length} requests without an answer, serving again after ${Math.round(served)} ms`,
  );
  assert.ok(lost > 0, 'the shard held something');
  assert.equal(dropped, lost, 'nothing was dropped for another reason');
  assert.equal(accepted, sent + dropped);
  assert.ok(missing <= lost, `${missing} missing, ${lost} counted`);
  assert.ok(accepted >= sizeOf(acknowledged));
  assert.equal(metrics.sum('shard_restarts'), 1);
  assert.ok(
    lines.some((line) => line.includes('shard 0 died')),
    lines.join(''),
  );
});

/** Milliseconds until shard 0 is ready. */
async function servesAgain(collector: RunningCollector): Promise<number> {
  const killed = performance.now();
  await eventually(
    () => collector.shards[0]?.ready === true,
    () => 'no new shard',
  );
  return performance.now() - killed;
}
