import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { createRequire } from 'node:module';
import { type TestContext, test } from 'node:test';
import zlib from 'node:zlib';
import { batchOfNames, exporterContext } from '../../../../test/ends/exporter.ts';
import type { Batch } from '../../../contract/batch.ts';
import { encodePartialSuccess } from '../../../formats/otlp/reply/partial-success.ts';
import { encodeStatus } from '../../../formats/otlp/reply/status.ts';
import definition from './index.ts';

const FOREVER = new AbortController().signal;
const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const snappy = createRequire(import.meta.url)('snappyjs') as {
  uncompress(bytes: Uint8Array): Uint8Array;
};

interface Received {
  readonly path: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

type Answer = (response: http.ServerResponse, count: number) => void;

async function backend(t: TestContext, answer: Answer = (response) => response.end()) {
  const received: Received[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { url: path, headers } = request;
      answer(response, received.push({ path, headers, body: Buffer.concat(parts) }));
    });
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, received, sockets };
}

function exporterFor(t: TestContext, section: object, warnings?: string[]) {
  const exporter = definition.create(definition.schema.parse(section), exporterContext(warnings));
  t.after(() => exporter.stop());
  return exporter;
}

async function answered(t: TestContext, answer: Answer, batch: Batch = batchOfNames(['a', 'b'])) {
  const { url } = await backend(t, answer);
  return exporterFor(t, { endpoint: url }).send(batch, FOREVER);
}

function respond(status: number, headers: object = {}, body: string | Uint8Array = ''): Answer {
  return (response) => response.writeHead(status, { ...headers }).end(body);
}

test('each signal goes to its path under the endpoint, or to its own URL as written', async (t) => {
  const { url, received } = await backend(t);
  const exporter = exporterFor(t, { endpoint: `${url}/base/`, logs_endpoint: `${url}/own?x=1` });
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const outcome = await exporter.send(batchOfNames(['a'], signal), FOREVER);
    assert.deepEqual(outcome, { kind: 'accepted' });
  }
  const paths = received.map((request) => request.path);
  assert.deepEqual(paths, ['/base/v1/traces', '/base/v1/metrics', '/own?x=1']);
});

test('a signal without an endpoint is rejected', async (t) => {
  const exporter = exporterFor(t, { traces_endpoint: 'http://127.0.0.1:9/' });
  const outcome = await exporter.send(batchOfNames(['a'], 'logs'), FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'no_endpoint');
});

test('a batch arrives as its chunks one after the other, in each compression', async (t) => {
  const { url, received } = await backend(t);
  const batch = batchOfNames(['first', 'second', 'third']);
  const decoders: Record<string, (bytes: Buffer) => Uint8Array> = {
    gzip: (bytes) => zlib.gunzipSync(bytes),
    zstd: (bytes) => zlib.zstdDecompressSync(bytes),
    zlib: (bytes) => zlib.inflateSync(bytes),
    deflate: (bytes) => zlib.inflateSync(bytes),
    snappy: (bytes) => snappy.uncompress(bytes),
    none: (bytes) => bytes,
  };
  for (const [compression, decode] of Object.entries(decoders)) {
    const exporter = exporterFor(t, { endpoint: url, compression });
    await exporter.send(batch, FOREVER);
    const request = received.pop();
    assert.ok(request);
    const coding = compression === 'none' ? undefined : compression;
    assert.equal(request.headers['content-encoding'], coding);
    assert.deepEqual(Buffer.from(decode(request.body)), Buffer.concat(batch.chunks), compression);
  }
});

test('encoding json sends OTLP/JSON and reads the answer in it', async (t) => {
  const body = encodePartialSuccess('traces', 'json', 1, 'no');
  const { url, received } = await backend(
    t,
    respond(200, { 'content-type': 'application/json; charset=utf-8' }, body),
  );
  const exporter = exporterFor(t, { endpoint: url, encoding: 'json', compression: 'none' });
  const outcome = await exporter.send(batchOfNames(['a', 'b']), FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 1);
  assert.equal(received[0]?.headers['content-type'], 'application/json');
  const sent = JSON.parse(String(received[0].body)) as { resourceSpans: unknown[] };
  assert.equal(sent.resourceSpans.length, 2);
});

test('OTLP-C2: exactly 429, 502, 503 and 504 are retried; other failures are rejected', async (t) => {
  const { url, received } = await backend(t, (response, count) => {
    response.writeHead(statuses[count - 1] ?? 500).end();
  });
  const statuses = [301, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 501, 502, 503, 504, 505];
  const exporter = exporterFor(t, { endpoint: url });
  for (const status of statuses) {
    const outcome = await exporter.send(batchOfNames(['a']), FOREVER);
    const kind = [429, 502, 503, 504].includes(status) ? 'retry' : 'rejected';
    assert.equal(outcome.kind, kind, String(status));
    assert.ok('reason' in outcome && outcome.reason === `http_${status}`);
  }
  assert.equal(received.length, statuses.length, 'one attempt each, no redirect followed');
});

test('OTLP-C2: a failed connection and a disconnect without an answer are retried', async (t) => {
  const server = net.createServer((socket) => socket.on('error', () => {}).destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const exporter = exporterFor(t, { endpoint: `http://127.0.0.1:${port}` });
  assert.equal((await exporter.send(batchOfNames(['a']), FOREVER)).kind, 'retry');
  server.close();
  await once(server, 'close');
  assert.equal((await exporter.send(batchOfNames(['a']), FOREVER)).kind, 'retry');
});

test('OTLP-C3: Retry-After is honoured in seconds and as a date', async (t) => {
  const afterMs = async (value: string) => {
    const outcome = await answered(t, respond(429, { 'retry-after': value }));
    return outcome.kind === 'retry' ? outcome.afterMs : undefined;
  };
  assert.equal(await afterMs('7'), 7000);
  const dated = await afterMs(new Date(Date.now() + 30_000).toUTCString());
  assert.ok(dated !== undefined && dated > 20_000 && dated <= 30_000, String(dated));
  assert.equal(await afterMs('soon'), undefined);
});

test('OTLP-C3: RetryInfo in the body counts where there is no Retry-After', async (t) => {
  const body = encodeStatus('protobuf', { code: 14, message: 'full', retryAfterMs: 2500 });
  const outcome = await answered(t, respond(503, PROTOBUF, body));
  assert.ok(outcome.kind === 'retry');
  assert.equal(outcome.afterMs, 2500);
  assert.equal(outcome.message, 'the backend answered 503: full');
});

test('OTLP-C4: a partial success is counted, and not a failure', async (t) => {
  const body = encodePartialSuccess('traces', 'protobuf', 1, 'too old');
  assert.deepEqual(await answered(t, respond(200, PROTOBUF, body)), {
    kind: 'partial',
    rejected: 1,
    reason: 'backend_rejected',
    message: 'the backend rejected 1 of 2 traces: too old',
  });
});

test('OTLP-C4: more rejected items than were sent count as all of them', async (t) => {
  const body = encodePartialSuccess('traces', 'protobuf', 1000, '');
  const outcome = await answered(t, respond(200, PROTOBUF, body));
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 2);
});

test('OTLP-C4: a warning without rejected items is logged, and all of it accepted', async (t) => {
  const body = encodePartialSuccess('traces', 'protobuf', 0, 'use v2');
  const { url } = await backend(t, respond(200, PROTOBUF, body));
  const warnings: string[] = [];
  const outcome = await exporterFor(t, { endpoint: url }, warnings).send(
    batchOfNames(['a']),
    FOREVER,
  );
  assert.deepEqual(outcome, { kind: 'accepted' });
  assert.match(warnings.join(), /use v2/);
});

test('OTLP-C5: an answer over 4 MiB is rejected, not retried', async (t) => {
  const outcome = await answered(t, respond(200, PROTOBUF, Buffer.alloc(4 * 1024 * 1024 + 1)));
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'response_too_large');
});

test('OTLP-C5: a request over 64 MiB is not sent', async (t) => {
  const { url, received } = await backend(t);
  const huge = { ...batchOfNames(['a']), byteLength: 64 * 1024 * 1024 + 1 };
  const outcome = await exporterFor(t, { endpoint: url }).send(huge, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.fault === 'too_large');
  assert.equal(received.length, 0);
});

test('OTLP-C6: requests run at once, and a slow one holds up no other', async (t) => {
  const held: http.ServerResponse[] = [];
  const { url } = await backend(t, (response, count) => {
    if (count === 1) held.push(response);
    else response.end();
  });
  const exporter = exporterFor(t, { endpoint: url });
  const slow = exporter.send(batchOfNames(['slow']), FOREVER);
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const batch = batchOfNames(['quick']);
  const quick = await Promise.all([exporter.send(batch, FOREVER), exporter.send(batch, FOREVER)]);
  assert.deepEqual(quick, [{ kind: 'accepted' }, { kind: 'accepted' }]);
  held[0]?.end();
  assert.deepEqual(await slow, { kind: 'accepted' });
});

test('OTLP-C7: type, coding and user agent are sent, and connections kept', async (t) => {
  const { url, received, sockets } = await backend(t);
  const gzip = exporterFor(t, { endpoint: url });
  await gzip.send(batchOfNames(['a']), FOREVER);
  await gzip.send(batchOfNames(['a']), FOREVER);
  assert.equal(sockets.size, 1);
  await exporterFor(t, { endpoint: url, compression: 'none' }).send(batchOfNames(['a']), FOREVER);
  assert.equal(received[0]?.headers['content-type'], 'application/x-protobuf');
  assert.equal(received[0].headers['content-encoding'], 'gzip');
  assert.equal(received[0].headers['user-agent'], 'millrace/1.2.3');
  assert.equal(received[2]?.headers['content-encoding'], undefined);
});

test('OTLP-C8: a 2xx whose body cannot be decoded is not retried', async (t) => {
  const garbage = Buffer.from([0x0a, 0xff, 0xff]);
  assert.deepEqual(await answered(t, respond(200, PROTOBUF, garbage)), { kind: 'accepted' });
});

test('OTLP-C8: a body of another type than the request is not decoded', async (t) => {
  const body = encodePartialSuccess('traces', 'protobuf', 1, 'no');
  const other = { 'content-type': 'application/json' };
  assert.deepEqual(await answered(t, respond(202, other, body)), { kind: 'accepted' });
  const coded = { ...PROTOBUF, 'content-encoding': 'gzip' };
  assert.deepEqual(await answered(t, respond(200, coded, body)), { kind: 'accepted' });
});

test('OTLP-C9: stop lets requests under way finish, and lets go of every socket', async (t) => {
  const deadline = new AbortController();
  const stopped = Promise.withResolvers<void>();
  const { url, sockets } = await backend(t, (response) => {
    exporter.stop(deadline.signal).then(stopped.resolve, stopped.reject);
    setImmediate(() => response.end());
  });
  const exporter = exporterFor(t, { endpoint: url });
  assert.deepEqual(await exporter.send(batchOfNames(['a']), FOREVER), { kind: 'accepted' });
  await stopped.promise;
  for (const socket of sockets) if (!socket.destroyed) await once(socket, 'close');
  assert.equal((await exporter.send(batchOfNames(['a']), FOREVER)).kind, 'retry');
});

test('OTLP-C9: at the deadline of stop requests under way end as retries', async (t) => {
  const deadline = new AbortController();
  const { url } = await backend(t, () => deadline.abort());
  const exporter = exporterFor(t, { endpoint: url });
  const sent = exporter.send(batchOfNames(['a']), FOREVER);
  await exporter.stop(deadline.signal);
  assert.equal((await sent).kind, 'retry');
});

test('TEN-9: only the chosen tenant leaves, never a header of the client', async (t) => {
  const { url, received } = await backend(t);
  const headers = { 'X-Team': 'a', authorization: 'Bearer ours' };
  await exporterFor(t, { endpoint: url, headers }).send(batchOfNames(['a']), FOREVER);
  const named = { endpoint: url, headers, tenant_header: 'X-Scope-OrgID' };
  await exporterFor(t, named).send(batchOfNames(['a']), FOREVER);
  assert.ok(received[0]);
  assert.equal(received[0].headers['x-scope-orgid'], undefined);
  assert.equal(received[0].headers.authorization, 'Bearer ours');
  assert.equal(received[0].headers['x-team'], 'a');
  assert.equal(received[1]?.headers['x-scope-orgid'], 'tenant-1');
});

test('a tenant that no header can carry is rejected and splits nothing', async (t) => {
  const { url, received } = await backend(t);
  const exporter = exporterFor(t, { endpoint: url, tenant_header: 'X-Scope-OrgID' });
  const batch = batchOfNames(['a']);
  const forged = { ...batch, origin: { ...batch.origin, tenant: 'a\r\nX-Admin: 1' } };
  const outcome = await exporter.send(forged, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'invalid_tenant');
  assert.equal(received.length, 0);
});

test('an abort rejects at once', async (t) => {
  const abort = new AbortController();
  const { url } = await backend(t, () => abort.abort(new Error('time is up')));
  const sent = exporterFor(t, { endpoint: url }).send(batchOfNames(['a']), abort.signal);
  await assert.rejects(sent, { message: 'time is up' });
});

test('a text answer of a proxy is passed on to the operator', async (t) => {
  const outcome = await answered(t, respond(403, { 'content-type': 'text/plain' }, 'go away\n'));
  assert.ok(outcome.kind === 'rejected');
  assert.equal(outcome.message, 'the backend answered 403: go away');
});
