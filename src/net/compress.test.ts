import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';

import { crc32c } from './client/crc32c.ts';
import { portableSnappy, snappyFrames } from './codec/snappy-compress.ts';
import { type Codec, compress, isAvailable } from './compress.ts';

const snappyjs = createRequire(import.meta.url)('snappyjs') as {
  uncompress(bytes: Uint8Array): Uint8Array;
};

/** Telemetry-like text in chunks of the given sizes. */
function chunksOf(...sizes: readonly number[]): Uint8Array[] {
  let next = 0;
  return sizes.map((size) => {
    const chunk = new Uint8Array(size);
    for (let i = 0; i < size; i++) chunk[i] = 97 + ((next++ * 7919) % 26);
    return chunk;
  });
}

async function packed(codec: Codec, chunks: readonly Uint8Array[], level?: number) {
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const body = await compress(codec, chunks, byteLength, level);
  const bytes = Buffer.concat(body.chunks);
  assert.equal(body.byteLength, bytes.length);
  return bytes;
}

/** Reads framed snappy by the letter of its description. */
function unframe(bytes: Buffer): Buffer {
  assert.equal(bytes.toString('latin1', 0, 10), '\xff\x06\x00\x00sNaPpY');
  const parts: Buffer[] = [];
  for (let at = 10; at < bytes.length; ) {
    const type = bytes[at];
    const length = bytes.readUIntLE(at + 1, 3);
    const data = bytes.subarray(at + 8, at + 4 + length);
    const plain = type === 0 ? Buffer.from(snappyjs.uncompress(data)) : data;
    const crc = crc32c(plain, 0, plain.length);
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    assert.equal(bytes.readUInt32LE(at + 4), masked);
    assert.ok(plain.length <= 65536);
    parts.push(plain);
    at += 4 + length;
  }
  return Buffer.concat(parts);
}

const DECODERS: Partial<Record<Codec, (bytes: Buffer) => Buffer>> = {
  none: (bytes) => bytes,
  gzip: (bytes) => zlib.gunzipSync(bytes),
  zlib: (bytes) => zlib.inflateSync(bytes),
  deflate: (bytes) => zlib.inflateSync(bytes),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes),
  snappy: (bytes) => Buffer.from(snappyjs.uncompress(bytes)),
  snappy_framed: unframe,
};

const LAYOUTS = [
  [0],
  [1],
  [4000],
  [300_000],
  [10, 0, 70_000, 70_000, 5],
  Array.from({ length: 16 }, () => 200_000),
  Array.from({ length: 400 }, () => 3000),
  [1_000_000, 20, 30, 1_000_000, 1],
];

for (const [codec, decode] of Object.entries(DECODERS)) {
  test(`${codec} gives back what went in, however it was cut`, async () => {
    for (const sizes of LAYOUTS) {
      const chunks = chunksOf(...sizes);
      const bytes = await packed(codec as Codec, chunks);
      assert.ok(decode(bytes).equals(Buffer.concat(chunks)), `${sizes.length} x ${sizes[0]}`);
    }
  });
}

test('lz4 is a frame with the bytes that went in, where it is installed', async () => {
  if (!isAvailable('lz4')) return;
  const { decompressFrameSync } = await import('lz4-napi');
  for (const sizes of LAYOUTS.slice(1)) {
    const chunks = chunksOf(...sizes);
    const bytes = await packed('lz4', chunks);
    assert.ok(decompressFrameSync(bytes).equals(Buffer.concat(chunks)));
  }
});

test('a large gzip body is one member, for readers that stop at the end of the first', async () => {
  const chunks = chunksOf(...Array.from({ length: 16 }, () => 200_000));
  const bytes = await packed('gzip', chunks);
  const stream = zlib.createInflateRaw();
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  await new Promise((resolve) => stream.on('end', resolve).end(bytes.subarray(10)));
  assert.equal(Buffer.concat(parts).length, 3_200_000);
  assert.equal(stream.bytesWritten, bytes.length - 18);
});

test('large gzip bodies take turns with the event loop and do not mix', async () => {
  let turns = 0;
  const timer = setImmediate(function tick() {
    turns++;
    immediate = setImmediate(tick);
  });
  let immediate = timer;
  const bodies = [chunksOf(...Array.from({ length: 600 }, () => 9000)), chunksOf(6_000_000)];
  const results = await Promise.all(bodies.map((chunks) => packed('gzip', chunks)));
  clearImmediate(immediate);
  assert.ok(turns >= 4, `${turns} turns`);
  for (const [at, bytes] of results.entries()) {
    assert.ok(zlib.gunzipSync(bytes).equals(Buffer.concat(bodies[at] ?? [])));
  }
});

test('a zstd body large enough for the thread pool gives back what went in', async () => {
  const chunks = chunksOf(3_000_000, 3_000_000);
  assert.ok(zlib.zstdDecompressSync(await packed('zstd', chunks)).equals(Buffer.concat(chunks)));
});

test('the level is that of the codec, 0 being the default of 1', async () => {
  const chunks = chunksOf(100_000);
  assert.deepEqual(await packed('gzip', chunks, 0), await packed('gzip', chunks, 1));
  assert.deepEqual(await packed('gzip', chunks), await packed('gzip', chunks, 1));
  assert.notDeepEqual(await packed('gzip', chunks, 9), await packed('gzip', chunks, 1));
});

test('gzip, framed snappy and the portable snappy hold for any bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 }),
      async (chunks) => {
        const joined = Buffer.concat(chunks);
        assert.ok(zlib.gunzipSync(await packed('gzip', chunks)).equals(joined));
        assert.ok(unframe(Buffer.concat(snappyFrames(joined))).equals(joined));
        assert.ok(Buffer.from(snappyjs.uncompress(portableSnappy()(joined))).equals(joined));
      },
    ),
  );
});

test('CRC-32C of the check string is the published one', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa);
});
