import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRemoteWrite1 } from '../../../formats/prometheus/read/remote-write-1.ts';
import { countChunk } from '../../../formats/prometheus/walk.ts';
import { writeRemoteWrite1 } from '../../../formats/prometheus/write/remote-write-1.ts';
import { chunkOf, type DecodedSeries, decodeForm, type Series } from './fixture.test.ts';
import { LabelWriter } from './label-writer.ts';
import { escapeLabelName, escapeMetricName } from './names.ts';
import { PlainScan } from './plain-scan.ts';

type Labels = Readonly<Record<string, string>>;

const names = fc.oneof(
  fc.constantFrom(
    'a',
    'job',
    'a.b',
    'a_b',
    'a b',
    '9',
    '_9',
    'é',
    '__name_',
    'x:y',
    'Zone',
    '\ufeffa',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
);
const values = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
const labelSets = fc.record({
  name: fc.oneof(fc.constantFrom('up', 'a:b', '9x', 'a.b', '😀'), values),
  rest: fc.dictionary(names, values, { maxKeys: 5 }),
});

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

function sorted(labels: Labels): Labels {
  // A list of pairs, because numbers as keys of an object come first whatever one does.
  return Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => byBytes(a, b)));
}

const SAMPLES = [
  { value: 1, timestamp: 1000 },
  { value: 0, timestamp: -5 },
  { value: 2.5, timestamp: 0 },
];
const EXEMPLAR = { labels: [{ name: 'trace_id', value: 'x' }], value: 1, timestamp: 1 };

/** Lists of series with label sets of that kind. */
function listsOf(labels: fc.Arbitrary<{ name: string; rest: Labels }>) {
  const series = fc.record({
    labels,
    samples: fc.subarray(SAMPLES, { minLength: 1 }),
    exemplars: fc.subarray([EXEMPLAR]),
    metadata: fc.boolean(),
    start: fc.boolean(),
  });
  return fc.array(series, { minLength: 1, maxLength: 6 });
}

const seriesLists = listsOf(labelSets);
const legacyLists = listsOf(
  fc.record({
    name: fc.constantFrom('up', 'a:b', ':a9'),
    rest: fc.dictionary(fc.constantFrom('a', 'job', 'a_b', 'Z9', '__meta'), values),
  }),
);

/** A valid chunk: what the reader of 1.0 makes of the series. */
function valid(given: readonly Series[]): Uint8Array<ArrayBuffer> | undefined {
  return readRemoteWrite1(chunkOf(given)).bytes;
}

/** What the labels should become, by the plainest means. */
function expected(labels: Labels, external: Labels, legacyNames: boolean): Labels {
  const merged: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels).toSorted(([a], [b]) => byBytes(a, b))) {
    const to = legacyNames ? escapeLabelName(name) : name;
    const text = legacyNames && name === '__name__' ? escapeMetricName(value) : value;
    merged[to] = to in merged ? `${merged[to]};${text}` : text;
  }
  for (const [name, value] of Object.entries(external)) {
    const to = legacyNames ? escapeLabelName(name) : name;
    if (!(to in merged)) merged[to] = value;
  }
  return merged;
}

test('labels come out as they should, sorted, in a chunk that needs nothing more', () => {
  const property = fc.property(
    seriesLists,
    fc.boolean(),
    fc.boolean(),
    (lists, legacyNames, adds) => {
      const series = lists.map(({ labels: { name, rest }, samples, exemplars, metadata }) => ({
        labels: sorted({ ...rest, __name__: name }),
        samples,
        exemplars,
        ...(metadata && { metadata: { type: 1, help: 'h' } }),
      }));
      const chunk = valid(series);
      assert.ok(chunk);
      const external: Labels = adds ? { job: 'x', 'b.c': 'y', '9': 'z' } : {};
      const writer = new LabelWriter({ external, legacyNames, cacheBytes: 1 << 20 });
      for (let round = 0; round < 2; round++) {
        const out = writer.write(chunk);
        const read = readRemoteWrite1(out);
        assert.equal(read.refused, undefined);
        assert.deepEqual(read.bytes, out);
        const before: readonly DecodedSeries[] = decodeForm(chunk).series;
        for (const [index, { labels, order, ...rest }] of decodeForm(out).series.entries()) {
          const { labels: given, order: _, ...same }: DecodedSeries = before[index]!;
          assert.deepEqual(labels, expected(given, external, legacyNames));
          assert.deepEqual(order, order.toSorted(byBytes));
          assert.deepEqual(rest, same);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 400 });
});

test('what the scan calls plain is a 1.0 request as it is, and counted right', () => {
  const scan = new PlainScan();
  let plain = 0;
  const property = fc.property(fc.oneof(seriesLists, legacyLists), (lists) => {
    const chunk = valid(
      lists.map(({ labels: { name, rest }, samples, exemplars, metadata, start }) => ({
        labels: sorted({ ...rest, __name__: name }),
        samples: start ? samples.map((each) => ({ ...each, start_timestamp: 5 })) : samples,
        exemplars,
        ...(metadata && { metadata: { type: 1 } }),
      })),
    );
    assert.ok(chunk);
    const writer = new LabelWriter({ external: {}, legacyNames: true, cacheBytes: 1 << 20 });
    const isPlain = writer.write(chunk) === chunk && writeRemoteWrite1(chunk).bytes === chunk;
    assert.equal(scan.isPlain(chunk), isPlain);
    if (!isPlain) return;
    plain++;
    const { samples, exemplars } = countChunk(chunk);
    assert.deepEqual([scan.samples, scan.exemplars], [samples, exemplars]);
  });
  fc.assert(property, { numRuns: 2000 });
  assert.ok(plain > 10, `${plain} were plain`);
});

test('no label becomes the name of the metric by being escaped', () => {
  assert.equal(escapeLabelName('_éname__'), '___name__');
  assert.equal(escapeLabelName('__name__'), '__name__');
});
