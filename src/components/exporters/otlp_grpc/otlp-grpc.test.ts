import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import { once } from 'node:events';
import http2 from 'node:http2';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { batchOfNames, exporterContext } from '../../../../test/ends/exporter.ts';
import { encodePartialSuccess } from '../../../formats/otlp/reply/partial-success.ts';
import { encodeStatus } from '../../../formats/otlp/reply/status.ts';
import definition from './index.ts';

const FOREVER = new AbortController().signal;
const SERVICES = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
} as const;
const BYTES = {
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
} as const;

interface Received {
  readonly path: string;
  readonly metadata: grpc.Metadata;
  readonly body: Buffer;
}

type Callback = grpc.sendUnaryData<Buffer>;
type Answer = (callback: Callback, count: number) => void;

const ok: Answer = (callback) => callback(null, Buffer.alloc(0));

/** A grpc-js server of the three services. */
async function backend(t: TestContext, answer: Answer = ok) {
  const received: Received[] = [];
  const server = new grpc.Server();
  for (const path of Object.values(SERVICES)) {
    const Export = (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: Callback) => {
      const count = received.push({ path, metadata: call.metadata, body: call.request });
      answer(callback, count);
    };
    server.addService({ Export: { path, ...BYTES } }, { Export });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  return { endpoint: `127.0.0.1:${port}`, received };
}

function exporterFor(t: TestContext, section: object, warnings?: string[]) {
  const settings = definition.schema.parse({ tls: { insecure: true }, ...section });
  const exporter = definition.create(settings, exporterContext(warnings));
  t.after(() => exporter.stop());
  return exporter;
}

async function answered(t: TestContext, answer: Answer, warnings?: string[]) {
  const { endpoint } = await backend(t, answer);
  return exporterFor(t, { endpoint }, warnings).send(batchOfNames(['a', 'b']), FOREVER);
}

function refuse(code: number, details?: Uint8Array): Answer {
  const metadata = new grpc.Metadata();
  if (details !== undefined) metadata.set('grpc-status-details-bin', Buffer.from(details));
  return (callback) => callback({ code, details: 'no', metadata });
}

function succeed(rejected: number, message: string): Answer {
  const body = Buffer.from(encodePartialSuccess('traces', 'protobuf', rejected, message));
  return (callback) => callback(null, body);
}

test('each signal goes to its service, as its chunks one after the other', async (t) => {
  const { endpoint, received } = await backend(t);
  for (const compression of ['gzip', 'none']) {
    const exporter = exporterFor(t, { endpoint, compression });
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      const batch = batchOfNames(['first', 'second'], signal);
      assert.deepEqual(await exporter.send(batch, FOREVER), { kind: 'accepted' });
      const request = received.pop();
      assert.equal(request?.path, SERVICES[signal]);
      assert.deepEqual(request.body, Buffer.concat(batch.chunks));
    }
  }
});

test('zstd, and snappy in frames, are named as the Collector names them', async (t) => {
  const { Decompressor } = createRequire(import.meta.url)('snappy') as typeof import('snappy');
  let seen: { encoding: unknown; message: Buffer } | undefined;
  const server = http2.createServer();
  server.on('session', (session) => t.after(() => session.destroy()));
  server.on('stream', (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      seen = { encoding: headers['grpc-encoding'], message: Buffer.concat(parts) };
      stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const endpoint = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  const batch = batchOfNames(['first', 'second']);
  const sent = async (compression: string) => {
    await exporterFor(t, { endpoint, compression }).send(batch, FOREVER);
    assert.ok(seen);
    assert.equal(seen.encoding, compression);
    assert.equal(seen.message[0], 1);
    assert.equal(seen.message.readUInt32BE(1), seen.message.length - 5);
    return seen.message.subarray(5);
  };
  assert.deepEqual(zlib.zstdDecompressSync(await sent('zstd')), Buffer.concat(batch.chunks));
  const reader = new Decompressor();
  const frames = reader.update(await sent('snappy'));
  assert.deepEqual(Buffer.concat([frames, await reader.finish()]), Buffer.concat(batch.chunks));
});

test('OTLP-C1: the retryable codes are retried, the others rejected', async (t) => {
  const { endpoint, received } = await backend(t, (callback, code) => refuse(code)(callback, 0));
  const exporter = exporterFor(t, { endpoint });
  const retryable = new Set([1, 4, 10, 11, 14, 15]);
  for (let code = 1; code <= 16; code++) {
    const outcome = await exporter.send(batchOfNames(['a']), FOREVER);
    assert.equal(outcome.kind, retryable.has(code) ? 'retry' : 'rejected', String(code));
  }
  assert.equal(received.length, 16, 'one attempt each');
});

test('OTLP-C1: RESOURCE_EXHAUSTED is retried only with RetryInfo', async (t) => {
  const hint = encodeStatus('protobuf', { code: 8, message: 'full', retryAfterMs: 1500 });
  const retried = await answered(t, refuse(8, hint));
  assert.ok(retried.kind === 'retry' && retried.afterMs === 1500);
  const silent = encodeStatus('protobuf', { code: 8, message: 'full' });
  assert.equal((await answered(t, refuse(8, silent))).kind, 'rejected');
  assert.equal((await answered(t, refuse(8))).kind, 'rejected');
});

test('OTLP-C1: a server that is not there, or goes away, is a retry', async (t) => {
  const server = net.createServer((socket) => socket.on('error', () => {}).destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  assert.equal(
    (await exporterFor(t, { endpoint }).send(batchOfNames(['a']), FOREVER)).kind,
    'retry',
  );
  server.close();
  await once(server, 'close');
  assert.equal(
    (await exporterFor(t, { endpoint }).send(batchOfNames(['a']), FOREVER)).kind,
    'retry',
  );
});

test('OTLP-C3: RetryInfo of UNAVAILABLE is honoured', async (t) => {
  const hint = encodeStatus('protobuf', { code: 14, message: 'full', retryAfterMs: 2500 });
  const outcome = await answered(t, refuse(14, hint));
  assert.deepEqual(outcome, {
    kind: 'retry',
    reason: 'grpc_unavailable',
    message: 'the backend answered UNAVAILABLE (14): no',
    afterMs: 2500,
  });
});

test('OTLP-C4: a partial success is counted, and not a failure', async (t) => {
  assert.deepEqual(await answered(t, succeed(1, 'too old')), {
    kind: 'partial',
    rejected: 1,
    reason: 'backend_rejected',
    message: 'the backend rejected 1 of 2 traces: too old',
  });
});

test('OTLP-C4: a warning without rejected items is logged, and all of it accepted', async (t) => {
  const warnings: string[] = [];
  assert.deepEqual(await answered(t, succeed(0, 'use v2'), warnings), { kind: 'accepted' });
  assert.match(warnings.join(), /use v2/);
});

test('OTLP-C5: an answer over 4 MiB is rejected, not retried', async (t) => {
  const body = Buffer.alloc(4 * 1024 * 1024 + 1);
  const outcome = await answered(t, (callback) => callback(null, body));
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'response_too_large');
});

test('OTLP-C5: a request over 64 MiB is not sent', async (t) => {
  const { endpoint, received } = await backend(t);
  const huge = { ...batchOfNames(['a']), byteLength: 64 * 1024 * 1024 + 1 };
  const outcome = await exporterFor(t, { endpoint }).send(huge, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.fault === 'too_large');
  assert.equal(received.length, 0);
});

test('OTLP-C6: requests run at once, and a slow one holds up no other', async (t) => {
  const held: Callback[] = [];
  const { endpoint } = await backend(t, (callback, count) => {
    if (count === 1) held.push(callback);
    else ok(callback, count);
  });
  const exporter = exporterFor(t, { endpoint });
  const slow = exporter.send(batchOfNames(['slow']), FOREVER);
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const outcome = await exporter.send(batchOfNames(['quick']), FOREVER);
  assert.deepEqual(outcome, { kind: 'accepted' });
  held[0]?.(null, Buffer.alloc(0));
  assert.deepEqual(await slow, { kind: 'accepted' });
});

test('OTLP-C7: the user agent names the program, or what user_agent says', async (t) => {
  const { endpoint, received } = await backend(t);
  await exporterFor(t, { endpoint }).send(batchOfNames(['a']), FOREVER);
  await exporterFor(t, { endpoint, user_agent: 'mine/2' }).send(batchOfNames(['a']), FOREVER);
  const agents = received.map((request) => request.metadata.get('user-agent')[0]);
  assert.deepEqual(agents, ['millrace/1.2.3', 'mine/2']);
});

test('OTLP-C8: an OK whose message cannot be decoded is not retried', async (t) => {
  const garbage = Buffer.from([0x0a, 0xff, 0xff]);
  const outcome = await answered(t, (callback) => callback(null, garbage));
  assert.deepEqual(outcome, { kind: 'accepted' });
});

test('OTLP-C9: stop lets requests under way finish, until its deadline', async (t) => {
  const held: Callback[] = [];
  const { endpoint } = await backend(t, (callback) => held.push(callback));
  const arrived = async (count: number) => {
    while (held.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const patient = exporterFor(t, { endpoint });
  const finished = patient.send(batchOfNames(['a']), FOREVER);
  await arrived(1);
  const stopped = patient.stop(FOREVER);
  held[0]?.(null, Buffer.alloc(0));
  assert.deepEqual(await finished, { kind: 'accepted' });
  await stopped;
  assert.equal((await patient.send(batchOfNames(['a']), FOREVER)).kind, 'retry');
  const hasty = exporterFor(t, { endpoint });
  const cut = hasty.send(batchOfNames(['a']), FOREVER);
  await arrived(2);
  await hasty.stop(AbortSignal.abort());
  assert.equal((await cut).kind, 'retry');
});

test('TEN-9: only the chosen tenant leaves, never metadata of the client', async (t) => {
  const { endpoint, received } = await backend(t);
  const headers = { 'X-Team': 'a', authorization: 'Bearer ours' };
  await exporterFor(t, { endpoint, headers }).send(batchOfNames(['a']), FOREVER);
  const named = { endpoint, headers, tenant_header: 'X-Scope-OrgID' };
  await exporterFor(t, named).send(batchOfNames(['a']), FOREVER);
  assert.deepEqual(received[0]?.metadata.get('x-scope-orgid'), []);
  assert.deepEqual(received[0]?.metadata.get('authorization'), ['Bearer ours']);
  assert.deepEqual(received[0]?.metadata.get('x-team'), ['a']);
  assert.deepEqual(received[1]?.metadata.get('x-scope-orgid'), ['tenant-1']);
});

test('a tenant that no metadata can carry is rejected', async (t) => {
  const { endpoint, received } = await backend(t);
  const exporter = exporterFor(t, { endpoint, tenant_header: 'X-Scope-OrgID' });
  const batch = batchOfNames(['a']);
  const forged = { ...batch, origin: { ...batch.origin, tenant: 'ä\n' } };
  const outcome = await exporter.send(forged, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'invalid_tenant');
  assert.equal(received.length, 0);
});

test('an abort rejects at once', async (t) => {
  const abort = new AbortController();
  const { endpoint } = await backend(t, () => abort.abort(new Error('time is up')));
  const sent = exporterFor(t, { endpoint }).send(batchOfNames(['a']), abort.signal);
  await assert.rejects(sent, { message: 'time is up' });
});

test('the backend is told how long an attempt may take', async (t) => {
  const remaining: number[] = [];
  const server = new grpc.Server();
  const Export = (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: Callback) => {
    remaining.push(Number(call.getDeadline()) - Date.now());
    callback(null, Buffer.alloc(0));
  };
  server.addService({ Export: { path: SERVICES.traces, ...BYTES } }, { Export });
  const bound = promisify(server.bindAsync.bind(server));
  const port = await bound('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
  t.after(() => server.forceShutdown());
  const settings = definition.schema.parse({
    endpoint: `127.0.0.1:${port}`,
    tls: { insecure: true },
  });
  for (const timeoutMs of [undefined, 5000]) {
    const context = { ...exporterContext(), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const exporter = definition.create(settings, context);
    await exporter.send(batchOfNames(['a']), FOREVER);
    await exporter.stop();
  }
  const [unlimited = 0, limited = 0] = remaining;
  assert.equal(unlimited, Infinity);
  assert.ok(limited > 0 && limited <= 5000, `${limited} ms`);
});
