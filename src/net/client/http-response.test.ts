import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseError, ResponseReader } from './http-response.ts';

const CHUNKED =
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n' +
  'transfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n00a\r\n0123456789\r\n0\r\ntrailer: 1\r\n\r\n';
const SIZED =
  'HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nA: 1\r\na: 2\r\ncontent-length: 4\r\n\r\nbusy';
const CLOSED = 'HTTP/1.0 200 OK\r\n\r\nuntil the end';

function read(text: string, pieces: readonly number[] = []): ResponseReader | undefined {
  const reader = new ResponseReader(1000);
  let from = 0;
  for (const to of [...pieces, text.length]) {
    reader.push(Buffer.from(text.slice(from, to), 'latin1'));
    from = to;
  }
  return reader.push(Buffer.alloc(0)) || reader.end() ? reader : undefined;
}

test('a response reads the same wherever the network cuts it', () => {
  for (const [text, status, body] of [
    [CHUNKED, 200, 'abc0123456789'],
    [SIZED, 503, 'busy'],
    [CLOSED, 200, 'until the end'],
    ['HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ] as const) {
    for (let first = 0; first <= text.length; first++) {
      const response = read(text, [first])?.take();
      assert.equal(response?.status, status);
      assert.equal(Buffer.from(response.body).toString(), body);
    }
    const bytewise = Array.from({ length: text.length }, (_, at) => at);
    assert.equal(Buffer.from(read(text, bytewise)?.take().body ?? []).toString(), body);
  }
});

test('header names are lower case and repeated ones are joined', () => {
  const response = read(SIZED)?.take();
  assert.equal(response?.headers['retry-after'], '3');
  assert.equal(response.headers['a'], '1, 2');
});

test('a connection is kept exactly when the response ends by itself and says nothing else', () => {
  const kept = (text: string) => {
    const reader = new ResponseReader(1000);
    reader.push(Buffer.from(text));
    return reader.persistent;
  };
  assert.equal(kept(SIZED), true);
  assert.equal(kept(CHUNKED), true);
  assert.equal(kept(CLOSED), false);
  assert.equal(kept('HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n'), false);
  assert.equal(kept('HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n'), false);
  assert.equal(
    kept('HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n'),
    true,
  );
  assert.equal(kept('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200'), false);
});

test('what could be read in two ways is an error', () => {
  for (const text of [
    'SSH-2.0-OpenSSH\r\n\r\n',
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\nname : value\r\n\r\n',
    'HTTP/1.1 200 OK\r\nfolded: 1\r\n and more\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n',
    `HTTP/1.1 200 OK\r\nlong: ${'x'.repeat(70_000)}`,
    `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${'0'.repeat(2000)}`,
  ]) {
    assert.throws(() => read(text), { reason: 'bad_response' }, text.slice(0, 60));
  }
});

test('a response over the limit is refused before it is kept', () => {
  const over = (text: string) =>
    assert.throws(
      () => read(text),
      (error) => error instanceof ResponseError && error.reason === 'response_too_large',
    );
  over('HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n');
  over(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1001)}`);
  over(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n`);
});

test('a reader serves one response after the other', () => {
  const reader = new ResponseReader(1000);
  assert.equal(reader.push(Buffer.from(CHUNKED)), true);
  reader.reset();
  assert.equal(reader.started, false);
  assert.equal(reader.push(Buffer.from(SIZED)), true);
  assert.equal(reader.take().status, 503);
});
