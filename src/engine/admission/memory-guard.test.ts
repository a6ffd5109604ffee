import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import type { Pressure } from './budget-memory.ts';
import { collectUnderPressure, collectYoung, watchMemory } from './memory-guard.ts';

test('the pressure follows the memory of the process, soft before hard', () => {
  mock.timers.enable({ apis: ['setInterval'] });
  let rss = 50;
  const seen: Pressure[] = [];
  const limits = { checkIntervalMs: 1000, softBytes: 80, hardBytes: 100 };
  const stop = watchMemory(
    limits,
    (pressure) => seen.push(pressure),
    () => rss,
  );
  for (const next of [81, 101, 100, 80]) {
    rss = next;
    mock.timers.tick(1000);
  }
  assert.deepEqual(seen, [0, 1, 2, 1, 0]);
  stop();
  mock.timers.tick(5000);
  assert.equal(seen.length, 5);
  mock.timers.reset();
});

test('garbage is collected under pressure without a flag on the command line', async () => {
  let garbage: WeakRef<object> | undefined;
  (() => {
    garbage = new WeakRef({ size: new Uint8Array(1000) });
  })();
  await new Promise((resolve) => setImmediate(resolve));
  collectUnderPressure(0);
  assert.ok(garbage?.deref() !== undefined);
  await new Promise((resolve) => setImmediate(resolve));
  collectUnderPressure(2);
  assert.equal(garbage?.deref(), undefined);
});

test('what sockets read is collected before it has grown to much', async () => {
  let most = 0;
  collectYoung();
  const before = getHeapStatistics().external_memory;
  for (let times = 0; times < 100; times++) {
    for (let reads = 0; reads < 32; reads++) Buffer.allocUnsafeSlow(64 * 1024);
    // A collection is over when its sweeper, another thread, is.
    await new Promise((resolve) => setTimeout(resolve, 2));
    collectYoung();
    most = Math.max(most, getHeapStatistics().external_memory - before);
  }
  assert.ok(most < 45 * 1024 * 1024, `${most} bytes`);
});
