import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import snappy from 'snappy';
import { decodeSnappyBlock, snappyPreamble } from './snappy.ts';
import { type SnappyKernel, snappyKernel } from './snappy-kernel.ts';

const snappyjs = createRequire(import.meta.url)('snappyjs') as {
  compress(input: Uint8Array): Uint8Array;
};

function kernel(): SnappyKernel {
  const found = snappyKernel();
  assert(found !== undefined, 'the kernel runs on this machine');
  return found;
}

/** What becomes of a block without the kernel: its content, or undefined when it is not sound. */
function decodePlainly(block: Uint8Array): Buffer | undefined {
  try {
    const { size, start } = snappyPreamble(block);
    const out = new Uint8Array(size);
    decodeSnappyBlock(block, start, out);
    return Buffer.from(out);
  } catch {
    return undefined;
  }
}

function decodeInKernel(block: Uint8Array): Buffer | undefined {
  try {
    const { size, start } = snappyPreamble(block);
    const out = new Uint8Array(size);
    return kernel().decode(block, start, out) ? Buffer.from(out) : undefined;
  } catch {
    return undefined;
  }
}

/** Text that repeats itself near and far, with some that does not. */
const content = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'ab', 'abc', '__name__', 'http_requests_total', 'x'.repeat(100)),
      fc.string({ maxLength: 80 }),
      fc.nat({ max: 3 }).map((times) => 'instance="10.0.0.1:9090",'.repeat(times * 40)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.from(parts.join('')));

test('the kernel decodes what native snappy and snappyjs compress', () => {
  fc.assert(
    fc.property(content, (plain) => {
      for (const block of [snappy.compressSync(plain), snappyjs.compress(plain)]) {
        assert.deepEqual(decodeInKernel(block), plain);
      }
    }),
    { numRuns: 300 },
  );
});

test('the kernel refuses every block that is cut short', () => {
  const plain = Buffer.from('http_requests_total{code="200"} '.repeat(30) + 'tail'.repeat(3));
  const block = snappy.compressSync(plain);
  for (let length = 0; length < block.length; length++) {
    assert.equal(decodeInKernel(block.subarray(0, length)), undefined);
  }
});

test('the kernel takes and refuses the same damaged blocks as the decoder in TypeScript', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(content, changes, fc.nat({ max: 40 }), (plain, edits, cut) => {
      const whole = snappy.compressSync(plain);
      const block = Uint8Array.from(whole.subarray(0, Math.max(1, whole.length - cut)));
      for (const [at, byte] of edits) block[at % block.length] = byte;
      assert.deepEqual(decodeInKernel(block), decodePlainly(block));
    }),
    { numRuns: 1500 },
  );
});

test('lengths and offsets of every size are followed, or refused when they lead nowhere', () => {
  const head = (size: number) => [size & 0x7f, size >> 7].map((byte, at) => byte | (at ? 0 : 128));
  const literal = Array.from({ length: 200 }, (_, at) => at & 255);
  const blocks = [
    [...head(204), 0xf0, 199, ...literal, 0x01, 200],
    [...head(210), 0xf4, 199, 0, ...literal, 0x26, 200, 0],
    [...head(210), 0xf8, 199, 0, 0, ...literal, 0x27, 200, 0, 0, 0],
    [...head(210), 0xfc, 199, 0, 0, 0, ...literal, 0x26, 1, 0],
    [...head(210), 0xfc, 0xff, 0xff, 0xff, 0xff, ...literal, 0x26, 1, 0],
    [...head(210), 0xf0, 199, ...literal, 0x26, 0, 0],
    [...head(210), 0xf0, 199, ...literal, 0x26, 201, 0],
    [...head(210), 0xf0, 199, ...literal, 0x27, 200, 0, 0, 0x80],
    [...head(209), 0xf0, 199, ...literal, 0x26, 200, 0],
  ].map((bytes) => Uint8Array.from(bytes));
  const answers = blocks.map((block) => decodeInKernel(block)?.length);
  assert.deepEqual(answers, [204, 210, 210, 210, ...Array<undefined>(5).fill(undefined)]);
  for (const block of blocks) assert.deepEqual(decodeInKernel(block), decodePlainly(block));
});
