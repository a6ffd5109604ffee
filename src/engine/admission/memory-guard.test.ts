import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Pressure } from './budget-memory.ts';
import { collectUnderPressure, watchMemory } from './memory-guard.ts';

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
