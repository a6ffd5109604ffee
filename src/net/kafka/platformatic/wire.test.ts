import { Connection, createAPI, type Reader, Writer } from '@platformatic/kafka';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { type Api, type Question, wireOf } from './wire.ts';

/** A request as it came: behind its length. */
type Answer = (request: Buffer, socket: Socket) => void;

const CLIENT = 'test';
/** Length, key, version, correlation id, the name of the client behind its length, no tags. */
const HEAD_BYTES = 4 + 2 + 2 + 4 + 2 + CLIENT.length + 1;
const ID_AT = 8;

/** Reads what the broker below answers: the request's own payload. */
const ECHO: Api<Buffer> = {
  key: 0,
  version: 9,
  compact: true,
  parse: (_id, _key, _version, reader) => Buffer.from(reader.readBytes()),
};

function question(payload: Buffer, more: Partial<Question> = {}): Question {
  const writer = Writer.create().appendBytes(payload);
  return { clientId: CLIENT, payload: writer, timeoutMs: 5000, silent: false, ...more };
}

/** A connection of the library to something that answers whole requests with `answer`. */
async function connected(t: TestContext, answer: Answer): Promise<Connection> {
  const server = createServer((socket) => {
    let read = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      read = Buffer.concat([read, piece]);
      while (read.length >= 4 && read.length >= 4 + read.readInt32BE(0)) {
        const end = 4 + read.readInt32BE(0);
        answer(read.subarray(0, end), socket);
        read = read.subarray(end);
      }
    });
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const connection = new Connection(CLIENT, {});
  connection.on('error', () => undefined);
  await connection.connect('127.0.0.1', (server.address() as AddressInfo).port);
  t.after(() => connection.close());
  return connection;
}

/** The payload again, behind the id of the request and no tags. */
function echoOf(request: Buffer): Buffer {
  const echo = Buffer.concat([Buffer.alloc(9), request.subarray(HEAD_BYTES)]);
  echo.writeInt32BE(echo.length - 4, 0);
  request.copy(echo, 4, ID_AT, ID_AT + 4);
  return echo;
}

const echo: Answer = (request, socket) => void socket.write(echoOf(request));

function filled(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31) % 251));
}

test('requests arrive as they are, and answers as well, whatever their size', async (t) => {
  const wire = wireOf(await connected(t, echo));
  for (const length of [1, 4095, 4096, 300_000, 2_000_000]) {
    const payload = filled(length);
    assert.ok((await wire.ask(ECHO, question(payload)))?.equals(payload), String(length));
  }
});

test('answers are told apart however the socket cuts them', async (t) => {
  const answers: Buffer[] = [];
  const wire = wireOf(
    await connected(t, (request, socket) => {
      answers.push(echoOf(request));
      if (answers.length < 3) return;
      const all = Buffer.concat(answers);
      const cuts = [1, 3, 5, 2, 40, 1, 7];
      void (async () => {
        socket.setNoDelay(true);
        for (let at = 0, turn = 0; at < all.length; turn++) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          await new Promise((written) => socket.write(all.subarray(at, end), written));
          at = end;
        }
      })();
    }),
  );
  const payloads = [filled(10), filled(120), filled(1)];
  const echoes = await Promise.all(payloads.map((payload) => wire.ask(ECHO, question(payload))));
  assert.deepEqual(echoes, payloads);
});

test('the library goes on asking on the same connection', async (t) => {
  const connection = await connected(t, echo);
  const wire = wireOf(connection);
  const ask = createAPI(
    3,
    9,
    (payload: Buffer) => Writer.create().appendBytes(payload),
    (_id: number, _key: number, _version: number, reader: Reader) => reader.readBytes(),
  ).async;
  const [own, theirs, last] = await Promise.all([
    wire.ask(ECHO, question(filled(100_000))),
    ask(connection, filled(20)),
    wire.ask(ECHO, question(filled(30))),
  ]);
  assert.ok(own?.equals(filled(100_000)));
  assert.deepEqual(Buffer.from(theirs), filled(20));
  assert.ok(last?.equals(filled(30)));
});

test('what the broker does not answer is done once it is written', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = wireOf(await connected(t, resolve));
  assert.equal(await wire.ask(ECHO, question(filled(50_000), { silent: true })), undefined);
  assert.equal((await promise).length, HEAD_BYTES + 3 + 50_000);
});

test('an answer that takes too long ends the connection, and all that waits on it', async (t) => {
  const connection = await connected(t, () => undefined);
  const wire = wireOf(connection);
  const late = wire.ask(ECHO, question(filled(10), { timeoutMs: 50 }));
  const other = wire.ask(ECHO, question(filled(10)));
  await assert.rejects(late, /timed out/);
  await assert.rejects(other, /closed/);
  await assert.rejects(wire.ask(ECHO, question(filled(10))), /closed/);
});

test('an answer that claims to be huge takes no memory, and is left to the library', async (t) => {
  const connection = await connected(t, (_request, socket) => {
    socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4]));
    socket.end();
  });
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(wireOf(connection).ask(ECHO, question(filled(10))), /closed/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
});
