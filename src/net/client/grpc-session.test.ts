import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  answer,
  call,
  clientFor,
  FOREVER,
  freePort,
  relay,
  reply,
  retry,
  serve,
} from '../../../test/ends/grpc-calls.ts';
import { Gate } from './gate.ts';

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
