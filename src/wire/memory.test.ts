import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ownBytes,
  releaseAll,
  releaseBytes,
  retainAll,
  retainBytes,
  takeBytes,
  trimMemory,
} from './memory.ts';

test('bytes that nobody holds are used again, the most recently used first', () => {
  const first = takeBytes(100_000);
  const second = takeBytes(100_000);
  releaseBytes(first);
  releaseBytes(second);
  assert.equal(takeBytes(100_001).buffer, second.buffer);
  assert.equal(takeBytes(99_000).buffer, first.buffer);
});

test('bytes go round only when the last holder lets go', () => {
  const bytes = takeBytes(50_000);
  retainBytes(bytes);
  releaseBytes(bytes);
  const other = takeBytes(50_000);
  assert.notEqual(other.buffer, bytes.buffer);
  releaseBytes(bytes);
  assert.equal(takeBytes(50_000).buffer, bytes.buffer);
});

test('a release too many is a bug, and said', () => {
  const bytes = takeBytes(70_000);
  releaseBytes(bytes);
  assert.throws(() => releaseBytes(bytes), /bug: bytes released more often than held/);
});

test('what lies in a kept buffer is not released with the list', () => {
  const bytes = takeBytes(30_000);
  releaseAll([bytes.subarray(10)], [bytes]);
  retainAll([bytes]);
  releaseAll([bytes, bytes]);
  assert.equal(takeBytes(30_000).buffer, bytes.buffer);
});

test('foreign, tiny, huge and transferred bytes are left alone', () => {
  for (const bytes of [ownBytes(5000), takeBytes(1), takeBytes(0), takeBytes(17 * 1024 * 1024)]) {
    retainBytes(bytes);
    releaseBytes(bytes);
    releaseBytes(bytes);
  }
  const sent = takeBytes(20_000);
  structuredClone(sent, { transfer: [sent.buffer] });
  releaseBytes(sent);
  assert.equal(takeBytes(20_000).length, 20_000);
});

test('what was not needed between two calls of trim is given back', () => {
  trimMemory();
  trimMemory();
  const bytes = takeBytes(200_000);
  releaseBytes(bytes);
  trimMemory();
  trimMemory();
  assert.notEqual(takeBytes(200_000).buffer, bytes.buffer);
});

test('held bytes never overlap and are as long as asked', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 60 }), (lengths) => {
      const held: Uint8Array<ArrayBuffer>[] = [];
      for (const [index, length] of lengths.entries()) {
        const bytes = takeBytes(length);
        assert.equal(bytes.length, length);
        bytes.fill(index % 251);
        held.push(bytes);
        if (index % 3 === 2) releaseBytes(held.splice(0, 1)[0]!);
        const first = lengths.length > 0 ? index + 1 - held.length : 0;
        for (const [at, kept] of held.entries()) {
          assert.ok(kept.every((byte) => byte === (first + at) % 251));
        }
      }
      for (const bytes of held) releaseBytes(bytes);
    }),
    { numRuns: 50 },
  );
});
