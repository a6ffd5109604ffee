import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Outcome } from '../contract/outcome.ts';
import { HttpClient, type HttpClientOptions, type HttpResponse } from './http-client.ts';

const FOREVER = new AbortController().signal;

function clientFor(t: TestContext, options?: HttpClientOptions): HttpClient {
  const client = new HttpClient(options);
  t.after(() => client.close());
  return client;
}

async function listen(t: TestContext, server: net.Server, at: object = { port: 0 }) {
  server.listen({ host: '127.0.0.1', ...at });
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** An HTTP server that collects bodies; the answer is the number of the connection. */
async function echo(t: TestContext, handler?: http.RequestListener) {
  const bodies: Buffer[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(Buffer.concat(parts));
      if (handler === undefined) response.end(String(sockets.size));
      else handler(request, response);
    });
  });
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  t.after(() => server.closeAllConnections());
  const port = await listen(t, server);
  return { url: `http://127.0.0.1:${port}/v1/traces`, port, bodies, sockets, server };
}

/** A server that speaks bytes: `reply` is written when a whole request of no body was read. */
async function raw(t: TestContext, reply: (socket: net.Socket, count: number) => void) {
  let count = 0;
  const server = net.createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (bytes.includes('\r\n\r\n')) reply(socket, ++count);
    });
  });
  return `http://127.0.0.1:${await listen(t, server)}/`;
}

function post(client: HttpClient, url: string, chunks: readonly string[] = [], signal = FOREVER) {
  const bytes = chunks.map((chunk) => Buffer.from(chunk));
  const byteLength = bytes.reduce((sum, chunk) => sum + chunk.length, 0);
  return client.post(client.endpoint(url, {}), { chunks: bytes, byteLength }, signal);
}

function response(reply: HttpResponse | Outcome): HttpResponse {
  assert.ok(!('kind' in reply), JSON.stringify(reply));
  return reply;
}

function outcome(reply: HttpResponse | Outcome): Outcome {
  assert.ok('kind' in reply, JSON.stringify(reply));
  return reply;
}

test('the chunks of a request arrive as one body, in order', async (t) => {
  const server = await echo(t);
  await post(clientFor(t), server.url, ['ab', 'c', '', 'def']);
  assert.equal(server.bodies[0]?.toString(), 'abcdef');
});

test('a large body of many chunks arrives whole', async (t) => {
  const server = await echo(t);
  const chunks = Array.from({ length: 1500 }, (_, at) => `${at} `.repeat(500));
  await post(clientFor(t), server.url, chunks);
  assert.equal(server.bodies[0]?.toString(), chunks.join(''));
});

test('requests in sequence share one connection, and concurrent ones get their own', async (t) => {
  const server = await echo(t);
  const client = clientFor(t);
  for (let i = 0; i < 3; i++) await post(client, server.url, ['x']);
  assert.equal(server.sockets.size, 1);
  await Promise.all([post(client, server.url), post(client, server.url)]);
  assert.equal(server.sockets.size, 2);
});

test('max_conns_per_host makes the others wait their turn', async (t) => {
  const server = await echo(t);
  const client = clientFor(t, { maxConnsPerHost: 2 });
  const replies = await Promise.all(Array.from({ length: 9 }, () => post(client, server.url)));
  for (const reply of replies) assert.equal(response(reply).status, 200);
  assert.equal(server.sockets.size, 2);
});

test('waiting for a connection ends with the signal', async (t) => {
  const url = await raw(t, () => {});
  const client = clientFor(t, { maxConnsPerHost: 1 });
  const first = new AbortController();
  const second = new AbortController();
  const held = post(client, url, [], first.signal);
  const waiting = post(client, url, [], second.signal);
  second.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
  first.abort(new Error('stop'));
  await assert.rejects(held, { message: 'stop' });
});

test('without keep-alive each request has a connection', async (t) => {
  const server = await echo(t);
  const client = clientFor(t, { keepAlive: false });
  await post(client, server.url);
  await post(client, server.url);
  assert.equal(server.sockets.size, 2);
});

test('an idle connection is closed at its age', async (t) => {
  const server = await echo(t);
  const client = clientFor(t, { idleConnTimeoutMs: 20 });
  await post(client, server.url);
  const [socket] = server.sockets;
  assert.ok(socket);
  await once(socket, 'close');
});

test('a kept connection that the server closed is replaced without a failure', async (t) => {
  const server = await echo(t);
  const client = clientFor(t);
  await post(client, server.url);
  server.server.closeIdleConnections();
  assert.equal(response(await post(client, server.url)).status, 200);
});

test('a kept connection that dies on the next request is replaced once', async (t) => {
  const url = await raw(t, (socket, count) => {
    if (count === 2) socket.resetAndDestroy();
    else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  const client = clientFor(t);
  await post(client, url);
  assert.equal(response(await post(client, url)).status, 200);
});

test('a dead connection is replaced while others wait for the only place', async (t) => {
  const url = await raw(t, (socket, count) => {
    if (count === 2) socket.resetAndDestroy();
    else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  const client = clientFor(t, { maxConnsPerHost: 1 });
  await post(client, url);
  const replies = await Promise.all([post(client, url), post(client, url), post(client, url)]);
  for (const reply of replies) assert.equal(response(reply).status, 200);
});

test('a refused connection is a retry', async (t) => {
  const server = net.createServer();
  const port = await listen(t, server);
  server.close();
  await once(server, 'close');
  const reply = outcome(await post(clientFor(t), `http://127.0.0.1:${port}/`));
  assert.equal(reply.kind, 'retry');
  assert.equal(reply.reason, 'connection_failed');
  assert.match(reply.message, /ECONNREFUSED/);
});

test('a server that hangs up without an answer is a retry', async (t) => {
  const url = await raw(t, (socket) => socket.destroy());
  const reply = outcome(await post(clientFor(t), url));
  assert.equal(reply.kind, 'retry');
  assert.equal(reply.reason, 'connection_lost');
});

test('half an answer is a retry, and is not asked for again', async (t) => {
  let requests = 0;
  const url = await raw(t, (socket) => {
    requests++;
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
  });
  assert.equal(outcome(await post(clientFor(t), url)).kind, 'retry');
  assert.equal(requests, 1);
});

test('an answer that is not HTTP is a retry', async (t) => {
  const url = await raw(t, (socket) => socket.write('hello\r\n\r\n'));
  const reply = outcome(await post(clientFor(t), url));
  assert.equal(reply.kind, 'retry');
  assert.equal(reply.reason, 'bad_response');
});

test('an answer over the limit is rejected and its connection closed', async (t) => {
  const server = await echo(t, (_request, reply) => reply.end('x'.repeat(2000)));
  const client = clientFor(t, { maxResponseBytes: 1000 });
  const reply = outcome(await post(client, server.url));
  assert.equal(reply.kind, 'rejected');
  assert.equal(reply.reason, 'response_too_large');
  await post(client, server.url);
  assert.equal(server.sockets.size, 2);
});

test('an answer that overtakes the body counts, and its connection is not used again', async (t) => {
  let connections = 0;
  const server = net.createServer((socket) => {
    connections++;
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const url = `http://127.0.0.1:${await listen(t, server)}/`;
  const client = clientFor(t);
  const body = ['x'.repeat(8_000_000)];
  assert.equal(response(await post(client, url, body)).status, 413);
  assert.equal(response(await post(client, url, body)).status, 413);
  assert.equal(connections, 2);
});

test('an abort rejects at once with its reason and closes the connection', async (t) => {
  const closed = Promise.withResolvers<void>();
  const abort = new AbortController();
  const url = await raw(t, (socket) => {
    socket.on('close', () => closed.resolve());
    abort.abort(new Error('time is up'));
  });
  await assert.rejects(post(clientFor(t), url, [], abort.signal), { message: 'time is up' });
  await closed.promise;
});

test('an abort before the start contacts nobody', async (t) => {
  const server = await echo(t);
  const signal = AbortSignal.abort(new Error('late'));
  await assert.rejects(post(clientFor(t), server.url, [], signal), { message: 'late' });
  assert.equal(server.sockets.size, 0);
});

test('close ends requests under way as a retry, and later ones too', async (t) => {
  const client = clientFor(t);
  const url = await raw(t, () => client.close());
  assert.equal(outcome(await post(client, url)).kind, 'retry');
  assert.equal(outcome(await post(client, url)).kind, 'retry');
});

test('a unix socket serves as an endpoint', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'http.sock');
  let seen = '';
  const server = http.createServer((request, reply) => {
    seen = `${request.headers.host} ${request.url}`;
    reply.end();
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  assert.equal(response(await post(clientFor(t), `unix://${path}:/v1/logs`)).status, 200);
  assert.equal(seen, 'localhost /v1/logs');
});

test('a proxy is asked to CONNECT, with its credentials', async (t) => {
  const server = await echo(t);
  let asked = '';
  const proxy = http.createServer();
  proxy.on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
    asked = `${request.url} ${request.headers['proxy-authorization']}`;
    const through = net.connect(server.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(through).pipe(socket);
    });
    t.after(() => through.destroy());
  });
  const port = await listen(t, proxy);
  const client = clientFor(t, { proxyUrl: `http://me:s%40cret@127.0.0.1:${port}` });
  assert.equal(response(await post(client, server.url, ['hi'])).status, 200);
  assert.equal(server.bodies[0]?.toString(), 'hi');
  const credentials = Buffer.from('me:s@cret').toString('base64');
  assert.equal(asked, `127.0.0.1:${server.port} Basic ${credentials}`);
});

test('a proxy that refuses is a retry that names it', async (t) => {
  const proxy = http.createServer();
  proxy.on('connect', (_request, socket: net.Socket) => socket.end('HTTP/1.1 403 No\r\n\r\n'));
  const port = await listen(t, proxy);
  const client = clientFor(t, { proxyUrl: `http://127.0.0.1:${port}` });
  const reply = outcome(await post(client, 'http://127.0.0.1:9/'));
  assert.equal(reply.kind, 'retry');
  assert.match(reply.message, /the proxy 127\.0\.0\.1:\d+ answered 403/);
});
