import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { decodeStatus } from '../../../formats/otlp/reply/status.ts';
import { type Running, startReceiver } from './fixture.test.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

interface Raw {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly message: string | undefined;
}

/** Sends bytes and reads until the server closes the connection. */
async function sendRaw(running: Running, text: string | Buffer): Promise<Raw> {
  const socket = net.connect(running.receiver.httpPort, '127.0.0.1');
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.toString('latin1', 0, end);
  const contentType = /^content-type: (.*)$/im.exec(head)?.[1];
  const format = contentType === PROTOBUF ? 'protobuf' : 'json';
  return {
    status: Number(head.slice(9, 12)),
    contentType,
    message: decodeStatus(format, answer.subarray(end + 4))?.message,
  };
}

test('OTLP-S23: what is not HTTP is answered with a Status in the encoding its head names', async () => {
  await using running = await startReceiver({ http: {} });
  const start = 'POST /v1/traces HTTP/1.1\r\nHost: x\r\n';
  for (const type of [PROTOBUF, JSON_TYPE]) {
    const typed = `${start}Content-Type: ${type}\r\n`;
    const cases: readonly (readonly [text: string, status: number])[] = [
      [`${typed}Content-Length: 2x\r\n\r\n{}`, 400],
      [`${typed}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
      [`${typed}Bad : header\r\n\r\n`, 400],
      [`${typed}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
      [`${typed}Expect: cake\r\nContent-Length: 2\r\n\r\n{}`, 417],
      [`${typed}X-Large: ${'a'.repeat(100_000)}`, 431],
      [`POST /v1/traces HTTP/1.1\r\nContent-Type: ${type}\r\nContent-Length: 2\r\n\r\n{}`, 400],
    ];
    for (const [text, status] of cases) {
      const answer = await sendRaw(running, text);
      assert.equal(answer.status, status, text.slice(0, 120));
      assert.equal(answer.contentType, type);
      assert.ok(answer.message, 'the Status has a message');
    }
    assert.equal(running.intake.refusals.splice(0).length, cases.length);
  }
});

test('OTLP-S23: a request that comes too slowly is told so in its encoding, over HTTP/1 and HTTP/2', async () => {
  await using running = await startReceiver({ http: { read_timeout: '60ms' } });
  const slow = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: ${PROTOBUF}\r\nContent-Length: 9\r\n\r\nabc`;
  const answer = await sendRaw(running, slow);
  assert.deepEqual([answer.status, answer.contentType], [408, PROTOBUF]);
  assert.equal(answer.message, 'the request came too slowly');

  const session = http2.connect(running.url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/traces',
    'content-type': JSON_TYPE,
  });
  stream.write('{');
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  assert.deepEqual([headers[':status'], headers['content-type']], [408, JSON_TYPE]);
  assert.match(body, /the request came too slowly/);
  session.destroy();
  assert.equal(running.intake.held, 0);
});

test('bytes that can never become a request are answered at once, not when the time for a head is over', async () => {
  await using running = await startReceiver({ http: { read_header_timeout: '1h' } });
  const hello = Buffer.from('16030102000100', 'hex');
  const bare = 'POST /v1/traces HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}';
  for (const bytes of [hello, bare, '{"resourceSpans":[]}']) {
    const { status, contentType, message } = await sendRaw(running, bytes);
    assert.deepEqual([status, contentType, message], [400, JSON_TYPE, 'this is not HTTP/1.1']);
  }
});
