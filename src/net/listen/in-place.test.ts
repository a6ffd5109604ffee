import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { test } from 'node:test';
import { InPlaceReading, onBytes } from './in-place.ts';

interface Served extends AsyncDisposable {
  readonly sockets: Socket[];
  connect(): Socket;
}

async function serve(
  use: (socket: Socket) => void,
  reading = new InPlaceReading(),
): Promise<Served> {
  const sockets: Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const socket = reading.adopt(accepted);
    socket.on('error', () => {});
    sockets.push(socket);
    use(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    sockets,
    connect: () => net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** Says all that came back once the client sent `pieces` and closed its side. */
async function talk(served: Served, ...pieces: Buffer[]): Promise<Buffer> {
  const socket = served.connect();
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  for (const piece of pieces) socket.write(piece);
  socket.end();
  await once(socket, 'close');
  return Buffer.concat(received);
}

function mirror(socket: Socket): void {
  onBytes(socket, (chunk) => socket.write(Buffer.from(chunk)));
  socket.on('end', () => socket.end());
}

const LARGE = Buffer.alloc(1_000_000, 'telemetry ');

test('an adopted socket says what it was told, its end, and whose it is', async () => {
  await using served = await serve(mirror);
  const answers = await Promise.all([talk(served, LARGE), talk(served, Buffer.from('small'))]);
  assert.ok(answers[0]?.equals(LARGE));
  assert.equal(String(answers[1]), 'small');
  const client = served.connect();
  await once(client, 'connect');
  client.write('x');
  await once(client, 'data');
  assert.equal(served.sockets.at(-1)?.remotePort, client.localPort);
  client.destroy();
});

test('sockets share one buffer, and the reader may change between chunks', async () => {
  const buffers = new Set<ArrayBufferLike>();
  await using served = await serve((socket) => {
    onBytes(socket, (first) => {
      buffers.add(first.buffer);
      socket.write(`first ${String(first)},`);
      onBytes(socket, (next) => socket.end(`then ${String(next)}`));
    });
  });
  for (let round = 0; round < 2; round++) {
    const client = served.connect();
    let text = '';
    client.on('data', (chunk) => (text += String(chunk)));
    client.write('a');
    await once(client, 'data');
    client.end('b');
    await once(client, 'close');
    assert.equal(text, 'first a,then b');
  }
  assert.equal(buffers.size, 1);
});

test('a paused socket reads nothing until it is resumed', async () => {
  let received = 0;
  await using served = await serve((socket) => {
    onBytes(socket, (chunk) => {
      received += chunk.length;
      if (received === 1) socket.pause();
      socket.write('.');
    });
  });
  const client = served.connect();
  client.write('a');
  await once(client, 'data');
  client.write('b');
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(received, 1);
  served.sockets[0]?.resume();
  await once(client, 'data');
  assert.equal(received, 2);
  client.destroy();
});

test('where it cannot be done the socket stays what it is', async () => {
  class Without extends InPlaceReading {
    override adopt(socket: Socket): Socket {
      const handle = (socket as unknown as { _handle: { useUserBuffer?: unknown } })._handle;
      Object.defineProperty(handle, 'useUserBuffer', { value: undefined });
      const adopted = super.adopt(socket);
      assert.equal(adopted, socket);
      return adopted;
    }
  }
  await using served = await serve(mirror, new Without());
  assert.ok((await talk(served, LARGE)).equals(LARGE));
});

test('a client that is gone before it is adopted costs nothing', async () => {
  await using served = await serve(mirror);
  for (let round = 0; round < 20; round++) {
    const client = served.connect();
    client.on('error', () => {});
    client.once('connect', () => client.resetAndDestroy());
    await once(client, 'close');
  }
  assert.equal(String(await talk(served, Buffer.from('next'))), 'next');
});
