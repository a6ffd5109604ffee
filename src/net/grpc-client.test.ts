import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority, createCertificate } from '../../test/ends/certificates.ts';
import type { Outcome } from '../contract/outcome.ts';
import { Gate } from './client/gate.ts';
import { ClientTls, clientTlsSettings } from './client-tls.ts';
import { GrpcClient, type GrpcClientOptions, type GrpcReply } from './grpc-client.ts';

const FOREVER = new AbortController().signal;
const PATH = '/test.Service/Method';

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** Answers OK with what `body` says, once the whole message is here. */
function answer(stream: http2.ServerHttp2Stream, body = Buffer.alloc(0), code = '0'): void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
  stream.end(Buffer.concat([prefix, body]));
}

async function serve(t: TestContext, handler: Handler, at: net.ListenOptions = {}) {
  const sessions: http2.ServerHttp2Session[] = [];
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
    t.after(() => session.destroy());
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  server.listen({ host: '127.0.0.1', port: 0, ...at });
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, sessions, server };
}

function clientFor(t: TestContext, port: number, options: Partial<GrpcClientOptions> = {}) {
  const client = new GrpcClient({ host: '127.0.0.1', port, userAgent: 'test/1', ...options });
  t.after(() => client.close());
  return client;
}

function call(client: GrpcClient, text = '', signal = FOREVER) {
  const chunks = text.split('').map((letter) => Buffer.from(letter));
  return client.call({ path: PATH, chunks, byteLength: chunks.length }, signal);
}

function reply(answered: GrpcReply | Outcome): GrpcReply {
  assert.ok(!('kind' in answered), JSON.stringify(answered));
  return answered;
}

function retry(answered: GrpcReply | Outcome): Outcome & { kind: 'retry' } {
  assert.ok('kind' in answered && answered.kind === 'retry', JSON.stringify(answered));
  return answered;
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** A network in front of a server, whose first connection can fall silent. */
async function relay(t: TestContext, to: () => number) {
  const pairs: net.Socket[][] = [];
  const server = net.createServer((socket) => {
    const onward = net.connect(to(), '127.0.0.1');
    pairs.push([socket, onward]);
    for (const end of [socket, onward]) {
      end.on('error', () => {});
      t.after(() => end.destroy());
    }
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const silence = () => {
    for (const end of pairs[0] ?? []) end.unpipe().pause();
  };
  return { port, silence };
}

test('chunks arrive as one prefixed message, with the headers of gRPC', async (t) => {
  let seen: http2.IncomingHttpHeaders = {};
  let message = Buffer.alloc(0);
  const { port } = await serve(t, (stream, headers) => {
    seen = headers;
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      message = Buffer.concat(parts);
      answer(stream, Buffer.from('pong'));
    });
  });
  const client = clientFor(t, port, { metadata: { 'X-Team': 'a' } });
  const chunks = [Buffer.from('ab'), Buffer.from('c')];
  const own = { encoding: 'gzip', metadata: { 'X-Scope-OrgID': 't1' }, timeoutMs: 1500 };
  const got = reply(await client.call({ path: PATH, chunks, byteLength: 3, ...own }, FOREVER));
  assert.deepEqual(got, { code: 0, message: '', body: new Uint8Array(Buffer.from('pong')) });
  assert.equal(message.toString('latin1'), '\x01\0\0\0\x03abc');
  assert.equal(seen[':path'], PATH);
  assert.equal(seen['content-type'], 'application/grpc');
  assert.equal(seen['te'], 'trailers');
  assert.equal(seen['user-agent'], 'test/1');
  assert.equal(seen['grpc-encoding'], 'gzip');
  assert.equal(seen['grpc-timeout'], '1500m');
  assert.equal(seen['x-team'], 'a');
  assert.equal(seen['x-scope-orgid'], 't1');
});

test('calls share one session', async (t) => {
  const { port, sessions } = await serve(t, (stream) => answer(stream));
  const client = clientFor(t, port);
  await Promise.all(Array.from({ length: 20 }, () => call(client, 'x')));
  await call(client);
  assert.equal(sessions.length, 1);
});

test('many large messages at once pass through one session', async (t) => {
  let bytes = 0;
  const { port } = await serve(t, (stream) => {
    stream.on('data', (part: Buffer) => {
      bytes += part.length;
    });
    stream.on('end', () => answer(stream));
  });
  const client = clientFor(t, port);
  const chunks = Array.from({ length: 10 }, () => Buffer.alloc(300_000));
  const replies = await Promise.all(
    Array.from({ length: 30 }, () =>
      client.call({ path: PATH, chunks, byteLength: 3_000_000 }, FOREVER),
    ),
  );
  for (const each of replies) assert.equal(reply(each).code, 0);
  assert.equal(bytes, 30 * 3_000_005);
});

test('a status comes with its message and details, from trailers or from headers alone', async (t) => {
  const status = {
    'grpc-status': '8',
    'grpc-message': 'zu voll: %C3%A4%20%',
    'grpc-status-details-bin': Buffer.from('details').toString('base64').replace(/=+$/, ''),
  };
  let alone = false;
  const { port } = await serve(t, (stream) => {
    const head = { ':status': 200, 'content-type': 'application/grpc+proto' };
    if (alone) return stream.respond({ ...head, ...status }, { endStream: true });
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(status));
    stream.end();
  });
  const client = clientFor(t, port);
  const wanted = {
    code: 8,
    message: 'zu voll: ä %',
    details: new Uint8Array(Buffer.from('details')),
  };
  assert.deepEqual(await call(client), wanted);
  alone = true;
  assert.deepEqual(await call(client), wanted);
});

test('an answer that is not gRPC has the code of its HTTP status', async (t) => {
  let status = 503;
  const { port } = await serve(t, (stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/html' });
    stream.end('<html>');
  });
  const client = clientFor(t, port);
  assert.equal(reply(await call(client)).code, 14);
  status = 404;
  assert.equal(reply(await call(client)).code, 12);
});

test('an answer without any status says nothing of the data and is a retry', async (t) => {
  let reset = true;
  const { port } = await serve(t, (stream) => {
    if (reset) return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end();
  });
  const client = clientFor(t, port);
  assert.equal(retry(await call(client)).reason, 'connection_lost');
  reset = false;
  assert.equal(retry(await call(client)).reason, 'connection_lost');
});

test('an OK whose message cannot be read has no body', async (t) => {
  const { port } = await serve(t, (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([1, 0, 0, 0, 1, 65]));
  });
  assert.deepEqual(await call(clientFor(t, port)), { code: 0, message: '' });
});

test('an answer over the limit is rejected', async (t) => {
  const { port } = await serve(t, (stream) => answer(stream, Buffer.alloc(5000)));
  const client = clientFor(t, port, { maxResponseBytes: 1000 });
  const got = await call(client);
  assert.ok('kind' in got && got.kind === 'rejected');
  assert.equal(got.reason, 'response_too_large');
});

test('after GOAWAY the call under way finishes and the next one has a new session', async (t) => {
  const held: http2.ServerHttp2Stream[] = [];
  const { port, sessions } = await serve(t, (stream) => {
    held.push(stream);
    if (held.length > 1) return answer(stream);
    stream.session?.goaway();
    stream.resume();
  });
  const client = clientFor(t, port);
  const first = call(client, 'first');
  while (held.length === 0) await sleep(1);
  await sleep(20);
  assert.equal(reply(await call(client, 'second')).code, 0);
  assert.ok(held[0]);
  answer(held[0]);
  assert.equal(reply(await first).code, 0);
  assert.equal(sessions.length, 2);
});

test('a call that the server refused to look at is made again', async (t) => {
  let calls = 0;
  const { port } = await serve(t, (stream) => {
    if (++calls === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    else answer(stream);
  });
  assert.equal(reply(await call(clientFor(t, port))).code, 0);
  assert.equal(calls, 2);
});

test('a session that dies makes its calls a retry, and the next call reconnects', async (t) => {
  let die = true;
  const { port, sessions } = await serve(t, (stream) => {
    if (die) stream.session?.socket.destroy();
    else answer(stream);
  });
  const client = clientFor(t, port);
  assert.equal(retry(await call(client)).reason, 'connection_lost');
  die = false;
  assert.equal(reply(await call(client)).code, 0);
  assert.equal(sessions.length, 2);
});

test('without a server calls are a retry, at once and with a time to come back', async (t) => {
  const port = await freePort();
  const client = clientFor(t, port);
  const first = retry(await call(client));
  assert.equal(first.reason, 'connection_failed');
  assert.match(first.message, /cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  const second = retry(await call(client));
  assert.ok((second.afterMs ?? 0) > 0 && (second.afterMs ?? 0) <= 300);
  await serve(t, (stream) => answer(stream), { port });
  await sleep(second.afterMs);
  assert.equal(reply(await call(client)).code, 0);
});

test('wait_for_ready holds a call until there is a server, or its signal aborts', async (t) => {
  const port = await freePort();
  const client = clientFor(t, port, { waitForReady: true });
  const abort = new AbortController();
  const hopeless = call(client, '', abort.signal);
  const patient = call(client);
  await sleep(50);
  abort.abort(new Error('too late'));
  await assert.rejects(hopeless, { message: 'too late' });
  await serve(t, (stream) => answer(stream), { port });
  assert.equal(reply(await patient).code, 0);
});

test('an abort rejects at once and tells the server', async (t) => {
  const abort = new AbortController();
  const closed = Promise.withResolvers<number>();
  const { port } = await serve(t, (stream) => {
    stream.on('close', () => closed.resolve(stream.rstCode));
    abort.abort(new Error('time is up'));
  });
  await assert.rejects(call(clientFor(t, port), 'x', abort.signal), { message: 'time is up' });
  assert.equal(await closed.promise, http2.constants.NGHTTP2_CANCEL);
});

test('a peer that accepts and never speaks ends with the signal', async (t) => {
  const server = net.createServer((socket) => t.after(() => socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const signal = AbortSignal.timeout(30);
  await assert.rejects(call(clientFor(t, port), 'x', signal), { name: 'TimeoutError' });
});

test('a session that fell silent is given up, and the next call has a new one', async (t) => {
  const keepalive = { timeMs: 10_000, timeoutMs: 30, permitWithoutStream: false };
  const network = await relay(t, () => port);
  const { port, sessions } = await serve(t, (stream) => {
    if (sessions.length === 1) network.silence();
    else answer(stream);
  });
  const client = clientFor(t, network.port, { keepalive });
  await assert.rejects(call(client, 'x', AbortSignal.timeout(30)), { name: 'TimeoutError' });
  assert.equal(retry(await call(client)).reason, 'connection_lost');
  assert.equal(reply(await call(client)).code, 0);
});

test('keepalive pings find a dead peer while a call waits', async (t) => {
  const keepalive = { timeMs: 20, timeoutMs: 30, permitWithoutStream: false };
  const network = await relay(t, () => port);
  const { port } = await serve(t, () => network.silence());
  const lost = retry(await call(clientFor(t, network.port, { keepalive }), 'x'));
  assert.match(lost.message, /no ping/);
});

test('an HTTP/1.1 server is a retry with a hint, not a crash', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  assert.equal(retry(await call(clientFor(t, port))).reason, 'connection_failed');
});

test('TLS offers h2 and checks the certificate', async (t) => {
  const authority = createAuthority();
  const server = http2.createSecureServer(createCertificate(authority));
  server.on('stream', (stream) => answer(stream));
  server.on('session', (session) => t.after(() => session.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const trusting = new ClientTls(clientTlsSettings.parse({ ca_pem: authority.cert }));
  assert.equal(reply(await call(clientFor(t, port, { tls: trusting }))).code, 0);
  const strict = new ClientTls(clientTlsSettings.parse({}));
  assert.equal(retry(await call(clientFor(t, port, { tls: strict }))).reason, 'connection_failed');
});

test('a unix socket serves as a target', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'grpc.sock');
  let authority: string | undefined;
  const server = http2.createServer();
  server.on('session', (session) => t.after(() => session.destroy()));
  server.on('stream', (stream, headers) => {
    authority = headers[':authority'];
    answer(stream);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  assert.equal(reply(await call(clientFor(t, 0, { path }))).code, 0);
  assert.equal(authority, 'localhost');
});

test('close ends calls under way as a retry, and later ones too', async (t) => {
  let client: GrpcClient;
  const { port } = await serve(t, () => client.close());
  client = clientFor(t, port);
  assert.equal(retry(await call(client)).reason, 'connection_lost');
  assert.equal(retry(await call(client)).reason, 'connection_failed');
});

test('the gate lets bytes in by order of arrival, and a giant alone', async () => {
  const gate = new Gate(100);
  const order: string[] = [];
  const enter = (name: string, bytes: number, signal = FOREVER) =>
    gate.enter(bytes, signal).then(() => order.push(name));
  await enter('a', 60);
  const abort = new AbortController();
  const giant = enter('giant', 500);
  const hopeless = enter('hopeless', 10, abort.signal);
  const small = enter('small', 10);
  await sleep(0);
  assert.deepEqual(order, ['a']);
  abort.abort(new Error('enough'));
  await assert.rejects(hopeless, { message: 'enough' });
  gate.leave(60);
  await giant;
  assert.deepEqual(order, ['a', 'giant']);
  gate.leave(500);
  await small;
  gate.leave(10);
});
