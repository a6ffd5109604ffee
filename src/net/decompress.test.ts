import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import type { Bytes } from '../contract/batch.ts';
import type { Outcome } from '../contract/outcome.ts';
import { crc32c } from './client/crc32c.ts';
import { decodeSnappyBlock, snappyPreamble } from './codec/snappy.ts';
import { decompress, isRefusal } from './decompress.ts';

const TEXT = own(
  Array.from({ length: 9000 }, (_, i) => `span ${(i * 7919) % 1000} of service ${i % 7}`).join(
    '\n',
  ),
);

function own(content: string | Uint8Array): Bytes {
  return new Uint8Array(typeof content === 'string' ? Buffer.from(content) : content);
}

function chunk(type: number, content: Uint8Array): Buffer {
  const header = Buffer.from([type, 0, 0, 0]);
  header.writeUIntLE(content.length, 1, 3);
  return Buffer.concat([header, content]);
}

function framedSnappy(content: Uint8Array): Buffer {
  const chunks = [chunk(0xff, Buffer.from('sNaPpY'))];
  for (let at = 0, n = 0; at < content.length; at += 60_000, n++) {
    const part = content.slice(at, at + 60_000);
    const sum = crc32c(part, 0, part.length);
    const masked = Buffer.alloc(4);
    masked.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
    const packed = n % 2 === 0 ? snappy.compressSync(Buffer.from(part)) : part;
    chunks.push(chunk(n % 2, Buffer.concat([masked, packed])));
  }
  chunks.push(chunk(0xfe, Buffer.alloc(10)));
  return Buffer.concat(chunks);
}

const CODERS: Readonly<Record<string, (content: Bytes) => Uint8Array>> = {
  gzip: (content) => zlib.gzipSync(content),
  zlib: (content) => zlib.deflateSync(content),
  deflate: (content) => zlib.deflateRawSync(content),
  zstd: (content) => zlib.zstdCompressSync(content),
  snappy: (content) => snappy.compressSync(Buffer.from(content)),
  'x-snappy-framed': framedSnappy,
  lz4: (content) => lz4.compressFrameSync(Buffer.from(content)),
};

/** Without the difference, which takes minutes to print for large arrays. */
function assertSame(result: Bytes | Outcome, expected: Bytes, what: string): void {
  assert.ok(!isRefusal(result) && Buffer.from(result).equals(expected), what);
}

interface Guarded {
  readonly result: Bytes | Outcome;
  readonly sizes: readonly number[];
}

async function undo(coding: string, body: Uint8Array, maxBytes = 64 << 20): Promise<Guarded> {
  const sizes: number[] = [];
  const resize = (bytes: number): undefined => void sizes.push(bytes);
  return { result: await decompress(coding, own(body), { maxBytes, resize }), sizes };
}

async function refusalOf(coding: string, body: Uint8Array, maxBytes?: number): Promise<string> {
  const { result } = await undo(coding, body, maxBytes);
  return isRefusal(result) && result.kind === 'rejected' ? result.reason : 'decoded';
}

test('every coding gives back what was compressed, in a buffer of its own', async () => {
  for (const [coding, compress] of Object.entries(CODERS)) {
    for (const content of [TEXT, TEXT.slice(0, 1000), own('x')]) {
      const { result, sizes } = await undo(coding, compress(content));
      assertSame(result, content, coding);
      assert.doesNotThrow(() => structuredClone(result, { transfer: [(result as Bytes).buffer] }));
      assert.ok(Math.max(...sizes) >= content.length, coding);
    }
  }
});

test('OTLP-S20, N-6: every coding stops at the limit, and exactly there', async () => {
  for (const [coding, compress] of Object.entries(CODERS)) {
    const body = compress(TEXT);
    assert.equal(await refusalOf(coding, body, TEXT.length - 1), 'too_large', coding);
    assert.equal(await refusalOf(coding, body, TEXT.length), 'decoded', coding);
  }
});

test('a truncated body is refused at every length', async () => {
  for (const [coding, compress] of Object.entries(CODERS)) {
    const body = compress(TEXT.slice(0, 2000));
    // The framed format ends where a frame ends: a stream of fewer frames is a valid one.
    const ends = coding === 'x-snappy-framed' ? [10, body.length - 14] : [];
    for (let length = 0; length < body.length; length++) {
      if (ends.includes(length)) continue;
      assert.equal(
        await refusalOf(coding, body.subarray(0, length)),
        'corrupt_body',
        `${coding} ${length}`,
      );
    }
  }
});

test('damaged bodies are refused or decoded, and never more than that', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(CODERS)),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (coding, at, flip) => {
        const body = own(CODERS[coding]?.(TEXT.slice(0, 3000)) ?? '');
        const index = at % body.length;
        body[index] = (body[index] ?? 0) ^ flip;
        const { result } = await undo(coding, body, 1 << 20);
        if (isRefusal(result)) assert.equal(result.kind, 'rejected');
      },
    ),
    { numRuns: 500 },
  );
});

test('several members and frames one after the other are all decoded', async () => {
  const [a, b] = [TEXT.slice(0, 70_000), TEXT.slice(70_000)];
  for (const coding of ['gzip', 'zstd', 'lz4'] as const) {
    const parts = [a, b].map((part) => CODERS[coding]?.(part) ?? new Uint8Array(0));
    const { result } = await undo(coding, Buffer.concat(parts));
    assertSame(result, TEXT, coding);
    assert.equal(await refusalOf(coding, Buffer.concat(parts), TEXT.length - 1), 'too_large');
  }
  const skipped = Buffer.concat([
    Buffer.from('502a4d180300000061626300', 'hex').subarray(0, 11),
    zlib.zstdCompressSync(a),
  ]);
  assertSame((await undo('zstd', skipped)).result, a, 'skipped');
});

test('junk behind a body is refused', async () => {
  for (const coding of ['gzip', 'zlib', 'zstd', 'lz4']) {
    const body = Buffer.concat([
      CODERS[coding]?.(TEXT) ?? Buffer.alloc(0),
      Buffer.from('junkjunk'),
    ]);
    assert.equal(await refusalOf(coding, body), 'corrupt_body', coding);
  }
});

test('a bomb is stopped without taking more than was asked for', async () => {
  const zeros = Buffer.alloc(200 << 20);
  const limit = 1 << 20;
  for (const coding of ['gzip', 'deflate', 'zstd', 'lz4']) {
    const body = CODERS[coding]?.(zeros) ?? new Uint8Array(0);
    const { result, sizes } = await undo(coding, body, limit);
    assert.ok(
      isRefusal(result) && result.kind === 'rejected' && result.fault === 'too_large',
      coding,
    );
    assert.ok(Math.max(0, ...sizes) <= limit, coding);
  }
});

test('a gzip trailer that lies costs nothing but itself', async () => {
  const body = Buffer.from(zlib.gzipSync(TEXT));
  body.writeUInt32LE(100, body.length - 4);
  assert.equal(await refusalOf('gzip', body), 'corrupt_body');
  body.writeUInt32LE(0xffff_ffff, body.length - 4);
  assert.equal(await refusalOf('gzip', body, 1 << 20), 'corrupt_body');
});

test('a snappy block that claims more than it can hold is refused before memory is taken', async () => {
  const { result, sizes } = await undo('snappy', Buffer.from('ffffffff0f00', 'hex'), 2 ** 33);
  assert.ok(isRefusal(result) && result.kind === 'rejected' && result.reason === 'corrupt_body');
  assert.deepEqual(sizes, []);
});

test('a refusal of the budgets is passed on, and stops the work', async () => {
  const refusal: Outcome = { kind: 'retry', reason: 'full', message: 'no room' };
  for (const [coding, compress] of Object.entries(CODERS)) {
    const guard = {
      maxBytes: 64 << 20,
      resize: (bytes: number) => (bytes > 100_000 ? refusal : undefined),
    };
    assert.equal(await decompress(coding, own(compress(TEXT)), guard), refusal, coding);
  }
});

test('the portable snappy decoder agrees with the native one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'bc', 'abcabcabc', 'x'.repeat(70), 'y'.repeat(300)), {
        maxLength: 400,
      }),
      (words) => {
        const content = own(words.join(''));
        const block = snappy.compressSync(Buffer.from(content));
        const { size, start } = snappyPreamble(block);
        const out = new Uint8Array(size);
        decodeSnappyBlock(block, start, out);
        assert.deepEqual(out, content);
      },
    ),
    { numRuns: 200 },
  );
});

test('an unknown coding is named in its refusal', async () => {
  assert.equal(await refusalOf('br', own('x')), 'unsupported_encoding');
});
