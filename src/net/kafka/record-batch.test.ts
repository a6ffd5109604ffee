import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, Reader, readRecordsBatches } from '@platformatic/kafka';
import fc from 'fast-check';
import type { KafkaCompression, OutgoingRecord } from './client.ts';
import { BATCH_OVERHEAD, encodeRecordBatch, releaseBatch, sizeOfRecord } from './record-batch.ts';

const CODECS: readonly KafkaCompression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const CRC_AT = 17;
const CHECKED_FROM = 21;

const bytes = fc.uint8Array({ maxLength: 300 });
const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: fc.option(bytes, { nil: undefined }),
  value: bytes,
  headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 20 }), bytes), {
    maxLength: 4,
  }),
});

test('KAF-13: a batch says to another reader what was put in, with every codec', async () => {
  const records = fc.array(record, { minLength: 1, maxLength: 80 });
  const sequence = { producerId: 7n, producerEpoch: 3, first: 41 };
  const property = fc.asyncProperty(
    records,
    fc.constantFrom(...CODECS),
    async (all, compression) => {
      const options = { compression, timestampMs: 1_700_000_000_123, sequence, crc32c };
      const batch = await encodeRecordBatch(all, options);
      assert.equal(batch.readUInt32BE(CRC_AT), crc32c(batch.subarray(CHECKED_FROM)));
      const [read, ...rest] = readRecordsBatches(Reader.from(Buffer.from(batch)));
      releaseBatch(batch);
      assert.deepEqual(rest, []);
      assert.partialDeepStrictEqual(read, {
        firstTimestamp: 1_700_000_000_123n,
        maxTimestamp: 1_700_000_000_123n,
        lastOffsetDelta: all.length - 1,
        producerId: 7n,
        producerEpoch: 3,
        firstSequence: 41,
      });
      const plain = (value: Uint8Array | null | undefined) =>
        value && Buffer.from(value).toString('hex');
      const said = read?.records.map(({ key, value, headers, offsetDelta }) => [
        offsetDelta,
        plain(key),
        plain(value),
        headers.map(([name, each]) => [String(name ?? ''), plain(each)]),
      ]);
      const put = all.map(({ key, value, headers }, index) => [
        index,
        key === undefined ? null : plain(key),
        plain(value),
        headers.map(([name, each]) => [name, plain(each)]),
      ]);
      assert.deepEqual(said, put);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('no record takes more room than it is said to', async () => {
  const property = fc.asyncProperty(record, async (one) => {
    const batch = await encodeRecordBatch([one], { compression: 'none', timestampMs: 1, crc32c });
    assert.ok(batch.length <= BATCH_OVERHEAD + sizeOfRecord(one));
  });
  await fc.assert(property, { numRuns: 200 });
});
