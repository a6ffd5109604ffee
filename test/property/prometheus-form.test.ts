import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LabelSetCache } from '../../src/formats/prometheus/label-set-cache.ts';
import type { Read } from '../../src/formats/prometheus/read/fault.ts';
import {
  type Normalised,
  readRemoteWrite1,
} from '../../src/formats/prometheus/read/remote-write-1.ts';
import { readRemoteWrite2 } from '../../src/formats/prometheus/read/remote-write-2.ts';
import { ExpansionError } from '../../src/formats/prometheus/read/symbols.ts';
import { splitChunk } from '../../src/formats/prometheus/split.ts';
import {
  countChunk,
  LabelCursor,
  SampleCursor,
  SeriesCursor,
} from '../../src/formats/prometheus/walk.ts';
import { writeRemoteWrite1 } from '../../src/formats/prometheus/write/remote-write-1.ts';
import { writeRemoteWrite2 } from '../../src/formats/prometheus/write/remote-write-2.ts';
import { WireError } from '../../src/wire/error.ts';
import { Random } from './otlp-requests.ts';
import { decodeBits, encode1, encode2, generateSeries, resolved } from './prometheus-requests.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const MAX_BYTES = 1 << 24;
const RUNS = { numRuns: 300 };
const EMPTY = new Uint8Array(0);

/** A chunk of the form read as what it is a superset of: nothing is left to be done. */
function assertForm({ bytes = EMPTY, counts }: Read): void {
  const again = readRemoteWrite1(bytes);
  assert.equal(again.refused, undefined);
  assert.deepEqual(again.bytes ?? EMPTY, bytes);
  if (bytes.length > 0) assert.deepEqual(countChunk(bytes), counts);
}

describe('remote-write through the form', () => {
  it('1.0 -> form -> 1.0 is the very same bytes', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const metadata = [{ type: 1, metric_family_name: 'up', help: 'h', unit: 'u' }];
        const request = encode1(generateSeries(seed, false), metadata);
        const read = readRemoteWrite1(request);
        assert.equal(read.refused, undefined);
        assert.equal(read.bytes, request);
        const { bytes, dropped } = writeRemoteWrite1(request);
        assert.equal(bytes, request);
        assert.deepEqual(Object.values(dropped), [0, 0, 0]);
        assertForm(read);
      }),
      RUNS,
    );
  });

  it('1.0 in any order of labels -> form is what was meant, with and without the cache', () => {
    const cache = new LabelSetCache<Normalised>({ maxBytes: 1 << 20 });
    fc.assert(
      fc.property(seeds, (seed) => {
        const series = generateSeries(seed, false);
        const random = new Random(seed);
        const shuffled = series.map(({ labels, ...rest }) => {
          const empty = { name: `empty${random.next(3)}`, value: '' };
          const mixed = [...labels, empty].map((label) => [random.next(1000), label] as const);
          return { ...rest, labels: mixed.sort(([a], [b]) => a - b).map(([, label]) => label) };
        });
        for (const by of [undefined, cache, cache]) {
          const read = readRemoteWrite1(encode1(shuffled), by);
          assert.equal(read.refused, undefined);
          assert.deepEqual(
            decodeBits('Request', read.bytes ?? EMPTY),
            decodeBits('Request', encode1(series)),
          );
          assertForm(read);
        }
      }),
      RUNS,
    );
  });

  it('2.0 -> form -> 2.0 keeps every bit, and each symbol is there once', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const request = encode2(generateSeries(seed, true));
        const read = readRemoteWrite2(request, MAX_BYTES);
        assert.equal(read.refused, undefined);
        assertForm(read);
        const written = writeRemoteWrite2(read.bytes === undefined ? [] : [read.bytes]);
        assert.deepEqual(resolved(written.bytes), resolved(request));
        const { symbols } = decodeBits('Request2', written.bytes) as { symbols: string[] };
        assert.equal(new Set(symbols).size, symbols.length);
        if (symbols.length > 0) assert.equal(symbols[0], '');
      }),
      RUNS,
    );
  });

  it('2.0 -> form -> 1.0 loses what 1.0 cannot say, counts it, and nothing else', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const series = generateSeries(seed, true);
        const { bytes = EMPTY, counts } = readRemoteWrite2(encode2(series), MAX_BYTES);
        const written = writeRemoteWrite1(bytes);
        const plain = series.map(({ labels, samples, histograms, exemplars }) => {
          const without = (of: readonly object[]) =>
            of.map((each) => ({ ...each, start_timestamp: undefined }));
          return { labels, samples: without(samples), histograms: without(histograms), exemplars };
        });
        assert.deepEqual(
          decodeBits('Request', written.bytes),
          decodeBits('Request', encode1(plain)),
        );
        assert.equal(written.dropped.metadata, counts.metadata);
        assert.equal(written.samples + written.histograms, counts.samples + counts.histograms);
      }),
      RUNS,
    );
  });

  it('split ∘ merge keeps every byte and every item, within the limits', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 8 }), fc.boolean(), (seed, limit, byItems) => {
        const chunk = encode1(generateSeries(seed, true));
        const limits = byItems
          ? { maxItems: limit, maxBytes: 0 }
          : { maxItems: 0, maxBytes: limit * 100 };
        const parts = splitChunk(chunk, limits);
        assert.deepEqual(Buffer.concat(parts.map(({ bytes }) => bytes)), Buffer.from(chunk));
        for (const { bytes, items } of parts) {
          const { samples, histograms } = countChunk(bytes);
          assert.equal(items, samples + histograms);
          const isOne = splitSeries(bytes) <= 1;
          if (byItems) assert.ok(items <= limit || isOne);
          else assert.ok(bytes.length <= limit * 100 || isOne);
        }
      }),
      RUNS,
    );
  });

  it('the views say what protobufjs says', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const chunk = Buffer.from(encode1(generateSeries(seed, true)));
        const [labels, samples] = [new LabelCursor(), new SampleCursor()];
        const cursor = new SeriesCursor().enter(chunk);
        const seen = [];
        while (cursor.next()) {
          const pairs = [];
          labels.enter(chunk, cursor.start, cursor.labelsEnd);
          while (labels.next()) {
            const name = chunk.toString('utf8', labels.nameStart, labels.nameEnd);
            pairs.push({ name, value: chunk.toString('utf8', labels.valueStart, labels.valueEnd) });
          }
          const values = [];
          samples.enter(chunk, cursor.labelsEnd, cursor.end);
          while (samples.next())
            values.push(samples.valueAt < 0 ? '0' : String(chunk.readBigUInt64LE(samples.valueAt)));
          seen.push({ labels: pairs, values });
        }
        const { timeseries } = decodeBits('Request', chunk) as {
          timeseries: { labels: object[]; samples: { value?: string }[] }[];
        };
        const wanted = timeseries.map(({ labels: each, samples: of }) => ({
          labels: each,
          values: of.map(({ value = '0' }) => value),
        }));
        assert.deepEqual(seen, wanted);
      }),
      RUNS,
    );
  });

  it('every prefix and any mutation is read, refused in part, or a wire error', () => {
    const tryRead = (read: () => Read) => {
      try {
        assertForm(read());
      } catch (error) {
        if (!(error instanceof WireError || error instanceof ExpansionError)) throw error;
      }
    };
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed);
      const series = generateSeries(seed, true).map((each) => ({
        ...each,
        labels: each.labels.map(({ name, value }) => ({ name, value: value.slice(0, 30) })),
      }));
      for (const [request, read] of [
        [encode1(series), (bytes: Uint8Array<ArrayBuffer>) => readRemoteWrite1(bytes)],
        [encode2(series), (bytes: Uint8Array<ArrayBuffer>) => readRemoteWrite2(bytes, MAX_BYTES)],
      ] as const) {
        for (let length = 0; length < Math.min(request.length, 300); length++)
          tryRead(() => read(request.slice(0, length)));
        for (let round = 0; round < 200; round++) {
          const mutant = request.slice();
          for (let i = 0; i <= random.next(3) && mutant.length > 0; i++)
            mutant[random.next(mutant.length)] = random.next(256);
          tryRead(() => read(mutant));
        }
      }
    }
  });
});

function splitSeries(bytes: Uint8Array): number {
  const cursor = new SeriesCursor().enter(bytes);
  let series = 0;
  while (cursor.next()) series++;
  return series;
}
