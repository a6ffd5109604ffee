import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { test } from 'node:test';
import type { HttpHead, HttpLimits, HttpReply } from './http.ts';
import { HttpServer } from './http-server.ts';

const LIMITS: HttpLimits = {
  readHeaderTimeoutMs: 0,
  readTimeoutMs: 0,
  writeTimeoutMs: 0,
  idleTimeoutMs: 0,
  maxHeaderBytes: 1000,
  keepAlives: true,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 0,
};

interface Echo extends AsyncDisposable {
  readonly server: HttpServer;
  readonly heads: HttpHead[];
  readonly bodies: string[];
  readonly lost: string[];
  /** Holds answers back until called. */
  release: () => void;
}

/** A server that answers with the body it got; `/refuse` is refused by its head. */
async function echo(limits: Partial<HttpLimits> = {}, hold = false): Promise<Echo> {
  const held = Promise.withResolvers<void>();
  if (!hold) held.resolve();
  const seen: Pick<Echo, 'heads' | 'bodies' | 'lost'> = { heads: [], bodies: [], lost: [] };
  const server = new HttpServer({
    listen: { address: '127.0.0.1:0', transport: 'tcp', reusePort: false },
    limits: { ...LIMITS, ...limits },
    failed: () => seen.lost.push('bug'),
    handler: (head) => {
      seen.heads.push(head);
      if (head.path === '/refuse') return { status: 429 };
      if (head.path === '/throw') throw new Error('handler');
      return {
        maxBytes: 100_000,
        grow: (bytes): HttpReply | undefined => (bytes > 50_000 ? { status: 503 } : undefined),
        complete: async (body) => {
          await held.promise;
          seen.bodies.push(Buffer.from(body).toString());
          return { status: 200, body };
        },
        abandoned: (why) => void seen.lost.push(why),
      };
    },
  });
  await server.start();
  return {
    ...seen,
    server,
    release: () => held.resolve(),
    [Symbol.asyncDispose]: () => server.stop(AbortSignal.abort()),
  };
}

function connect(to: Echo): Socket {
  return net.connect({ port: to.server.port, host: '127.0.0.1', allowHalfOpen: true });
}

/** Sends pieces, each its own packet, and answers all that comes until the server closes. */
async function talk(to: Echo, ...pieces: string[]): Promise<string> {
  const socket = connect(to);
  socket.setNoDelay(true);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
  socket.end();
  await once(socket, 'close');
  return text;
}

const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));

const post = (body: string, more = '') =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';

test('a request in one piece, in single bytes and pipelined is answered the same', async () => {
  await using to = await echo();
  assert.match(await talk(to, post('abc')), /200 OK[^]*\r\n\r\nabc$/);
  assert.match(await talk(to, ...Array.from(post('abc'))), /200 OK[^]*\r\n\r\nabc$/);
  const both = await talk(to, post('first') + post('second') + post(''));
  assert.deepEqual(statuses(both), [200, 200, 200]);
  assert.deepEqual(to.bodies, ['abc', 'abc', 'first', 'second', '']);
});

test('a chunked body is joined, whatever its pieces, extensions and trailers', async () => {
  await using to = await echo();
  const body = '5;a=b\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n';
  await talk(to, CHUNKED + body + post('next'));
  await talk(to, ...Array.from(CHUNKED + body));
  assert.deepEqual(to.bodies, ['hello 0123456789', 'next', 'hello 0123456789']);
});

test('what two parsers could read differently is refused with 400 and the connection closed', async () => {
  await using to = await echo();
  const f = async (head: string, status = 400) => {
    const text = await talk(to, `${head}\r\n\r\n`);
    assert.deepEqual(statuses(text), [status], head);
    assert.match(text, /connection: close/);
  };
  const start = 'POST / HTTP/1.1\r\nHost: x\r\n';
  await f(`${start}Content-Length: 3\r\nTransfer-Encoding: chunked`);
  await f(`${start}Content-Length: 3\r\nContent-Length: 4`);
  await f(`${start}Content-Length: 3, 3`);
  await f(`${start}Content-Length: +3`);
  await f(`${start}Content-Length: -1`);
  await f(`${start}Content-Length: 0x3`);
  await f(`${start}Transfer-Encoding: gzip, chunked`, 501);
  await f(`${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked`, 501);
  await f(`${start}Content-Length : 3`);
  await f(`${start}X: a\r\n folded`);
  await f(`${start}X: a\rb`);
  await f(`${start}X: a\nContent-Length: 3`);
  await f(`${start}X: \0`);
  await f(`${start}: novalue`);
  await f('POST / HTTP/1.1\r\nX: nohost');
  await f('POST / HTTP/1.1\r\nHost: a\r\nHost: b');
  await f('POST /a b HTTP/1.1\r\nHost: x');
  await f('POST / HTTP/2.0\r\nHost: x');
  await f('POST example HTTP/1.1\r\nHost: x');
  await f('garbage');
  await f(`${start}Expect: a-miracle`, 417);
  assert.deepEqual(to.heads, []);
});

test('malformed chunks are refused with 400', async () => {
  await using to = await echo();
  for (const bad of [
    'x\r\n',
    '-1\r\n',
    '5\r\nhelloXX0\r\n\r\n',
    '5\nhello\r\n',
    '123456789\r\n',
    '0'.repeat(2000),
  ]) {
    assert.deepEqual(statuses(await talk(to, CHUNKED + bad)), [400], bad);
  }
  assert.deepEqual(to.bodies, []);
  assert.deepEqual(
    to.lost,
    Array.from({ length: 6 }, () => 'malformed'),
  );
});

test('a head over the limit is 431, also when it never ends', async () => {
  await using to = await echo();
  const large = `X: ${'a'.repeat(2000)}`;
  assert.deepEqual(statuses(await talk(to, `POST / HTTP/1.1\r\n${large}\r\n\r\n`)), [431]);
  assert.deepEqual(statuses(await talk(to, `POST / HTTP/1.1\r\n${large}`)), [431]);
});

test('a body over the limit is 413: before it is read when announced, while it grows when not', async () => {
  await using to = await echo();
  const announced = await talk(to, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n');
  assert.deepEqual(statuses(announced), [413]);
  const refusedGrowth = await talk(
    to,
    CHUNKED,
    `${(60_000).toString(16)}\r\n${'a'.repeat(60_000)}\r\n0\r\n\r\n`,
  );
  assert.deepEqual(statuses(refusedGrowth), [503]);
  const grown = await talk(
    to,
    CHUNKED,
    `${(160_000).toString(16)}\r\n${'a'.repeat(160_000)}\r\n0\r\n\r\n`,
  );
  assert.deepEqual(statuses(grown).length, 1);
  assert.deepEqual(to.bodies, []);
});

test('a refusal by the head keeps the connection, and the body that follows is skipped', async () => {
  await using to = await echo();
  const refused = 'POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
  assert.deepEqual(statuses(await talk(to, refused + post('next'))), [429, 200]);
  const chunked = CHUNKED.replace('/ ', '/refuse ');
  assert.deepEqual(
    statuses(await talk(to, chunked, '5\r\nhel', `lo\r\n0\r\n\r\n${post('after')}`)),
    [429, 200],
  );
  assert.deepEqual(to.bodies, ['next', 'after']);
});

test('100-continue is sent only when the request is admitted', async () => {
  await using to = await echo();
  const admitted = await talk(
    to,
    post('', 'Expect: 100-continue\r\n').replace('h: 0', 'h: 2'),
    'hi',
  );
  assert.deepEqual(statuses(admitted), [100, 200]);
  const refused =
    'POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
  assert.deepEqual(statuses(await talk(to, refused)), [429]);
});

test('HTTP/1.0 is answered and closed, unless it asks to stay', async () => {
  await using to = await echo();
  const head = 'POST / HTTP/1.0\r\nContent-Length: 1\r\n';
  assert.match(await talk(to, `${head}\r\na`), /connection: close/);
  assert.match(await talk(to, `${head}Connection: keep-alive\r\n\r\na`), /connection: keep-alive/);
});

test('connection: close is obeyed, and said where keep-alive is switched off', async () => {
  await using to = await echo();
  const closing = await talk(to, post('a', 'Connection: TE, close\r\n') + post('b'));
  assert.deepEqual(statuses(closing), [200]);
  await using without = await echo({ keepAlives: false });
  assert.match(await talk(without, post('a')), /connection: close/);
});

test('a handler that throws costs one request', async () => {
  await using to = await echo();
  assert.deepEqual(statuses(await talk(to, post('a').replace('/ ', '/throw '))), [500]);
  assert.deepEqual(statuses(await talk(to, post('a'))), [200]);
  assert.deepEqual(to.lost, ['bug']);
});

test('a client that half-closes still gets its answer', async () => {
  await using to = await echo({}, true);
  const text = talk(to, post('abc'));
  while (to.heads.length === 0) await new Promise(setImmediate);
  to.release();
  assert.deepEqual(statuses(await text), [200]);
});

/** Resolves with what the server said when it closes a connection that sent `text`. */
async function untilCut(to: Echo, text: string): Promise<string> {
  const socket = connect(to);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.write(text);
  socket.on('error', () => {});
  await once(socket, 'end');
  socket.destroy();
  return answer;
}

test('slow heads, slow bodies and idle connections are cut', async () => {
  await using slowHead = await echo({ readHeaderTimeoutMs: 60 });
  assert.deepEqual(statuses(await untilCut(slowHead, 'POST / HT')), [408]);
  assert.equal(await untilCut(slowHead, 'P'), '');
  await using slowBody = await echo({ readTimeoutMs: 60 });
  assert.deepEqual(statuses(await untilCut(slowBody, post('abc').slice(0, -1))), [408]);
  assert.deepEqual(slowBody.lost, ['gone']);
  await using idle = await echo({ idleTimeoutMs: 60 });
  assert.deepEqual(statuses(await untilCut(idle, post('abc'))), [200]);
});

test('a connection past its age is closed with its answer, or while idle', async () => {
  await using to = await echo({ maxConnectionAgeMs: 80 });
  assert.deepEqual(statuses(await untilCut(to, post('a'))), [200]);
});

test('stop answers what is in hand, closes what is idle and takes no more', async () => {
  const to = await echo({}, true);
  const idle = connect(to);
  idle.write('PO');
  const busy = talk(to, post('abc'));
  while (to.heads.length === 0) await new Promise(setImmediate);
  const stopped = to.server.stop(AbortSignal.timeout(5000));
  to.release();
  const text = await busy;
  assert.deepEqual(statuses(text), [200]);
  idle.destroy();
  await stopped;
  const late = net.connect(to.server.port || 1, '127.0.0.1');
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

test('stop cuts what is left when its deadline aborts', async () => {
  const to = await echo({}, true);
  const busy = talk(to, post('abc')).catch(() => '');
  while (to.heads.length === 0) await new Promise(setImmediate);
  await to.server.stop(AbortSignal.timeout(50));
  assert.equal(await busy, '');
});
