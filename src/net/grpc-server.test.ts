import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import type { GrpcHandler } from './grpc.ts';
import { GrpcServer } from './grpc-server.ts';

interface Served extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly lost: string[];
  readonly bugs: unknown[];
  connect(): http2.ClientHttp2Session;
}

async function serve(handler?: GrpcHandler): Promise<Served> {
  const lost: string[] = [];
  const bugs: unknown[] = [];
  const server = new GrpcServer({
    listen: { address: '127.0.0.1:0', transport: 'tcp', reusePort: false },
    limits: {
      maxConcurrentStreams: 10,
      maxHeaderBytes: 16_384,
      maxIdleMs: 0,
      maxAgeMs: 0,
      maxAgeGraceMs: 0,
      pingAfterMs: 0,
      pingTimeoutMs: 0,
      minPingIntervalMs: 0,
      pingWithoutStream: true,
    },
    encodings: ['gzip'],
    readTimeoutMs: 60,
    failed: (error) => bugs.push(error),
    handler:
      handler ??
      (() => ({
        maxBytes: 1 << 20,
        reserve: () => undefined,
        complete: (body) => Promise.resolve({ code: 0, body }),
        abandoned: (why) => void lost.push(why),
      })),
  });
  await server.start();
  return {
    server,
    lost,
    bugs,
    connect: () => http2.connect(`http://127.0.0.1:${server.port}`),
    [Symbol.asyncDispose]: () => server.stop(AbortSignal.abort()),
  };
}

const HEAD = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc+proto' };

test('a message larger than the window, cut anywhere, comes back as it was', async () => {
  await using served = await serve();
  const session = served.connect();
  const stream = session.request(HEAD);
  const message = Buffer.alloc(700_000, 'telemetry');
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), message]);
  framed.writeUInt32BE(message.length, 1);
  for (const at of [1, 4, 5, 100_001]) stream.write(framed.subarray(at === 1 ? 0 : CUTS[at], at));
  stream.end(framed.subarray(100_001));
  const received: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => received.push(chunk));
  const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders];
  assert.equal(trailers['grpc-status'], '0');
  await once(stream, 'close');
  assert.ok(Buffer.concat(received).equals(framed));
  session.destroy();
});

/** Where the piece that ends at the key begins. */
const CUTS: Readonly<Record<number, number>> = { 4: 1, 5: 4, 100_001: 5 };

test('a message that never becomes whole is given up after a while', async () => {
  await using served = await serve();
  const session = served.connect();
  const stream = session.request(HEAD);
  stream.write(Buffer.from([0, 0, 0, 255, 255, 1, 2, 3]));
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  assert.equal(headers['grpc-status'], '4');
  assert.deepEqual(served.lost, ['gone']);
  stream.close();
  session.destroy();
});

test('a handler that throws ends its call with INTERNAL and the next one is served', async () => {
  await using served = await serve(() => {
    throw new Error('boom');
  });
  const session = served.connect();
  for (let i = 0; i < 2; i++) {
    const stream = session.request(HEAD);
    stream.end();
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    assert.equal(headers['grpc-status'], '13');
  }
  assert.equal(served.bugs.length, 2);
  session.destroy();
});

test('a client that opens and resets streams without end is sent away', async () => {
  await using served = await serve();
  const session = served.connect();
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  const gone = once(session, 'goaway');
  for (let round = 0; round < 40 && !session.destroyed; round++) {
    for (let i = 0; i < 100 && !session.destroyed; i++) {
      const stream = session.request(HEAD);
      stream.on('error', () => {});
      stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    await new Promise(setImmediate);
  }
  await gone;
  session.destroy();
});

test('what is not HTTP/2 costs its sender the connection and nobody else anything', async () => {
  await using served = await serve();
  const socket = net.connect(served.server.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  const session = served.connect();
  await once(session, 'remoteSettings');
  session.destroy();
});
