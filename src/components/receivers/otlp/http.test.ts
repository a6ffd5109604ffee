import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { request } from 'undici';
import type { Outcome } from '../../../contract/outcome.ts';
import {
  decodePartialSuccess,
  type ReplyFormat,
} from '../../../formats/otlp/reply/partial-success.ts';
import { decodeStatus } from '../../../formats/otlp/reply/status.ts';
import { type Running, startReceiver } from './fixture.test.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const SPANS = Buffer.from('0a0b120912072a0568656c6c6f', 'hex');
const SPANS_JSON = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"hello"}]}]}]}';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly format: ReplyFormat;
}

async function post(
  running: Running,
  body: string | Buffer<ArrayBuffer> | undefined,
  options: { headers?: Record<string, string>; path?: string; method?: string } = {},
): Promise<Answer> {
  const { headers = { 'content-type': PROTOBUF }, path = '/v1/traces', method = 'POST' } = options;
  const answer = await fetch(running.url + path, { method, headers, ...(body ? { body } : {}) });
  return {
    status: answer.status,
    headers: answer.headers,
    body: new Uint8Array(await answer.arrayBuffer()),
    format: answer.headers.get('content-type') === PROTOBUF ? 'protobuf' : 'json',
  };
}

function statusOf(answer: Answer) {
  const status = decodeStatus(answer.format, answer.body);
  assert.ok(status !== undefined, 'the body is no google.rpc.Status');
  return status;
}

test('OTLP-S3, S4: an empty request is answered with success, and an empty reply', async () => {
  await using running = await startReceiver({ http: {} });
  const protobuf = await post(running, undefined);
  assert.equal(protobuf.status, 200);
  assert.equal(protobuf.body.length, 0);
  for (const body of ['{}', '{"resourceSpans":[]}']) {
    const json = await post(running, body, { headers: { 'content-type': JSON_TYPE } });
    assert.equal(json.status, 200);
    assert.equal(Buffer.from(json.body).toString(), '{}');
  }
  assert.equal(running.intake.batches.length, 0);
});

test('OTLP-S5: partial success over HTTP carries the count in the encoding of the request', async () => {
  await using running = await startReceiver({ http: {} });
  running.intake.onConsume = () => ({ kind: 'partial', rejected: 2, reason: 'r', message: 'why' });
  for (const [type, body] of [
    [PROTOBUF, SPANS],
    [JSON_TYPE, SPANS_JSON],
  ] as const) {
    const answer = await post(running, body, { headers: { 'content-type': type } });
    assert.equal(answer.status, 200);
    const partial = decodePartialSuccess('traces', answer.format, answer.body);
    assert.deepEqual(partial, { rejected: 2, message: 'why' });
  }
});

test('OTLP-S19: traces, metrics and logs have their paths, which can be changed', async () => {
  await using running = await startReceiver({ http: { logs_url_path: '/in/logs' } });
  for (const path of ['/v1/traces', '/v1/metrics', '/in/logs', '/v1/traces?x=1']) {
    assert.equal((await post(running, undefined, { path })).status, 200, path);
  }
  assert.deepEqual(
    running.intake.requests.map((received) => received.signal),
    ['traces', 'metrics', 'logs', 'traces'],
  );
  assert.equal((await post(running, undefined, { path: '/v1/logs' })).status, 404);
});

test('x-gzip is gzip, in any case', async () => {
  await using running = await startReceiver({ http: {} });
  for (const encoding of ['x-gzip', 'X-GZip']) {
    const headers = { 'content-type': PROTOBUF, 'content-encoding': encoding };
    const answer = await post(running, zlib.gzipSync(SPANS), { headers });
    assert.equal(answer.status, 200);
  }
  assert.equal(running.intake.batches.length, 2);
});

test('OTLP-S20: a body over the limit is 413, announced, chunked or inflated', async () => {
  await using running = await startReceiver({ http: { max_request_body_size: 1000 } });
  const large = Buffer.alloc(1001);
  const f = async (body: string | Buffer<ArrayBuffer>, encoding?: string) => {
    const headers: Record<string, string> = { 'content-type': PROTOBUF };
    if (encoding !== undefined) headers['content-encoding'] = encoding;
    const answer = await post(running, body, { headers });
    assert.equal(answer.status, 413);
    assert.match(statusOf(answer).message, /larger than 1000 bytes/);
  };
  await f(large);
  await f(zlib.gzipSync(large), 'gzip');
  await f(zlib.zstdCompressSync(large), 'zstd');
  await f(zlib.deflateSync(large), 'deflate');
  const chunked = await request(`${running.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': PROTOBUF },
    body: Readable.from([large.subarray(0, 500), large.subarray(500)]),
  });
  assert.equal(chunked.statusCode, 413);
  await chunked.body.dump();
  assert.equal(running.intake.held, 0);
  assert.equal((await post(running, Buffer.alloc(1000))).status, 400);
});

test('OTLP-S21, S22: the media type chooses the encoding, whatever its case and parameters', async () => {
  await using running = await startReceiver({ http: {} });
  const f = async (type: string, body: string | Buffer<ArrayBuffer>, answered: string) => {
    const answer = await post(running, body, { headers: { 'content-type': type } });
    assert.equal(answer.status, 200, type);
    assert.equal(answer.headers.get('content-type'), answered);
  };
  await f('application/json; charset=utf-8', SPANS_JSON, JSON_TYPE);
  await f('APPLICATION/JSON', SPANS_JSON, JSON_TYPE);
  await f('application/x-protobuf;a=b', SPANS, PROTOBUF);
  await f('Application/X-Protobuf', SPANS, PROTOBUF);
  for (const batch of running.intake.batches) {
    assert.deepEqual(batch.chunks[0], new Uint8Array(SPANS));
    assert.equal(batch.items, 1);
  }
  assert.equal(running.intake.batches.length, 4);
});

test('OTLP-S23, S24: garbage is 400 with a Status in the encoding of the request', async () => {
  await using running = await startReceiver({ http: {} });
  const f = async (type: string, body: string | Buffer<ArrayBuffer>, encoding?: string) => {
    const headers: Record<string, string> = { 'content-type': type };
    if (encoding !== undefined) headers['content-encoding'] = encoding;
    const answer = await post(running, body, { headers });
    assert.equal(answer.status, 400, `${type} ${encoding}`);
    assert.equal(answer.headers.get('content-type'), type);
    assert.equal(statusOf(answer).code, 3);
    assert.notEqual(statusOf(answer).message, '');
  };
  await f(PROTOBUF, 'garbage');
  await f(PROTOBUF, SPANS.subarray(0, -1));
  await f(PROTOBUF, SPANS, 'gzip');
  await f(PROTOBUF, zlib.gzipSync(SPANS).subarray(0, -3), 'gzip');
  await f(JSON_TYPE, '{');
  await f(JSON_TYPE, '');
  await f(JSON_TYPE, '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"abc"}]}]}]}');
  assert.equal(running.intake.batches.length, 0);
  assert.equal(running.intake.held, 0);
});

test('OTLP-S25: overload is 503, a limit of the tenant 429, both with Retry-After', async () => {
  await using running = await startReceiver({ http: {} });
  const busy: Outcome = { kind: 'retry', reason: 'full', message: 'full', afterMs: 2500 };
  running.intake.onAdmit = busy;
  const refused = await post(running, SPANS);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '3');
  assert.deepEqual(statusOf(refused), { code: 14, message: 'full', retryAfterMs: 2500 });
  running.intake.onAdmit = undefined;
  running.intake.onConsume = () => ({ ...busy, scope: 'tenant' });
  const limited = await post(running, SPANS);
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '3');
  assert.deepEqual(running.intake.refusals, [
    { signal: 'traces', tenant: 'default', outcome: busy },
  ]);
});

test('OTLP-S26: wrong path, method and media type are 404, 405 and 415 with a Status', async () => {
  await using running = await startReceiver({ http: {} });
  const unknown = await post(running, SPANS, { path: '/v2/traces' });
  assert.deepEqual([unknown.status, unknown.format], [404, 'protobuf']);
  const get = await post(running, undefined, { method: 'GET' });
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
  const text = await post(running, 'x', { headers: { 'content-type': 'text/plain' } });
  assert.equal(text.status, 415);
  const none = await request(`${running.url}/v1/logs`, { method: 'POST', body: Buffer.from('x') });
  assert.equal(none.statusCode, 415);
  await none.body.dump();
  for (const answer of [unknown, get, text]) assert.notEqual(statusOf(answer).message, '');
  assert.equal(running.intake.refusals.length, 4);
});

test('OTLP-S29: chunked bodies without a length arrive whole', async () => {
  await using running = await startReceiver({ http: {} });
  const answer = await request(`${running.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': PROTOBUF },
    body: Readable.from([...SPANS].map((byte) => Buffer.from([byte]))),
  });
  assert.equal(answer.statusCode, 200);
  await answer.body.dump();
  assert.deepEqual(running.intake.batches[0]?.chunks[0], new Uint8Array(SPANS));
  assert.deepEqual(running.intake.admitted, [0]);
});

test('OTLP-S1, S30: gzip and the other codings are undone, unknown ones are 415', async () => {
  await using running = await startReceiver({ http: { compression_algorithms: ['gzip', 'zstd'] } });
  const f = async (encoding: string, body: Buffer<ArrayBuffer>, status: number) => {
    const headers = { 'content-type': PROTOBUF, 'content-encoding': encoding };
    const answer = await post(running, body, { headers });
    assert.equal(answer.status, status, encoding);
    if (status !== 200) assert.match(statusOf(answer).message, new RegExp(encoding));
  };
  await f('gzip', zlib.gzipSync(SPANS), 200);
  await f('GZIP', zlib.gzipSync(SPANS), 200);
  await f('zstd', zlib.zstdCompressSync(SPANS), 200);
  await f('identity', SPANS, 200);
  await f('deflate', zlib.deflateSync(SPANS), 415);
  await f('br', zlib.brotliCompressSync(SPANS), 415);
  assert.equal(running.intake.batches.length, 4);
});

test('OTLP-S31: browsers of allowed origins may send, and their preflight is answered', async () => {
  const cors = { allowed_origins: ['https://*.shop.example'], max_age: 60 };
  await using running = await startReceiver({ http: { cors } });
  const origin = 'https://www.shop.example';
  const preflight = await post(running, undefined, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-origin'), origin);
  assert.equal(preflight.headers.get('access-control-max-age'), '60');
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /content-type/);
  const headers = { 'content-type': PROTOBUF, origin };
  const sent = await post(running, SPANS, { headers });
  assert.equal(sent.headers.get('access-control-allow-origin'), origin);
  const other = await post(running, SPANS, {
    headers: { ...headers, origin: 'https://x.example' },
  });
  assert.equal(other.headers.get('access-control-allow-origin'), null);
});

test('the tenant and, where asked for, the headers stay with the batch', async () => {
  await using running = await startReceiver({ http: { include_metadata: true } });
  await post(running, SPANS, { headers: { 'content-type': PROTOBUF, 'X-Scope-OrgID': 'acme' } });
  const origin = running.intake.batches[0]?.origin;
  assert.equal(origin?.tenant, 'acme');
  assert.equal(origin?.receiver, 'otlp/test');
  assert.equal(origin?.clientAddress, '127.0.0.1');
  assert.deepEqual(origin?.metadata['x-scope-orgid'], ['acme']);
});

test('N-8: a bug of the pipeline is 500 with a Status, is logged, and the next request is served', async () => {
  await using running = await startReceiver({ http: {} });
  running.intake.onConsume = () => Promise.reject(new Error('boom'));
  const failed = await post(running, SPANS);
  assert.equal(failed.status, 500);
  assert.equal(statusOf(failed).code, 13);
  assert.match(running.logged.join(), /boom/);
  running.intake.onConsume = () => ({ kind: 'accepted' });
  assert.equal((await post(running, SPANS)).status, 200);
});

test('OTLP-S10: data points without a time are refused one by one, the others go on', async () => {
  await using running = await startReceiver({ http: {} });
  const f = async (points: object[], items: number | undefined, rejected: number) => {
    running.intake.batches.length = 0;
    const body = {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: points } }] }] }],
    };
    const headers = { 'content-type': JSON_TYPE };
    const answer = await post(running, JSON.stringify(body), { headers, path: '/v1/metrics' });
    assert.equal(answer.status, 200);
    assert.equal(running.intake.batches[0]?.items, items);
    assert.equal(decodePartialSuccess('metrics', 'json', answer.body).rejected, rejected);
  };
  const good = { timeUnixNano: '1', asInt: '7' };
  await f([good, { asInt: '7' }, { timeUnixNano: '1' }], 1, 2);
  await f([{ asInt: '7' }], undefined, 1);
  await f([good, { timeUnixNano: '1', flags: 1 }], 2, 0);
});

test('OTLP-J7: the 64-bit numbers of a JSON request are exact in the batch', async () => {
  await using running = await startReceiver({ http: {} });
  const body = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1544712660300000001","flags":257,
    "attributes":[{"key":"n","value":{"intValue":9007199254740993}}]}]}]}]}`;
  await post(running, body, { headers: { 'content-type': JSON_TYPE } });
  const bytes = Buffer.from(running.intake.batches[0]?.chunks[0] ?? []);
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(1544712660300000001n);
  assert.ok(bytes.includes(time));
  assert.ok(bytes.includes(Buffer.from('188180808080808010', 'hex')));
});
