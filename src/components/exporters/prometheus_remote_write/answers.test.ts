import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { AddressInfo } from 'node:net';
import { batchOfNames } from '../../../../test/ends/exporter.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import {
  type Answer,
  backend,
  batchOfChunks,
  chunkOf,
  exporterFor,
  FOREVER,
  type Received,
  sample,
  V2,
  written,
} from './fixture.test.ts';

const ACCEPTED = { kind: 'accepted' };
const UP = () => batchOfChunks(chunkOf([sample('up')]));

function many(count: number) {
  return Array.from({ length: count }, (_, index) => sample(`m${index}`));
}

/** What becomes of a batch of one sample when the backend answers that. */
async function outcomeOf(t: TestContext, answer: Answer, section: object = {}): Promise<Outcome> {
  const { url } = await backend(t, () => answer);
  return exporterFor(t, { endpoint: url, ...section }).send(UP(), FOREVER);
}

test('PRW-S6: every 5xx is retried, and 4xx are not', async (t) => {
  for (const status of [500, 501, 502, 503, 504, 507, 599]) {
    const outcome = await outcomeOf(t, { status });
    assert.ok(outcome.kind === 'retry', String(status));
    assert.equal(outcome.reason, `http_${status}`);
  }
  for (const status of [301, 400, 401, 403, 404, 408, 413, 415, 422, 429]) {
    const outcome = await outcomeOf(t, { status });
    assert.ok(outcome.kind === 'rejected', String(status));
    assert.equal(outcome.reason, `http_${status}`);
  }
});

test('PRW-S6: 429 is retried when the operator wants it, not before Retry-After', async (t) => {
  const answer = { status: 429, headers: { 'retry-after': '7' } };
  const outcome = await outcomeOf(t, answer, { retry_on_http_429: true });
  assert.ok(outcome.kind === 'retry' && outcome.afterMs === 7000);
});

test('PRW-S6: Retry-After is honoured in seconds and as a date', async (t) => {
  const date = new Date(Date.now() + 60_000).toUTCString();
  for (const [text, least] of [
    ['3', 3000],
    [date, 55_000],
  ] as const) {
    const outcome = await outcomeOf(t, { status: 503, headers: { 'retry-after': text } });
    assert.ok(outcome.kind === 'retry' && (outcome.afterMs ?? 0) >= least, text);
  }
});

test('PRW-S6: a backend that is not there is worth a retry', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const outcome = await exporterFor(t, { endpoint: `http://127.0.0.1:${port}/` }).send(
    UP(),
    FOREVER,
  );
  assert.ok(outcome.kind === 'retry');
});

test('PRW-S7: a 415 to 2.0 falls back to 1.0 at once, and 1.0 is remembered', async (t) => {
  const { url, received } = await backend(t, ({ headers }) => ({
    status: headers['x-prometheus-remote-write-version'] === '2.0.0' ? 415 : 204,
  }));
  const warnings: string[] = [];
  const exporter = exporterFor(t, { endpoint: url, ...V2 }, warnings);
  for (let i = 0; i < 2; i++) assert.deepEqual(await exporter.send(UP(), FOREVER), ACCEPTED);
  const versions = received.map(({ headers }) => headers['x-prometheus-remote-write-version']);
  assert.deepEqual(versions, ['2.0.0', '0.1.0', '0.1.0']);
  assert.equal(received[1]?.headers['content-type'], 'application/x-protobuf');
  assert.deepEqual(received[1]?.decoded.names, ['up']);
  assert.equal(warnings.length, 1);
});

test('PRW-S7: a 2xx to 2.0 without any Written header is as good as a 415', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 200 }));
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  assert.deepEqual(await exporter.send(UP(), FOREVER), ACCEPTED);
  const versions = received.map(({ headers }) => headers['x-prometheus-remote-write-version']);
  assert.deepEqual(versions, ['2.0.0', '0.1.0']);
});

test('PRW-S7: no other answer makes it fall back, nor a version header of the backend', async (t) => {
  const headers = { ...written(1), 'X-Prometheus-Remote-Write-Version': '0.1.0' };
  const answers = [{ status: 204, headers }, { status: 400 }, { status: 503 }, { status: 404 }];
  const { url, received } = await backend(t, (_, count) => answers[count - 1]);
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  for (let i = 0; i < answers.length; i++) await exporter.send(UP(), FOREVER);
  const versions = received.map((each) => each.headers['x-prometheus-remote-write-version']);
  assert.deepEqual(versions, ['2.0.0', '2.0.0', '2.0.0', '2.0.0']);
});

test('PRW-S7: a 415 to 1.0 is a rejection', async (t) => {
  const outcome = await outcomeOf(t, { status: 415 }, V2);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'http_415');
});

test('PRW-S9: the body of an error is told verbatim and cut, and one of success is ignored', async (t) => {
  const body = 'out of order sample: series {a="b"}';
  const outcome = await outcomeOf(t, { status: 400, body });
  assert.ok(outcome.kind === 'rejected' && outcome.message.includes(body));
  const long = await outcomeOf(t, { status: 400, body: 'x'.repeat(100_000) });
  assert.ok(long.kind === 'rejected' && long.message.length < 1200);
  assert.deepEqual(await outcomeOf(t, { status: 200, body: '{"error":"partial"}' }), ACCEPTED);
});

test('PRW-S11: the Written headers of a 400 say how many samples were lost, and nothing is sent twice', async (t) => {
  const body = 'one is out of order';
  const { url, received } = await backend(t, () => ({ status: 400, headers: written(9), body }));
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  const outcome = await exporter.send(batchOfChunks(chunkOf(many(10))), FOREVER);
  assert.ok(outcome.kind === 'partial');
  assert.equal(outcome.rejected, 1);
  assert.equal(outcome.reason, 'http_400');
  assert.match(outcome.message, /one is out of order/);
  assert.equal(received.length, 1);
});

test('a 2xx of 2.0 that wrote less than it got is a partial loss', async (t) => {
  const { url } = await backend(t, () => ({ status: 200, headers: written(3) }));
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  const outcome = await exporter.send(batchOfChunks(chunkOf(many(10))), FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 7);
  assert.equal(outcome.reason, 'not_written');
});

const refusing = (bad: ReadonlySet<string>) => (request: Received) => ({
  status: request.decoded.names.some((name) => bad.has(name)) ? 400 : 204,
  headers: request.headers['x-prometheus-remote-write-version'] === '2.0.0' ? written(0) : {},
});

test('PRW-S11: a bad series costs itself alone: the batch is halved until it is found', async (t) => {
  const accepted: string[] = [];
  const refuse = refusing(new Set(['m0', 'm777']));
  const { url, received } = await backend(t, (request) => {
    const answer = refuse(request);
    if (answer.status === 204) accepted.push(...request.decoded.names);
    return answer;
  });
  const series = many(1000);
  const batch = batchOfChunks(
    chunkOf(series.slice(0, 300)),
    chunkOf(series.slice(300, 400)),
    chunkOf(series.slice(400)),
  );
  const outcome = await exporterFor(t, { endpoint: url }).send(batch, FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 2);
  const names = series.map(({ labels }) => labels['__name__']);
  const good = names.filter((name) => name !== 'm0' && name !== 'm777');
  assert.deepEqual(accepted, good, 'in their order, each once');
  assert.ok(received.length <= 50, `${received.length} requests`);
});

test('PRW-S11: a 400 of 2.0 that wrote nothing is halved, too', async (t) => {
  const { url, received } = await backend(t, (request) => {
    const answer = refusing(new Set(['m3']))(request);
    return answer.status === 204
      ? { status: 204, headers: written(request.decoded.names.length) }
      : answer;
  });
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  const outcome = await exporter.send(batchOfChunks(chunkOf(many(10))), FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 1);
  assert.ok(received.length > 2);
});

test('a backend that refuses everything is not asked for each series', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 400, body: 'no' }));
  const batch = batchOfChunks(chunkOf(many(2000)));
  const outcome = await exporterFor(t, { endpoint: url }).send(batch, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'http_400');
  assert.ok(received.length < 50, `${received.length} requests`);
});

test('a backend that refuses every other series is asked a bounded number of times', async (t) => {
  const bad = new Set(
    many(2000).flatMap(({ labels }, index) => (index % 2 ? [labels['__name__']!] : [])),
  );
  const { url, received } = await backend(t, refusing(bad));
  const batch = batchOfChunks(chunkOf(many(2000)));
  const outcome = await exporterFor(t, { endpoint: url }).send(batch, FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected >= 1000);
  assert.ok(received.length < 150, `${received.length} requests`);
});

test('credentials that are wrong do not make it halve a batch', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 401 }));
  await exporterFor(t, { endpoint: url }).send(batchOfChunks(chunkOf(many(10))), FOREVER);
  assert.equal(received.length, 1);
});

test('PRW-W7: a retry sends what has no answer yet, and nothing again', async (t) => {
  const { url, received } = await backend(t, (_, count) => ({ status: count === 3 ? 503 : 204 }));
  const exporter = exporterFor(t, { endpoint: url, max_batch_size_bytes: 60 });
  const batch = batchOfChunks(chunkOf(many(8)));
  assert.equal((await exporter.send(batch, FOREVER)).kind, 'retry');
  assert.equal(received.length, 3);
  assert.deepEqual(await exporter.send(batch, FOREVER), ACCEPTED);
  const delivered = received
    .filter((_, index) => index !== 2)
    .flatMap((each) => each.decoded.names);
  assert.deepEqual(delivered, ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']);
  assert.equal(received[2]?.headers['retry-attempt'], undefined);
  assert.equal(received[3]?.headers['retry-attempt'], '1');
  assert.deepEqual(received[3]?.body, received[2]?.body);
});

test('the search for a bad series goes on where an interrupted attempt left it', async (t) => {
  const attempt = new AbortController();
  let interrupted = false;
  const accepted: string[] = [];
  const { url } = await backend(t, (request, count) => {
    if (count === 4 && !interrupted) {
      interrupted = true;
      attempt.abort(new Error('out of time'));
      return { status: 503 };
    }
    const answer = refusing(new Set(['m5']))(request);
    if (answer.status === 204) accepted.push(...request.decoded.names);
    return answer;
  });
  const exporter = exporterFor(t, { endpoint: url });
  const batch = batchOfChunks(chunkOf(many(8)));
  await assert.rejects(exporter.send(batch, attempt.signal), /out of time/);
  const outcome = await exporter.send(batch, FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 1);
  assert.deepEqual(accepted, ['m0', 'm1', 'm2', 'm3', 'm4', 'm6', 'm7']);
});

test('an attempt waits for the one before it that still holds the batch', async (t) => {
  const { url, received } = await backend(t);
  const exporter = exporterFor(t, { endpoint: url });
  const batch = UP();
  const outcomes = await Promise.all([
    exporter.send(batch, FOREVER),
    exporter.send(batch, FOREVER),
  ]);
  assert.deepEqual(outcomes, [ACCEPTED, ACCEPTED]);
  assert.equal(received.length, 2);
});

test('a tenant that is no header value and data in another form are rejected', async (t) => {
  const { url, received } = await backend(t);
  const exporter = exporterFor(t, { endpoint: url, tenant_header: 'X-Scope-OrgID' });
  const batch = UP();
  const origin = { ...batch.origin, tenant: 'a\nb' };
  const bad = await exporter.send({ ...batch, origin }, FOREVER);
  assert.ok(bad.kind === 'rejected' && bad.reason === 'invalid_tenant');
  const otlp = await exporter.send(batchOfNames(['a'], 'metrics'), FOREVER);
  assert.ok(otlp.kind === 'rejected' && otlp.reason === 'wrong_form');
  assert.equal(received.length, 0);
});

test('a stopped exporter answers retry', async (t) => {
  const { url } = await backend(t);
  const exporter = exporterFor(t, { endpoint: url });
  await exporter.stop?.(AbortSignal.abort());
  assert.equal((await exporter.send(UP(), FOREVER)).kind, 'retry');
});
