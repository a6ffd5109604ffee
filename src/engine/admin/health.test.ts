import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../contract/context.ts';
import { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { HEARTBEAT } from '../telemetry/samplers.ts';
import { ShardMetrics } from '../telemetry/shard-metrics.ts';
import { Health, lengthOf } from './health.ts';

const NOW = 1_000_000;

function gateway() {
  const registry = new MetricsRegistry();
  const shards = [0, 1].map((index) => ({ index, ready: true }));
  const world = { now: NOW, refusing: undefined as string | undefined };
  const clock: Clock = { now: () => world.now * 1000, after: () => () => undefined };
  const health = new Health({
    registry,
    clock,
    shards: () => shards,
    refusing: () => world.refusing,
  });
  const meters = shards.map(({ index }) =>
    new ShardMetrics(index, (message) => registry.attach(index, message)).meter(),
  );
  const set = (shard: number, name: string, value: number, exporter?: string) => {
    const labels = exporter === undefined ? {} : { exporter };
    meters[shard]?.gauge(name, 'h', labels).set(value);
  };
  for (const shard of [0, 1]) set(shard, HEARTBEAT, NOW);
  return { health, shards, world, set, registry };
}

test('all is well', () => {
  const { health, world, set } = gateway();
  world.now += 7;
  for (const shard of [0, 1]) set(shard, HEARTBEAT, world.now);
  set(0, 'exporter_failing_since_seconds', 0, 'otlp');
  set(0, 'exporter_queue_oldest_timestamp_seconds', 0, 'otlp');
  assert.deepEqual(health.report(), {
    live: true,
    ready: true,
    healthy: true,
    reasons: [],
    uptime: 7,
  });
});

test('a shard whose event loop stands still is not live', () => {
  const { health, world, set } = gateway();
  world.now += 20;
  set(1, HEARTBEAT, world.now);
  const { live, ready, healthy, reasons } = health.report();
  assert.deepEqual([live, ready, healthy], [false, false, true]);
  assert.deepEqual(reasons, ['shard 0 has not turned for 20s']);
});

test('a shard that is being replaced makes the gateway not ready but not dead', () => {
  const { health, shards, registry } = gateway();
  registry.shardDied(1);
  shards[1] = { index: 1, ready: false };
  const { live, ready, reasons } = health.report();
  assert.deepEqual([live, ready], [true, false]);
  assert.deepEqual(reasons, ['not all of 2 shards are ready: waiting for 1']);
});

test('a spent byte budget makes the gateway not ready, in the words of who knows', () => {
  const { health, world } = gateway();
  world.refusing = 'the byte budget of 64 MiB is spent';
  const { ready, reasons } = health.report();
  assert.equal(ready, false);
  assert.deepEqual(reasons, [world.refusing]);
});

test('an exporter may fail for a minute before health says so, and names it', () => {
  const { health, set } = gateway();
  set(0, 'exporter_failing_since_seconds', NOW - 60, 'otlp_http/eu');
  assert.equal(health.report().healthy, true);
  set(1, 'exporter_failing_since_seconds', NOW - 130, 'otlp_http/eu');
  set(1, 'exporter_held_items', 1234, 'otlp_http/eu');
  const { live, ready, healthy, reasons } = health.report();
  assert.deepEqual([live, ready, healthy], [true, true, false]);
  assert.deepEqual(reasons, [
    'exporter otlp_http/eu has failed for 2m10s; 1234 items wait in its queue',
  ]);
});

test('one item waits, several wait', () => {
  const { health, set } = gateway();
  set(0, 'exporter_failing_since_seconds', NOW - 61, 'slow');
  set(0, 'exporter_held_items', 1, 'slow');
  assert.match(health.report().reasons[0] ?? '', /; 1 item waits in its queue$/);
});

test('a queue whose oldest data is more than five minutes old is behind', () => {
  const { health, set } = gateway();
  set(0, 'exporter_queue_oldest_timestamp_seconds', NOW - 301, 'slow');
  const { healthy, reasons } = health.report();
  assert.equal(healthy, false);
  assert.deepEqual(reasons, ['exporter slow is behind: its oldest data is 5m1s old']);
});

test('reasons come worst first', () => {
  const { health, shards, set } = gateway();
  shards[0] = { index: 0, ready: false };
  set(0, HEARTBEAT, NOW - 100);
  set(0, 'exporter_failing_since_seconds', NOW - 70, 'young');
  set(0, 'exporter_failing_since_seconds', NOW - 7000, 'old');
  set(0, 'exporter_queue_oldest_timestamp_seconds', NOW - 8000, 'behind');
  assert.deepEqual(
    health.report().reasons.map((reason) => reason.split(' ').slice(0, 2).join(' ')),
    ['shard 0', 'not all', 'exporter old', 'exporter young', 'exporter behind'],
  );
});

test('lengths of time read like durations', () => {
  const f = (seconds: number, expected: string) => assert.equal(lengthOf(seconds), expected);
  f(0.9, '0s');
  f(59.9, '59s');
  f(60, '1m0s');
  f(3600, '1h0m');
  f(90_000, '25h0m');
});
