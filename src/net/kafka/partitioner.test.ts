import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2 } from '@platformatic/kafka';
import fc from 'fast-check';
import { partitionOf } from './partitioner.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('KAF-5: sarama_compat is FNV-1a, taken as a signed number', () => {
  // Offset basis, and the published test vectors of FNV-1a: "a" 0xe40c292c, "foobar" 0xbf9cf968.
  const signed = (hash: number) => Math.abs((hash | 0) % 7);
  assert.equal(partitionOf(bytes(''), 7, 'sarama_compat'), signed(0x811c9dc5));
  assert.equal(partitionOf(bytes('a'), 7, 'sarama_compat'), signed(0xe40c292c));
  assert.equal(partitionOf(bytes('foobar'), 7, 'sarama_compat'), signed(0xbf9cf968));
});

test('KAF-5: murmur2 is the hash of the Java client, made positive by dropping its sign', () => {
  // Vectors of the Java client's own tests.
  for (const [text, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const) {
    assert.equal(partitionOf(bytes(text), 1000, 'murmur2'), (hash & 0x7fffffff) % 1000, text);
  }
});

test('KAF-5: murmur2 agrees with a library for any key', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 1, max: 100 }),
      (key, count) => {
        const expected = (murmur2(Buffer.from(key)) & 0x7fffffff) % count;
        assert.equal(partitionOf(key, count, 'murmur2'), expected);
      },
    ),
  );
});
