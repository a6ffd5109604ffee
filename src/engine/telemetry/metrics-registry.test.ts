import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { MetricsRegistry } from './metrics-registry.ts';
import { type SeriesAnnouncement, ShardMetrics } from './shard-metrics.ts';

function twoShards(registry: MetricsRegistry) {
  return [0, 1].map((index) => shardOf(registry, index)) as [ShardMetrics, ShardMetrics];
}

function shardOf(registry: MetricsRegistry, index: number): ShardMetrics {
  return new ShardMetrics(index, (message) => registry.attach(index, structuredClone(message)));
}

test('counters and sizes of all shards are summed', () => {
  const registry = new MetricsRegistry();
  for (const shard of twoShards(registry)) {
    shard.meter({ exporter: 'e' }).counter('exporter_sent_spans', 'h').add(5);
    shard.meter({ exporter: 'e' }).gauge('exporter_queue_size', 'h').set(7);
    shard.meter({ exporter: 'e' }).histogram('sizes', 'h', [10]).record(3);
  }
  assert.equal(registry.value('exporter_sent_spans', { exporter: 'e' }), 10);
  assert.equal(registry.value('exporter_queue_size', { exporter: 'e' }), 14);
  assert.equal(registry.value('sizes', { exporter: 'e' }), 2);
  assert.equal(registry.value('exporter_sent_spans', { exporter: 'f' }), undefined);
});

test('gauges about a shard keep one series per shard', () => {
  const registry = new MetricsRegistry();
  const [first, second] = twoShards(registry);
  first.meter().gauge('shard_utilization', 'h').set(0.25);
  second.meter().gauge('shard_utilization', 'h').set(0.75);
  assert.equal(registry.value('shard_utilization', { shard: '0' }), 0.25);
  assert.equal(registry.value('shard_utilization', { shard: '1' }), 0.75);
});

test('of points in time the earliest counts, and 0 is none', () => {
  const registry = new MetricsRegistry();
  const [first, second] = twoShards(registry);
  const name = 'exporter_failing_since_seconds';
  const early = first.meter({ exporter: 'e' }).gauge(name, 'h');
  const late = second.meter({ exporter: 'e' }).gauge(name, 'h');
  late.set(200);
  assert.equal(registry.value(name, { exporter: 'e' }), 200);
  early.set(100);
  assert.equal(registry.value(name, { exporter: 'e' }), 100);
  late.set(0);
  early.set(0);
  assert.equal(registry.value(name, { exporter: 'e' }), 0);
});

test('the counters of a dead shard stay in the totals and its gauges go', () => {
  const registry = new MetricsRegistry();
  const [first, second] = twoShards(registry);
  for (const shard of [first, second]) {
    shard.meter().counter('items', 'h').add(10);
    shard.meter().histogram('sizes', 'h', [1]).record(5);
    shard.meter().gauge('exporter_queue_size', 'h').set(3);
    shard.meter().gauge('shard_utilization', 'h').set(1);
  }
  registry.shardDied(0);
  assert.equal(registry.value('items'), 20);
  assert.equal(registry.value('sizes'), 2);
  assert.equal(registry.value('exporter_queue_size'), 3);
  assert.equal(registry.value('shard_utilization', { shard: '0' }), undefined);

  shardOf(registry, 0).meter().counter('items', 'h').add(1);
  assert.equal(registry.value('items'), 21);
});

test('a shard replaced before its death was told does not lose its counts', () => {
  const registry = new MetricsRegistry();
  shardOf(registry, 0).meter().counter('items', 'h').add(10);
  shardOf(registry, 0).meter().counter('items', 'h').add(1);
  assert.equal(registry.value('items'), 11);
});

test('what a dead shard held is handed out once, whichever comes first, the news or the question', () => {
  for (const newsFirst of [true, false]) {
    const registry = new MetricsRegistry();
    const [first, second] = twoShards(registry);
    for (const shard of [first, second]) {
      shard.meter({ exporter: 'a' }).gauge('exporter_held_items', 'h').set(42);
      shard.meter({ exporter: 'b' }).gauge('exporter_held_items', 'h').set(0);
    }
    if (newsFirst) registry.shardDied(0);
    const held = registry.takeHeld(0);
    if (!newsFirst) registry.shardDied(0);
    assert.deepEqual(held, [{ exporter: 'a', items: 42, labels: { exporter: 'a' } }]);
    assert.deepEqual(registry.takeHeld(0), []);
    assert.equal(registry.sum('exporter_held_items', { exporter: 'a' }), 42);
  }
});

test('shards that die again and again with other labels do not grow the registry', () => {
  const registry = new MetricsRegistry({}, 20);
  for (let life = 0; life < 50; life += 1) {
    const shard = shardOf(registry, 0);
    for (let tenant = 0; tenant < 10; tenant += 1) {
      shard
        .meter()
        .counter('refusals', 'h', { tenant: `${life}-${tenant}` })
        .add(1);
    }
    registry.shardDied(0);
  }
  let series = 0;
  registry.each('refusals', () => {
    series += 1;
  });
  assert.equal(series, 21);
  assert.equal(registry.sum('refusals'), 500);
});

const COUNTING_SHARD = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(${JSON.stringify(new URL('./shard-metrics.ts', import.meta.url).href)}).then((module) => {
    const shard = new module.ShardMetrics(workerData, (message) => parentPort.postMessage(message));
    const meter = shard.meter({ receiver: 'otlp' });
    const spans = meter.counter('receiver_accepted_spans', 'Spans taken.');
    const sizes = meter.histogram('sizes', 'Sizes.', [10, 100]);
    for (let item = 0; item < 200_000; item += 1) {
      spans.add(1);
      sizes.record(item % 200);
    }
  });`;

test('the main thread reads what worker threads count while they are busy counting', async () => {
  const registry = new MetricsRegistry();
  const workers = [0, 1].map((index) => {
    const worker = new Worker(COUNTING_SHARD, { eval: true, workerData: index });
    worker.on('message', (message: SeriesAnnouncement) => registry.attach(index, message));
    return { worker, exit: once(worker, 'exit') };
  });
  let last = 0;
  let scrapes = 0;
  const ended = Promise.all(workers.map(({ exit }) => exit));
  let running = true;
  void ended.finally(() => {
    running = false;
  });
  while (running) {
    await registry.text();
    const now = registry.sum('receiver_accepted_spans');
    assert(now >= last, `${now} came after ${last}`);
    last = now;
    scrapes += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert(scrapes > 0);
  assert.equal(registry.value('receiver_accepted_spans', { receiver: 'otlp' }), 400_000);
  assert.equal(registry.value('sizes', { receiver: 'otlp' }), 400_000);
});

test('a page has every series counted in before it was asked for, announced or not', async () => {
  const registry = new MetricsRegistry();
  const onTheWay: SeriesAnnouncement[] = [];
  const shard = new ShardMetrics(0, (message) => onTheWay.push(structuredClone(message)));
  const arrive = () => registry.attach(0, onTheWay.shift()!);
  const held = shard.meter().gauge('exporter_held_items', 'h');
  held.set(5);
  arrive();
  // The books at a drop: what left is counted elsewhere, under a reason not seen before.
  shard.meter().counter('exporter_dropped_items', 'h', { reason: 'new' }).add(5);
  held.set(0);
  const page = registry.text();
  arrive();
  assert.match(await page, /dropped_items\{reason="new"\} 5/);
});
