import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { Backend, batch, DOWN, HandClock, idle, settings } from '../../../test/flow/ends.ts';
import { withRetry } from './retry.ts';
import { UNSENT, withTimeout } from './timeout.ts';

function setup(policy: Partial<ReturnType<typeof settings>['retry']> = {}) {
  const clock = new HandClock();
  const backend = new Backend();
  const stopping = new AbortController();
  const deadline = new AbortController();
  const begun = clock.now();
  const times: number[] = [];
  let answer: Outcome = DOWN;
  backend.answer = () => {
    times.push(clock.now() - begun);
    return answer;
  };
  const once = withTimeout((given, signal) => backend.send(given, signal), 5000, clock);
  const send = withRetry(once, {
    policy: { ...settings().retry, ...policy },
    clock,
    stopping: stopping.signal,
    retrying: () => undefined,
  });
  return {
    clock,
    times,
    stopping,
    deadline,
    answers: (outcome: Outcome) => void (answer = outcome),
    send: () => send(batch({}), deadline.signal),
  };
}

test('waits grow by the multiplier up to the longest', async () => {
  const { clock, times, send, answers } = setup();
  const sent = send();
  await clock.advance(100_000);
  assert.deepEqual(times, [0, 5000, 12_500, 23_750, 40_625, 65_937.5, 95_937.5]);
  answers(ACCEPTED);
  await clock.advance(30_000);
  assert.equal(await sent, ACCEPTED);
});

test('OTLP-C3: waits are spread at random by the randomization factor', async () => {
  const firsts: number[] = [];
  for (let run = 0; run < 50; run++) {
    const { clock, times, send } = setup({ randomizationFactor: 0.5, maxElapsedTimeMs: 7600 });
    void send();
    await clock.advance(7600);
    firsts.push(times[1]!);
  }
  assert.ok(firsts.every((ms) => ms >= 2500 && ms <= 7500));
  assert.ok(Math.max(...firsts) - Math.min(...firsts) > 1000);
});

test('OTLP-C3: never sooner than the backend asks', async () => {
  const { clock, times, send, answers } = setup();
  answers({ ...DOWN, afterMs: 12_345 });
  void send();
  await clock.advance(13_000);
  assert.deepEqual(times, [0, 12_345]);
});

test('gives up at once when the next attempt would come after the time allowed', async () => {
  const { clock, times, send } = setup({ maxElapsedTimeMs: 20_000 });
  const sent = send();
  await clock.advance(12_500);
  const outcome = await sent;
  assert.deepEqual(times, [0, 5000, 12_500]);
  assert.equal(outcome.kind === 'retry' && outcome.reason, 'retry_expired');
});

test('a time allowed of 0 is for ever', async () => {
  const { clock, times, send } = setup({ maxElapsedTimeMs: 0 });
  void send();
  await clock.advance(3_600_000);
  assert.ok(times.length > 100);
});

test('an interval of 0 is not a busy loop', async () => {
  const { clock, times, send } = setup({ initialIntervalMs: 0, maxIntervalMs: 0 });
  void send();
  await clock.advance(100);
  assert.ok(times.length <= 11, `${times.length} attempts in 100ms`);
});

test('what is rejected or accepted in part is never tried again', async () => {
  const f = async (outcome: Outcome) => {
    const { clock, times, send, answers } = setup();
    answers(outcome);
    const sent = send();
    await clock.advance(60_000);
    assert.deepEqual([times, await sent], [[0], outcome]);
  };
  await f({ kind: 'rejected', reason: 'r', message: 'm' });
  await f({ kind: 'partial', rejected: 1, reason: 'r', message: 'm' });
});

test('switched off, there is one attempt', async () => {
  const { times, send } = setup({ enabled: false });
  assert.equal(await send(), DOWN);
  assert.deepEqual(times, [0]);
});

test('a stop cuts the wait short, and waits are short from then on', async () => {
  const { clock, times, send, stopping, deadline } = setup();
  const sent = send();
  await clock.advance(2000);
  stopping.abort();
  await clock.advance(2000);
  assert.deepEqual(times, [0, 2000, 3000, 4000]);
  deadline.abort();
  assert.equal((await sent).kind, 'retry');
  assert.equal(clock.timers, 0);
});

test('an attempt that takes too long is aborted and may be repeated', async () => {
  const clock = new HandClock();
  const backend = new Backend();
  let aborted = false;
  backend.answer = (_batch, signal) => {
    signal.addEventListener('abort', () => void (aborted = true));
    return new Promise(() => undefined);
  };
  const send = withTimeout((given, signal) => backend.send(given, signal), 5000, clock);
  const sent = send(batch({}), new AbortController().signal);
  await clock.advance(5000);
  const outcome = await sent;
  assert.equal(outcome.kind === 'retry' && outcome.reason, 'timeout');
  assert.ok(aborted);
});

test('an attempt ends with the deadline even when the exporter does not notice', async () => {
  const clock = new HandClock();
  const deadline = new AbortController();
  const send = withTimeout(() => new Promise(() => undefined), 5000, clock);
  const sent = send(batch({}), deadline.signal);
  await idle();
  deadline.abort();
  assert.equal(await sent, UNSENT);
  assert.equal(await send(batch({}), deadline.signal), UNSENT);
  assert.equal(clock.timers, 0);
});
