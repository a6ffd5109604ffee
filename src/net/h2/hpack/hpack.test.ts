import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { Http2Connections } from '../connections.ts';
import { LIMITS } from '../fixture.test.ts';
import type { Stream } from '../stream.ts';
import { HeaderDecoder } from './decoder.ts';
import { encodeHeaders } from './encoder.ts';
import { decodeHuffman, maxDecodedLength } from './huffman.ts';

/** Answers with the headers it was sent. */
function mirror(stream: Stream): void {
  const fields: [string, string][] = [[':status', '200']];
  for (const name of stream.head.names) fields.push([name, stream.head.values(name)[0] ?? '']);
  stream.answer(encodeHeaders(fields));
}

async function serve(): Promise<AsyncDisposable & { readonly session: http2.ClientHttp2Session }> {
  const connections = new Http2Connections({
    limits: { ...LIMITS, maxHeaderBytes: 60_000 },
    readTimeoutMs: 0,
    open: mirror,
    failed: (error) => assert.fail(String(error)),
  });
  const server = net.createServer((socket) => connections.accept(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const session = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`, {
    settings: { maxHeaderListSize: 100_000 },
  });
  return {
    session,
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      await once(server.close(), 'close');
    },
  };
}

const character = fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f);
const value = fc
  .array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0x61, max: 0x7a }) }, character), {
    maxLength: 60,
  })
  .map((codes) => String.fromCharCode(...codes));
const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom('user-agent', 'accept', 'x-tenant', 'content-type', 'grpc-timeout'),
    fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,40}$/),
  ),
  value,
  { maxKeys: 20 },
);

test('headers sent by node:http2 and sent back by us are the same', async () => {
  await using peer = await serve();
  await fc.assert(
    fc.asyncProperty(headers, fc.boolean(), async (sent, secret) => {
      const sensitive = secret ? Object.keys(sent) : [];
      const stream = peer.session.request({
        ':method': 'GET',
        ...sent,
        [http2.sensitiveHeaders]: sensitive,
      });
      const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      for (const [name, text] of Object.entries(sent)) assert.equal(received[name], text, name);
      stream.close();
    }),
    { numRuns: 400 },
  );
});

test('a long value survives, and so does what follows it', async () => {
  await using peer = await serve();
  for (const length of [1, 126, 127, 128, 4063, 4064, 5000, 50_000, 10]) {
    const stream = peer.session.request({ ':method': 'GET', x: '~'.repeat(length), y: 'same' });
    const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    assert.equal(String(received['x']).length, length);
    assert.equal(received['y'], 'same');
    stream.close();
  }
});

const WHOLE = { maxBytes: 10_000, maxFields: 100 };

test('what the encoder writes, the decoder reads', () => {
  const field = fc.tuple(fc.constantFrom(':path', 'etag', 'x-a', 'X', ''), fc.string());
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const latin1 = fields.map(([name, text]) => [name, text.replace(/[^\0-\xff]/g, '')] as const);
      const block = encodeHeaders(latin1);
      const decoded = new HeaderDecoder().decode(block, { start: 0, end: block.length }, WHOLE);
      assert.deepEqual(
        decoded?.map(({ name, value: text }) => [name, text]),
        latin1,
      );
    }),
  );
});

test('any bytes are a header block or an error of compression', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const block = Buffer.from(bytes);
      try {
        new HeaderDecoder().decode(block, { start: 0, end: block.length }, WHOLE);
      } catch (error) {
        assert.equal((error as { code?: number }).code, 9);
      }
    }),
    { numRuns: 5000 },
  );
});

test('the examples of RFC 7541, appendix C.4 and C.6', () => {
  const decoder = new HeaderDecoder();
  const f = (hex: string, ...expected: string[]) => {
    const block = Buffer.from(hex, 'hex');
    const fields = decoder.decode(block, { start: 0, end: block.length }, WHOLE);
    assert.deepEqual(
      fields?.map(({ name, value: text }) => `${name}: ${text}`),
      expected,
    );
  };
  const start = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
  f('828684418cf1e3c2e5f23a6ba0ab90f4ff', ...start);
  f('828684be5886a8eb10649cbf', ...start, 'cache-control: no-cache');
  f(
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  );
});

test('entries leave the dynamic table oldest first, and one too large empties it', () => {
  const decoder = new HeaderDecoder();
  const add = (name: string, text: string) =>
    decode(Buffer.concat([Buffer.from([0x40, name.length]), Buffer.from(name), long(text)]));
  const long = (text: string) => {
    const block = encodeHeaders([['etag', text]]);
    return block.subarray(2);
  };
  const decode = (block: Buffer) =>
    decoder.decode(block, { start: 0, end: block.length }, WHOLE)?.[0]?.value;
  for (let at = 0; at < 200; at++) add('k', String(at).padStart(31, '0'));
  // 4096 / (1 + 31 + 32) = 64 entries: index 62 is the newest, 125 the oldest.
  assert.equal(Number(decode(Buffer.from([0x80 | 62]))), 199);
  assert.equal(Number(decode(Buffer.from([0x80 | 125]))), 136);
  assert.throws(() => decode(Buffer.from([0x80 | 126])), /no header 126/);
  add('k', 'x'.repeat(5000));
  assert.throws(() => decode(Buffer.from([0x80 | 62])), /no header 62/);
});

test('Huffman strings end in at most seven ones', () => {
  const f = (hex: string, expected: string | undefined) => {
    const bytes = Buffer.from(hex, 'hex');
    const into = Buffer.alloc(maxDecodedLength(bytes.length));
    const length = decodeHuffman(bytes, 0, bytes.length, into);
    assert.equal(length < 0 ? undefined : into.toString('latin1', 0, length), expected);
  };
  f('', '');
  f('1f', 'a');
  f('1c64', 'abc');
  f('1c', undefined);
  f('a8eb10649cbf', 'no-cache');
  f('ff', undefined);
  f('1fff', undefined);
  f('fffffffc', undefined);
});
