import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority, createCertificate } from '../../test/ends/certificates.ts';
import {
  answer,
  call,
  clientFor,
  FOREVER,
  PATH,
  reply,
  retry,
  serve,
} from '../../test/ends/grpc-calls.ts';
import { ClientTls, clientTlsSettings } from './client-tls.ts';
import type { GrpcClient } from './grpc-client.ts';

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
