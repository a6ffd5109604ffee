import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TracePartition } from '../../src/formats/otlp/partition.ts';
import { SeriesPartition } from '../../src/formats/prometheus/partition.ts';
import { countChunk, SeriesCursor } from '../../src/formats/prometheus/walk.ts';
import { generateRequest } from './otlp-requests.ts';
import { encode1, generateSeries } from './prometheus-requests.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const counts = fc.integer({ min: 1, max: 7 });
const RUNS = { numRuns: 300 };

/** Series by the bytes of their labels, each with its bytes in order. */
function seriesOf(chunks: readonly Uint8Array[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const chunk of chunks) {
    const series = new SeriesCursor().enter(chunk);
    while (series.next()) {
      const key = Buffer.from(chunk.subarray(series.start, series.labelsEnd)).toString('hex');
      const bytes = Buffer.from(chunk.subarray(series.tagStart, series.end)).toString('hex');
      found.set(key, [...(found.get(key) ?? []), bytes]);
    }
  }
  return found;
}

/** Three requests of overlapping series after each other, so that some come several times. */
function chunkOf(seed: number): Uint8Array<ArrayBuffer> {
  const metadata = [{ type: 1, metric_family_name: 'up', help: 'h', unit: 'u' }];
  const parts = [seed, seed + 1, seed].map((of) => encode1(generateSeries(of, true), metadata));
  return new Uint8Array(Buffer.concat(parts));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe('a partition by series', () => {
  it('has every series once, in order, at one place alone, and all items and bytes', () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        const chunk = chunkOf(seed);
        const partition = new SeriesPartition(count, (hash) => (hash >>> 0) % count);
        const shares = partition.divide(chunk, 0);
        assert.equal(shares.length, count);
        const filled = shares.filter((share) => share !== undefined);
        assert.equal(sum(filled.map(({ bytes }) => bytes.length)), chunk.length);
        for (const { bytes, items } of filled) {
          const { samples, histograms } = countChunk(bytes);
          assert.equal(items, samples + histograms);
        }
        const merged = new Map(filled.flatMap(({ bytes }) => [...seriesOf([bytes])]));
        assert.deepEqual(merged, seriesOf([chunk]));
        assert.equal(sum(filled.map(({ bytes }) => seriesOf([bytes]).size)), merged.size);
      }),
      RUNS,
    );
  });

  it('puts a series at the same place whatever it comes with', () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        const partition = new SeriesPartition(count, (hash) => (hash >>> 0) % count);
        const placesOf = (chunk: Uint8Array<ArrayBuffer>) =>
          new Map(
            partition
              .divide(chunk, 0)
              .flatMap((share, place) =>
                [...seriesOf(share === undefined ? [] : [share.bytes]).keys()].map((key) => [
                  key,
                  place,
                ]),
              ),
          );
        const alone = placesOf(encode1(generateSeries(seed, true)));
        const among = placesOf(chunkOf(seed));
        for (const [key, place] of alone) assert.equal(among.get(key), place);
      }),
      RUNS,
    );
  });

  it('copies nothing when everything belongs to one place', () => {
    const chunk = encode1(generateSeries(7, true));
    const [none, all] = new SeriesPartition(2, () => 1).divide(chunk, 1);
    assert.equal(none, undefined);
    assert.equal(all?.bytes, chunk);
  });

  it('leaves what is no series where it is', () => {
    const metadata = [{ type: 1, metric_family_name: 'up', help: 'h', unit: 'u' }];
    const chunk = encode1([], metadata);
    const shares = new SeriesPartition(3, () => 0).divide(chunk, 2);
    assert.deepEqual(shares, [undefined, undefined, { bytes: chunk, items: 0 }]);
  });
});

/** Ids of the traces in a request, one for each span. */
function tracesOf(bytes: Uint8Array<ArrayBuffer>): string[] {
  const ids: string[] = [];
  new TracePartition(1, (request, start, end) => {
    ids.push(Buffer.from(request.subarray(start, end)).toString('hex'));
    return 0;
  }).divide(bytes, 0);
  return ids;
}

describe('a partition by trace', () => {
  it('has every span once, in order, and all of a trace at one place', () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        const request = generateRequest('traces', seed);
        const place = (bytes: Uint8Array, start: number, end: number) =>
          end > start ? bytes[end - 1]! % count : 0;
        const shares = new TracePartition(count, place).divide(request, count - 1);
        const parts = shares.map((share) => (share === undefined ? [] : tracesOf(share.bytes)));
        for (const [at, share] of shares.entries())
          assert.equal(share?.items ?? 0, parts[at]!.length);
        const all = tracesOf(request);
        for (const id of new Set(all)) {
          const having = parts.filter((ids) => ids.includes(id));
          assert.equal(having.length, 1);
          const times = (ids: readonly string[]) => ids.filter((other) => other === id).length;
          assert.equal(times(having[0]!), times(all));
        }
        assert.equal(sum(parts.map(({ length }) => length)), all.length);
      }),
      RUNS,
    );
  });
});
