import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import type { Outcome } from '../../../contract/outcome.ts';
import { createAuthority, createCertificate } from '../../../../test/ends/certificates.ts';
import { type Running, startReceiver } from './fixture.test.ts';

const PROTOBUF = 'application/x-protobuf';
const SPANS = Buffer.from('0a0b120912072a0568656c6c6f', 'hex');
const authority = createAuthority();
const ca = authority.cert;

function directory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'receiver-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function reasonOf(outcome: Outcome): string | undefined {
  return 'reason' in outcome ? outcome.reason : undefined;
}

function answered(request: http.ClientRequest): Promise<number> {
  request.end();
  return once(request, 'response').then(([response]) => {
    const answer = response as http.IncomingMessage;
    answer.resume();
    return answer.statusCode ?? 0;
  });
}

function postTls(running: Running, options: https.RequestOptions): Promise<number> {
  const headers = { 'content-type': PROTOBUF };
  const where = { host: '127.0.0.1', port: running.receiver.httpPort, path: '/v1/traces' };
  return answered(
    https.request({ ...where, method: 'POST', headers, ca, agent: false, ...options }),
  );
}

function postPlain(running: Running): Promise<number> {
  const headers = { 'content-type': PROTOBUF };
  const where = { host: '127.0.0.1', port: running.receiver.httpPort, path: '/v1/traces' };
  return answered(http.request({ ...where, method: 'POST', headers }));
}

test('TLS serves HTTP/1.1 and, by ALPN, HTTP/2', async () => {
  const { cert, key } = createCertificate(authority);
  await using running = await startReceiver({ http: { tls: { cert_pem: cert, key_pem: key } } });
  assert.equal(await postTls(running, {}), 200);
  const session = http2.connect(`https://127.0.0.1:${running.receiver.httpPort}`, { ca });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/traces',
    'content-type': PROTOBUF,
  });
  stream.end();
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  assert.equal(headers[':status'], 200);
  session.destroy();
});

test('with client_ca_file only verified clients get through', async () => {
  using files = directory();
  const clientCa = join(files.path, 'client-ca.pem');
  writeFileSync(clientCa, ca);
  const { cert, key } = createCertificate(authority);
  const section = { tls: { cert_pem: cert, key_pem: key, client_ca_file: clientCa } };
  await using running = await startReceiver({ http: section });
  assert.equal(await postTls(running, createCertificate(authority)), 200);
  await assert.rejects(postTls(running, {}));
  await assert.rejects(postTls(running, createCertificate(createAuthority())));
});

test('changed certificates are served without dropping connections, bad ones are not', async () => {
  using files = directory();
  const paths = { cert: join(files.path, 'cert.pem'), key: join(files.path, 'key.pem') };
  const write = (pair: { cert: string; key: string }) => {
    writeFileSync(paths.cert, pair.cert);
    writeFileSync(paths.key, pair.key);
  };
  const [first, second] = [createCertificate(authority), createCertificate(authority)];
  write(first);
  const section = { cert_file: paths.cert, key_file: paths.key, reload_interval: '20ms' };
  await using running = await startReceiver({ http: { tls: section } });
  const serial = async () => {
    const socket = tls.connect({ port: running.receiver.httpPort, host: '127.0.0.1', ca });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal(await postTls(running, { agent }), 200);
  const before = await serial();
  writeFileSync(paths.cert, 'not a certificate');
  while (!running.logged.some((line) => line.includes('old certificates stay'))) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(await serial(), before);
  write(second);
  while ((await serial()) === before) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await postTls(running, { agent }), 200);
  agent.destroy();
});

test('a unix socket is served over HTTP and gRPC, and a stale one is replaced', async () => {
  using files = directory();
  const path = join(files.path, 'http.sock');
  for (let round = 0; round < 2; round++) {
    await using running = await startReceiver({ http: { endpoint: path, transport: 'unix' } });
    const headers = { 'content-type': PROTOBUF };
    const request = http.request({ socketPath: path, path: '/v1/logs', method: 'POST', headers });
    assert.equal(await answered(request), 200);
    assert.equal(running.intake.requests[0]?.clientAddress, undefined);
  }
});

test('localhost is both loopback addresses', async () => {
  await using running = await startReceiver({ http: { endpoint: 'localhost:0' } });
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
  for (const host of hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
    const headers = { 'content-type': PROTOBUF };
    const where = { host, port: running.receiver.httpPort, path: '/v1/logs' };
    assert.equal(await answered(http.request({ ...where, method: 'POST', headers })), 200);
  }
});

test('an address in use is an error that names it', async () => {
  await using running = await startReceiver({ http: {} });
  const endpoint = `127.0.0.1:${running.receiver.httpPort}`;
  await assert.rejects(
    startReceiver({ http: { endpoint } }),
    new RegExp(`cannot listen on ${endpoint}`),
  );
});

async function grpcSession(running: Running): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${running.receiver.grpcPort}`);
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  return session;
}

test('gRPC connections past their age or idle for too long are told to go', async () => {
  for (const parameters of [{ max_connection_age: '50ms' }, { max_connection_idle: '50ms' }]) {
    const keepalive = { server_parameters: parameters };
    await using running = await startReceiver({ grpc: { keepalive } });
    const session = await grpcSession(running);
    const [code] = (await once(session, 'goaway')) as [number];
    assert.equal(code, http2.constants.NGHTTP2_NO_ERROR);
    await once(session, 'close');
  }
});

test('clients that ping too often are sent away', async () => {
  await using running = await startReceiver({ grpc: {} });
  const session = await grpcSession(running);
  const gone = once(session, 'goaway') as Promise<[number, number, Buffer]>;
  for (let i = 0; i < 6; i++) session.ping(() => {});
  const [code, , reason] = await gone;
  assert.equal(code, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  assert.equal(reason.toString(), 'too_many_pings');
});

test('a silent gRPC client that answers pings stays', async () => {
  const keepalive = { server_parameters: { time: '30ms', timeout: '30ms' } };
  await using running = await startReceiver({ grpc: { keepalive } });
  const session = await grpcSession(running);
  for (let pings = 0; pings < 3; pings++) await once(session, 'ping');
  assert.equal(session.closed, false);
  session.destroy();
});

test('stop lets a gRPC call under way finish', async () => {
  const running = await startReceiver({ grpc: {} });
  const { promise, resolve } = Promise.withResolvers<void>();
  running.intake.onConsume = () => promise.then(() => ({ kind: 'accepted' }) as const);
  const session = await grpcSession(running);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    'content-type': 'application/grpc',
  });
  stream.end(Buffer.from('000000000d0a0b120912072a0568656c6c6f', 'hex'));
  stream.resume();
  while (running.intake.batches.length === 0) await new Promise(setImmediate);
  const stopped = running.receiver.stop(AbortSignal.timeout(5000));
  await once(session, 'goaway');
  resolve();
  const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders];
  assert.equal(trailers['grpc-status'], '0');
  await stopped;
});

test('a client that leaves in the middle of a body costs only itself', async () => {
  await using running = await startReceiver({ http: {} });
  const socket = net.connect(running.receiver.httpPort, '127.0.0.1');
  socket.write(
    `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTOBUF}\r\ncontent-length: 100\r\n\r\nabc`,
  );
  await once(socket, 'connect');
  while (running.intake.held === 0) await new Promise(setImmediate);
  socket.destroy();
  await running.intake.until(() => running.intake.refusals.length === 1);
  assert.equal(running.intake.held, 0);
  assert.equal(await postPlain(running), 200);
});

test('a body that is not chunked as it says is refused in the encoding of the request, and counted once', async () => {
  await using running = await startReceiver({ http: {} });
  const socket = net.connect(running.receiver.httpPort, '127.0.0.1');
  socket.write(
    'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
      'transfer-encoding: chunked\r\n\r\n2\r\n{}\r\nno size\r\n\r\n',
  );
  let answer = '';
  for await (const data of socket) answer += String(data);
  assert.match(answer, /^HTTP\/1.1 400 .*\r\n(?:.*\r\n)*content-type: application\/json\r\n/);
  assert.match(answer, /"message":"the body is not chunked as its head says"/);
  assert.equal(running.intake.held, 0);
  assert.deepEqual(
    running.intake.refusals.map(({ signal, outcome }) => [signal, reasonOf(outcome)]),
    [['traces', 'malformed_http']],
  );
});

test('OTLP-S19: HTTP/2 with prior knowledge is served on the same port', async () => {
  await using running = await startReceiver({ http: {} });
  const session = http2.connect(`http://127.0.0.1:${running.receiver.httpPort}`);
  const send = async (body: Buffer, headers: http2.OutgoingHttpHeaders = {}) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/traces',
      'content-type': PROTOBUF,
      ...headers,
    });
    const answered = once(stream, 'response') as Promise<[http2.IncomingHttpHeaders]>;
    stream.end(body);
    stream.resume();
    const [answer] = await answered;
    return answer;
  };
  assert.equal((await send(SPANS))[':status'], 200);
  assert.equal((await send(Buffer.alloc(0)))[':status'], 200);
  assert.equal((await send(SPANS, { 'content-encoding': 'br' }))[':status'], 415);
  const large = { 'content-length': String(100 * 1024 * 1024) };
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/traces',
    ...large,
    'content-type': PROTOBUF,
  });
  const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  assert.equal(answer[':status'], 413);
  stream.close();
  assert.deepEqual(running.intake.batches[0]?.chunks[0], new Uint8Array(SPANS));
  session.destroy();
});
