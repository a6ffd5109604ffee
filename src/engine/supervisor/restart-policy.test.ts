import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestartPolicy } from './restart-policy.ts';

test('the first successor starts at once, those of a crash loop later and later', () => {
  const policy = new RestartPolicy();
  const delays = Array.from({ length: 9 }, () => policy.nextDelayMs(100));
  assert.deepEqual(delays, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(policy.nextDelayMs(60_000), 0);
  assert.equal(policy.nextDelayMs(100), 250);
});

test('a stop does not wait for a successor', async () => {
  const policy = new RestartPolicy();
  policy.nextDelayMs(0);
  const cancel = new AbortController();
  const waiting = policy.wait(0, cancel.signal);
  cancel.abort();
  await waiting;
});
