import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import zlib from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { decodePartialSuccess } from '../../../formats/otlp/reply/partial-success.ts';
import { decodeStatus } from '../../../formats/otlp/reply/status.ts';
import { type Running, startReceiver } from './fixture.test.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const SPANS = Buffer.from('0a0b120912072a0568656c6c6f', 'hex');

interface Answer {
  readonly error: grpc.ServiceError | undefined;
  readonly body: Buffer | undefined;
}

interface CallOptions {
  readonly path?: string;
  readonly metadata?: grpc.Metadata;
  readonly deadlineMs?: number;
  readonly gzip?: boolean;
}

/** Calls with the stock client, which knows nothing of OTLP either. */
function call(running: Running, message: Buffer, options: CallOptions = {}): Promise<Answer> {
  const { path = EXPORT, metadata = new grpc.Metadata(), deadlineMs = 10_000 } = options;
  const client = new grpc.Client(
    `127.0.0.1:${running.receiver.grpcPort}`,
    grpc.credentials.createInsecure(),
    {
      'grpc.default_compression_algorithm': options.gzip === true ? 2 : 0,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    },
  );
  const { promise, resolve } = Promise.withResolvers<Answer>();
  client.makeUnaryRequest(
    path,
    (value: Buffer) => value,
    (value: Buffer) => value,
    message,
    metadata,
    { deadline: Date.now() + deadlineMs },
    (error, body) => resolve({ error: error ?? undefined, body }),
  );
  return promise.finally(() => client.close());
}

function detailsOf(error: grpc.ServiceError | undefined) {
  const details = error?.metadata.get('grpc-status-details-bin')[0];
  return details instanceof Buffer ? decodeStatus('protobuf', details) : undefined;
}

test('OTLP-S13: Export of the three services is served, profiles are UNIMPLEMENTED', async () => {
  await using running = await startReceiver({ grpc: {} });
  for (const [service, name] of [
    ['trace', 'Trace'],
    ['metrics', 'Metrics'],
    ['logs', 'Logs'],
  ] as const) {
    const path = `/opentelemetry.proto.collector.${service}.v1.${name}Service/Export`;
    const { error } = await call(running, Buffer.alloc(0), { path });
    assert.equal(error, undefined);
  }
  const profiles = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
  const { error } = await call(running, Buffer.alloc(0), { path: profiles });
  assert.equal(error?.code, grpc.status.UNIMPLEMENTED);
});

test('OTLP-S3, S4: an empty gRPC message is answered OK with an empty response', async () => {
  await using running = await startReceiver({ grpc: {} });
  const { error, body } = await call(running, Buffer.alloc(0));
  assert.equal(error, undefined);
  assert.equal(body?.length, 0);
});

test('OTLP-S1: a message arrives as sent, with and without gzip', async () => {
  await using running = await startReceiver({ grpc: {} });
  for (const gzip of [false, true]) {
    const { error } = await call(running, SPANS, { gzip });
    assert.equal(error, undefined);
  }
  assert.deepEqual(
    running.intake.batches.map((batch) => batch.chunks[0]),
    [new Uint8Array(SPANS), new Uint8Array(SPANS)],
  );
  assert.deepEqual(
    running.intake.requests.map((request) => request.encoding),
    ['identity', 'gzip'],
  );
  assert.equal(running.intake.held, 0);
});

test('OTLP-S5: partial success over gRPC carries the count and the reason', async () => {
  await using running = await startReceiver({ grpc: {} });
  running.intake.onConsume = () => ({
    kind: 'partial',
    rejected: 3,
    reason: 'old',
    message: 'too old',
  });
  const { error, body } = await call(running, SPANS);
  assert.equal(error, undefined);
  const partial = decodePartialSuccess('traces', 'protobuf', new Uint8Array(body ?? []));
  assert.deepEqual(partial, { rejected: 3, message: 'too old' });
});

test('OTLP-S14: a message over the limit is RESOURCE_EXHAUSTED without RetryInfo', async () => {
  await using running = await startReceiver({ grpc: { max_recv_msg_size_mib: 1 } });
  for (const gzip of [false, true]) {
    const { error } = await call(running, Buffer.alloc(1024 * 1024 + 1), { gzip });
    assert.equal(error?.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.equal(detailsOf(error)?.retryAfterMs, undefined);
  }
  assert.equal(running.intake.batches.length, 0);
  assert.equal(running.intake.held, 0);
});

test('OTLP-S14: 64 MiB are taken by default, also compressed', async () => {
  await using running = await startReceiver({ grpc: {} });
  const name = Buffer.concat([Buffer.from('120012', 'hex')]);
  const { error } = await call(running, Buffer.concat([name, Buffer.alloc(5_000_000)]));
  // More than the 4 MiB of other servers: it is read, and only then found to be garbage.
  assert.equal(error?.code, grpc.status.INVALID_ARGUMENT);
});

test('OTLP-S16: busy is UNAVAILABLE with RetryInfo, a limit of the tenant RESOURCE_EXHAUSTED with it', async () => {
  await using running = await startReceiver({ grpc: {} });
  const refusal = {
    kind: 'retry',
    reason: 'full',
    message: 'queue is full',
    afterMs: 1500,
  } as const;
  running.intake.onAdmit = refusal;
  const busy = await call(running, SPANS);
  assert.equal(busy.error?.code, grpc.status.UNAVAILABLE);
  assert.equal(busy.error?.details, 'queue is full');
  assert.equal(detailsOf(busy.error)?.retryAfterMs, 1500);
  running.intake.onAdmit = undefined;
  running.intake.onConsume = () => ({ ...refusal, scope: 'tenant' });
  const limited = await call(running, SPANS);
  assert.equal(limited.error?.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.equal(detailsOf(limited.error)?.retryAfterMs, 1500);
});

test('a message that does not fit the budgets is refused before it is read', async () => {
  await using running = await startReceiver({ grpc: {} });
  const sizes: number[] = [];
  running.intake.onResize = (bytes) => {
    sizes.push(bytes);
    return { kind: 'retry', reason: 'full', message: 'no room' };
  };
  const { error } = await call(running, Buffer.alloc(3_000_000));
  assert.equal(error?.code, grpc.status.UNAVAILABLE);
  assert.deepEqual(sizes, [3_000_000]);
  assert.equal(running.intake.held, 0);
});

test('OTLP-S17: garbage and truncated messages are INVALID_ARGUMENT', async () => {
  await using running = await startReceiver({ grpc: {} });
  for (const bad of [Buffer.from('hello'), SPANS.subarray(0, -1)]) {
    const { error } = await call(running, bad);
    assert.equal(error?.code, grpc.status.INVALID_ARGUMENT, error?.message);
  }
});

test('a message in words beyond ASCII survives the status line', async () => {
  await using running = await startReceiver({ grpc: {} });
  running.intake.onConsume = () => ({ kind: 'rejected', reason: 'r', message: '100 % zu groß\n' });
  const { error } = await call(running, SPANS);
  assert.equal(error?.details, '100 % zu groß\n');
});

test('a call whose deadline passes is ended by the server, and its permit given back', async () => {
  await using running = await startReceiver({ grpc: {} });
  const { promise, resolve } = Promise.withResolvers<void>();
  running.intake.onConsume = () => promise.then(() => ({ kind: 'accepted' }) as const);
  const { error } = await call(running, SPANS, { deadlineMs: 100 });
  assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
  resolve();
  await running.intake.until(() => running.intake.held === 0);
});

test('the health check of gRPC is answered SERVING', async () => {
  await using running = await startReceiver({ grpc: {} });
  const { body } = await call(running, Buffer.alloc(0), { path: '/grpc.health.v1.Health/Check' });
  assert.deepEqual(body, Buffer.from([8, 1]));
});

interface Raw {
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** Sends raw bytes as the body of a call. */
async function raw(
  running: Running,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer,
): Promise<Raw> {
  const session = http2.connect(`http://127.0.0.1:${running.receiver.grpcPort}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': EXPORT,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let answer: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (received) => (answer = received));
  stream.on('trailers', (received) => (trailers = received));
  stream.on('error', () => {});
  stream.end(body);
  stream.resume();
  await once(stream, 'close');
  session.destroy();
  return { headers: answer, trailers };
}

function framed(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

test('OTLP-S30: zstd, snappy and the others are undone over gRPC', async () => {
  await using running = await startReceiver({ grpc: {} });
  const bodies: Record<string, Buffer> = {
    zstd: zlib.zstdCompressSync(SPANS),
    deflate: zlib.deflateSync(SPANS),
    snappy: Buffer.concat([Buffer.from([SPANS.length, (SPANS.length - 1) << 2]), SPANS]),
  };
  for (const [encoding, body] of Object.entries(bodies)) {
    const { headers, trailers } = await raw(
      running,
      { 'grpc-encoding': encoding },
      framed(body, 1),
    );
    assert.equal(trailers['grpc-status'] ?? headers['grpc-status'], '0', encoding);
  }
  assert.deepEqual(
    running.intake.batches.map((batch) => batch.items),
    [1, 1, 1],
  );
});

test('an unsupported grpc-encoding is UNIMPLEMENTED and says what is supported', async () => {
  await using running = await startReceiver({ grpc: {} });
  const { headers } = await raw(running, { 'grpc-encoding': 'brotli' }, framed(SPANS, 1));
  assert.equal(headers['grpc-status'], '12');
  assert.match(String(headers['grpc-accept-encoding']), /identity,gzip,zstd/);
});

test('malformed frames end the call with INTERNAL', async () => {
  await using running = await startReceiver({ grpc: {} });
  const f = async (body: Buffer, headers: http2.OutgoingHttpHeaders = {}) => {
    const answer = await raw(running, headers, body);
    assert.equal(answer.headers['grpc-status'], '13');
  };
  await f(Buffer.alloc(0));
  await f(Buffer.from([0, 0, 0]));
  await f(framed(SPANS).subarray(0, -1));
  await f(Buffer.concat([framed(SPANS), framed(SPANS)]));
  await f(framed(SPANS, 1));
  await f(framed(SPANS, 7));
  await f(framed(SPANS), { 'grpc-timeout': 'soon' });
  assert.equal(running.intake.batches.length, 0);
  assert.equal(running.intake.held, 0);
});

test('what is not gRPC is answered in terms of HTTP', async () => {
  await using running = await startReceiver({ grpc: {} });
  const wrongType = await raw(running, { 'content-type': 'text/plain' }, SPANS);
  assert.equal(wrongType.headers[':status'], 415);
  const wrongMethod = await raw(running, { ':method': 'PUT' }, SPANS);
  assert.equal(wrongMethod.headers[':status'], 405);
});

test('a head that is too large is refused and counted', async () => {
  await using running = await startReceiver({ grpc: {} });
  const { headers } = await raw(running, { 'x-large': 'a'.repeat(40_000) }, framed(SPANS));
  assert.equal(headers[':status'], 431);
  const [refusal] = running.intake.refusals;
  assert.deepEqual(
    refusal?.outcome.kind === 'rejected' && refusal.outcome.reason,
    'malformed_http',
  );
});

test('bytes that are not HTTP/2 are counted with a reason', async () => {
  await using running = await startReceiver({ grpc: {} });
  const socket = connect(running.receiver.grpcPort, '127.0.0.1');
  socket.end('GARBAGE '.repeat(10));
  await once(socket.resume(), 'close');
  const reasons = running.intake.refusals.map(
    ({ outcome }) => outcome.kind === 'rejected' && outcome.reason,
  );
  assert.deepEqual(reasons, ['malformed_http']);
});

test('a client that leaves in the middle of a message costs only itself', async () => {
  await using running = await startReceiver({ grpc: {} });
  const session = http2.connect(`http://127.0.0.1:${running.receiver.grpcPort}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': EXPORT,
    'content-type': 'application/grpc',
  });
  stream.on('error', () => {});
  stream.write(framed(SPANS).subarray(0, 8));
  await once(session, 'remoteSettings');
  session.destroy();
  await running.intake.until(() => running.intake.refusals.length === 1);
  assert.equal(running.intake.held, 0);
  assert.equal((await call(running, SPANS)).error, undefined);
});
