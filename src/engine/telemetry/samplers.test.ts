import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Clock } from '../../contract/context.ts';
import { systemClock } from './clock.ts';
import { MetricsRegistry } from './metrics-registry.ts';
import { HEARTBEAT, publishProcess, startShardSampler, UTILIZATION } from './samplers.ts';
import { ShardMetrics } from './shard-metrics.ts';

test('the sampler says at once that the shard turns, and once a second how busy it is', () => {
  const registry = new MetricsRegistry();
  const shard = new ShardMetrics(3, (message) => registry.attach(3, message));
  let tick = (): void => undefined;
  let cancelled = false;
  const clock: Clock = {
    now: () => 5_000,
    after(ms, callback) {
      assert.equal(ms, 1000);
      tick = callback;
      return () => {
        cancelled = true;
      };
    },
  };
  const stop = startShardSampler(shard.meter(), clock);
  const mine = { shard: '3' };
  assert.equal(registry.value(HEARTBEAT, mine), 5);
  tick();
  const busy = registry.value(UTILIZATION, mine);
  assert(busy !== undefined && busy >= 0 && busy <= 1);
  assert(Number(registry.value('shard_heap_used_bytes', mine)) > 1e5);
  assert(Number(registry.value('shard_event_loop_lag_seconds', mine)) >= 0);
  stop();
  assert(cancelled);
});

test('the numbers of the process are read at every scrape', async () => {
  const registry = new MetricsRegistry();
  publishProcess(registry);
  await registry.text();
  const before = registry.value('process_cpu_seconds') ?? 0;
  assert(before > 0);
  for (let spin = 0; spin < 1e7; spin += 1);
  await registry.text();
  assert((registry.value('process_cpu_seconds') ?? 0) > before);
});

test('the clock has fractions and follows the wall clock when that is set', (context) => {
  const now = systemClock.now();
  assert(Math.abs(now - Date.now()) < 100);
  const later = Date.now() + 3_600_000;
  context.mock.method(Date, 'now', () => later);
  assert(Math.abs(systemClock.now() - later) < 100);
  mock.restoreAll();
  context.mock.restoreAll();
  assert(Math.abs(systemClock.now() - Date.now()) < 100);
});
