import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { PageServer, textPage } from './page-server.ts';

async function serving(t: TestContext, address = '127.0.0.1:0') {
  const server = new PageServer({
    address,
    what: 'the test',
    setting: 'nothing',
    page: ({ path }) => (path === '/' ? textPage(200, 'here') : undefined),
  });
  await server.start();
  t.after(() => server.stop());
  return server;
}

/** Sends bytes as they are and reads until the server closes. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let reply = '';
  socket.on('data', (chunk: Buffer) => {
    reply += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return reply;
}

test('bytes that are no HTTP get a 400 and cost nobody else anything', async (t) => {
  const { port } = await serving(t);
  assert.match(await exchange(port, '\u0000\u0001 nonsense\r\n\r\n'), /^HTTP\/1.1 400/);
  const longHeader = `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`;
  assert.match(await exchange(port, longHeader), /^HTTP\/1.1 431/);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

test('an odd target is a page that is not there', async (t) => {
  const { port } = await serving(t);
  for (const target of ['//', '/../../etc/passwd', '/%00', 'http://elsewhere/', '*']) {
    const reply = await exchange(
      port,
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    assert.match(reply, /^HTTP\/1.1 404/, target);
  }
});

test('a request with a body is answered without reading it', async (t) => {
  const { port } = await serving(t);
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc';
  assert.match(await exchange(port, head), /^HTTP\/1.1 405/);
});

test('localhost answers on IPv4', async (t) => {
  const { port } = await serving(t, 'localhost:0');
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

test('stop lets go of idle connections and of the port', async () => {
  const server = new PageServer({
    address: '127.0.0.1:0',
    what: 'the test',
    setting: 'nothing',
    page: () => textPage(200, 'here'),
  });
  await server.start();
  const { port } = server;
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  const closed = once(socket, 'close');
  await server.stop();
  await closed;
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
});
