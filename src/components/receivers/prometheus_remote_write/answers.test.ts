import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snappyBlock } from '../../../net/codec/snappy-compress.ts';
import { encode1, encode2, post, send1, send2, startReceiver, UP, V2 } from './fixture.test.ts';
import { settings } from './settings.ts';

const HISTOGRAM = { count_int: 3, sum: 1, positive_spans: [{ offset: 0, length: 1 }] };
const RICH = [
  UP,
  { ...UP, exemplars: [{ labels: [['trace_id', 'abc'] as const], value: 1, timestamp: 1 }] },
  {
    labels: [['__name__', 'latency'] as const],
    histograms: [{ ...HISTOGRAM, positive_deltas: [3], timestamp: 5 }],
  },
];

test('PRW-R4: everything written is 204 without a body', async () => {
  await using running = await startReceiver();
  for (const answer of [await send1(running, encode1(RICH)), await send2(running, encode2(RICH))]) {
    assert.equal(answer.status, 204);
    assert.equal(answer.text, '');
  }
  assert.deepEqual(
    running.intake.batches.map(({ items, form, signal }) => [items, form, signal]),
    [
      [3, 'prometheus', 'metrics'],
      [3, 'prometheus', 'metrics'],
    ],
  );
});

test('PRW-R5: a request of which a part was not written is 400, and says how much and why', async () => {
  await using running = await startReceiver();
  const nameless = { ...UP, labels: [['job', 'test'] as const] };
  const answer = await send2(running, encode2([...RICH, nameless, nameless]));
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.written, [2, 1, 1]);
  assert.match(answer.text, /2 samples or histograms were not taken.*__name__ is missing/);
  assert.equal(running.intake.batches[0]?.items, 3);
});

test('PRW-R5: an exemplar that was not written makes it 400 too', async () => {
  await using running = await startReceiver();
  const body = encode2([
    { ...UP, exemplars: [{ labels: [['a', 'abc']], value: 1, timestamp: 1 }] },
  ]);
  const at = body.indexOf('abc');
  body[at] = 0xff;
  const answer = await send2(running, body);
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.written, [1, 0, 0]);
});

test('PRW-R6: 2.0 answers carry exact Written headers after success and failure', async () => {
  await using running = await startReceiver();
  assert.deepEqual((await send2(running, encode2(RICH))).written, [2, 1, 1]);
  assert.deepEqual((await send2(running, encode2([]))).written, [0, 0, 0]);
  running.intake.onConsume = () => ({ kind: 'rejected', reason: 'no', message: 'no' });
  const rejected = await send2(running, encode2(RICH));
  assert.deepEqual([rejected.status, rejected.written], [400, [0, 0, 0]]);
  running.intake.onConsume = () => ({ kind: 'partial', rejected: 2, reason: 'no', message: 'no' });
  const partial = await send2(running, encode2(RICH));
  assert.deepEqual([partial.status, partial.written], [400, [0, 1, 1]]);
});

test('PRW-R7: 1.0 answers never carry Written headers', async () => {
  await using running = await startReceiver();
  const none = [undefined, undefined, undefined];
  assert.deepEqual((await send1(running, encode1(RICH))).written, none);
  assert.deepEqual((await send1(running, Buffer.from('garbage'))).written, none);
});

test('PRW-R8: a full queue is 503 and a limit of a tenant 429, both with Retry-After and nothing written', async () => {
  await using running = await startReceiver();
  const f = async (status: number, seconds: string) => {
    const answer = await send2(running, encode2(RICH));
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('retry-after'), seconds);
    assert.deepEqual(answer.written, [0, 0, 0]);
  };
  running.intake.onConsume = () => ({
    kind: 'retry',
    reason: 'full',
    message: 'full',
    afterMs: 2500,
  });
  await f(503, '3');
  running.intake.onConsume = () => ({
    kind: 'retry',
    reason: 'rate',
    message: 'too fast',
    afterMs: 1000,
    scope: 'tenant',
  });
  await f(429, '1');
  // Back-pressure, though it is this tenant alone that feels it: Prometheus would drop a 429.
  running.intake.onConsume = () => ({
    kind: 'retry',
    reason: 'tenant_queue_full',
    message: 'no room',
    afterMs: 1000,
    scope: 'tenant_room',
  });
  await f(503, '1');
  running.intake.onAdmit = { kind: 'retry', reason: 'memory', message: 'no room', afterMs: 4000 };
  await f(503, '4');
  assert.equal(running.intake.refusals.length, 1);
  assert.equal(running.intake.batches.length, 0);
});

test('PRW-R19: senders that retry often are asked to wait longer, by their Retry-Attempt', async () => {
  await using running = await startReceiver();
  running.intake.onAdmit = { kind: 'retry', reason: 'full', message: 'full', afterMs: 6000 };
  const body = Buffer.from(snappyBlock(encode2([UP])));
  const f = async (attempt: string) => {
    const answer = await post(running, body, { 'content-type': V2, 'retry-attempt': attempt });
    return Number(answer.headers.get('retry-after'));
  };
  assert.equal(await f('0'), 6);
  assert.equal(await f('nonsense'), 6);
  const third = await f('3');
  assert.ok(third >= 24 && third <= 72, String(third));
  assert.ok((await f('50')) <= 96);
  assert.equal(running.counted.get('receiver_retried_requests'), 2);
});

test('PRW-R22: the path is free, other methods are 405, and an empty request is 2xx', async () => {
  await using running = await startReceiver({ path: '/api/v1/push' });
  const elsewhere = await send1(running, encode1([UP]));
  assert.equal(elsewhere.status, 404);
  assert.match(elsewhere.text, /send to \/api\/v1\/push/);
  const url = running.url.replace('/api/v1/write', '/api/v1/push');
  const get = await fetch(url);
  assert.equal(get.status, 405);
  assert.equal(get.headers.get('allow'), 'POST');
  assert.equal((await send1({ ...running, url }, encode1([UP]))).status, 204);
  assert.equal((await send1({ ...running, url }, Buffer.alloc(0))).status, 204);
  assert.equal((await post({ url }, Buffer.alloc(0), {})).status, 204);
});

test('the label cache tells of its hits and misses', async () => {
  await using running = await startReceiver();
  const unsorted = encode1([
    {
      ...UP,
      labels: [
        ['job', 'a'],
        ['__name__', 'up'],
      ],
    },
  ]);
  for (let i = 0; i < 3; i++) assert.equal((await send1(running, unsorted)).status, 204);
  assert.equal(running.counted.get('label_cache_lookups miss'), 1);
  assert.equal(running.counted.get('label_cache_lookups hit'), 2);
});

test('the settings have the defaults of the Collector, and say what they do not know', () => {
  const config = settings.parse(null);
  assert.equal(config.address, 'localhost:9090');
  assert.equal(config.path, '/api/v1/write');
  assert.equal(config.maxBytes, 10 * 1024 * 1024);
  assert.equal(settings.safeParse({ auth: { authenticator: 'x' } }).success, false);
  assert.equal(settings.safeParse({ paths: '/x' }).success, false);
});
