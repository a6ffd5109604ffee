import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attributes,
  bits,
  double,
  EXPONENTIAL,
  NANOS,
  otlpBatch,
  STALE,
  TIME,
  toPrometheus,
} from '../fixture.test.ts';

const NOBODY = { resource: {} };
const CUMULATIVE = { aggregationTemporality: 2 };
type Plain = Record<string, unknown>;
const point = (more: Plain = {}) => ({ timeUnixNano: NANOS, asDouble: bits(1), ...more });
const sum = (more: Plain, ...dataPoints: Plain[]) => ({
  name: 'm',
  unit: 'By',
  description: 'what it is',
  sum: { dataPoints, ...CUMULATIVE, ...more },
});
const gauge = (more: Plain, ...dataPoints: Plain[]) => ({
  name: 'm',
  gauge: { dataPoints },
  ...more,
});
const histogram = (...dataPoints: Plain[]) => ({
  name: 'h',
  histogram: {
    dataPoints: dataPoints.map((each) => ({ timeUnixNano: NANOS, ...each })),
    ...CUMULATIVE,
  },
});
const translate = (metric: Plain, settings = {}) =>
  toPrometheus(otlpBatch([metric], NOBODY), settings);

test('MAP-6: metadata tells type, help and the unit in words, with the series or apart from them', () => {
  const batch = otlpBatch([sum({ isMonotonic: true }, point())], NOBODY);
  const facts = { type: 1, help: 'what it is', unit: 'bytes' };
  assert.deepEqual(toPrometheus(batch).series[0]?.metadata, facts);
  const apart = toPrometheus(batch, { metadata: 'families' });
  assert.deepEqual(apart.families, [{ ...facts, metric_family_name: 'm_bytes_total' }]);
  assert.ok(apart.series[0]?.metadata === null || apart.series[0]?.metadata === undefined);
});

test('MAP-6: of two metrics with one name and two types the later is dropped', () => {
  const batch = otlpBatch([gauge({}, point()), sum({ isMonotonic: true }, point())], NOBODY);
  const { series, drops } = toPrometheus(batch, { strategy: 'NoTranslation' });
  assert.deepEqual([series.length, drops], [1, { conflicting_type: 1 }]);
});

test('MAP-6: of two metrics with one name the first is believed in what it says of it', () => {
  const batch = otlpBatch(
    [gauge({ description: 'first' }, point()), gauge({ description: 'second' }, point())],
    NOBODY,
  );
  assert.deepEqual(
    toPrometheus(batch).series.map(({ metadata }) => metadata?.help),
    ['first', 'first'],
  );
});

test('MAP-12: sums and gauges have the types they should, and metadata may know better', () => {
  const typeOf = (metric: Plain) => translate(metric).series[0]?.metadata?.type;
  const said = (type: string) => ({ metadata: attributes({ 'prometheus.type': type }) });
  assert.equal(typeOf(sum({ isMonotonic: true }, point())), 1);
  assert.equal(typeOf(sum({ isMonotonic: false }, point())), 2);
  assert.equal(typeOf(gauge({}, point())), 2);
  assert.equal(typeOf(gauge(said('unknown'), point())), 0);
  assert.equal(typeOf(gauge(said('unkown'), point())), 0);
  assert.equal(typeOf(gauge(said('info'), point())), 6);
  assert.equal(typeOf(gauge(said('stateset'), point())), 7);
  assert.equal(typeOf({ ...sum({}, point()), ...said('info') }), 6);
});

test('MAP-13: delta and unspecified temporality is dropped and counted, never passed on', () => {
  const drops = (metric: Plain) => {
    const result = translate(metric);
    assert.deepEqual(result.series, []);
    return result.drops;
  };
  const two = [point(), point()];
  assert.deepEqual(drops(sum({ aggregationTemporality: 1 }, ...two)), { delta_temporality: 2 });
  assert.deepEqual(drops(sum({ aggregationTemporality: 0 }, ...two)), {
    unspecified_temporality: 2,
  });
  const eh = EXPONENTIAL();
  const delta = { ...eh.exponentialHistogram, aggregationTemporality: 1 };
  assert.deepEqual(drops({ ...eh, exponentialHistogram: delta }), { delta_temporality: 1 });
});

test('MAP-14: no sum, no _sum; counts beyond 2^53 are not lost on the way', () => {
  const count = '18446744073709549568';
  const { series } = translate(
    histogram({ count, explicitBounds: [bits(1)], bucketCounts: [count, 0] }),
  );
  assert.deepEqual(
    series.map(({ name, labels, samples }) => [name, labels['le'], double(samples[0]?.value)]),
    [
      ['h_count', undefined, Number(count)],
      ['h_bucket', '1', Number(count)],
      ['h_bucket', '+Inf', Number(count)],
    ],
  );
});

test('MAP-14: histograms whose buckets make no sense are dropped', () => {
  for (const bad of [
    { count: 1, bucketCounts: [1, 1] },
    { count: 5, explicitBounds: [bits(1)], bucketCounts: [1, 2] },
    { count: 2, explicitBounds: [2, 1].map(bits), bucketCounts: [1, 1, 0] },
    { count: 2, explicitBounds: [bits(Number.NaN)], bucketCounts: [1, 1] },
    { count: 1, explicitBounds: [bits(1)] },
  ]) {
    const { series, drops } = translate(histogram(bad));
    assert.deepEqual([series, drops], [[], { invalid_histogram: 1 }]);
  }
});

test('MAP-14: custom buckets on demand: schema -53, bounds without +Inf', () => {
  const given = {
    count: 37,
    sum: bits(5),
    explicitBounds: [-2, -1, 0, 1, 2].map(bits),
    bucketCounts: [10, 0, 0, 20, 5, 2],
  };
  const { series } = translate(histogram(given), { customBuckets: true });
  const [native] = series[0]?.histograms ?? [];
  assert.equal(series[0]?.name, 'h');
  assert.deepEqual(
    [
      native?.['schema'],
      native?.['count_int'],
      native?.['custom_values'],
      native?.['positive_spans'],
    ],
    [-53, '37', [-2, -1, 0, 1, 2].map(bits), [{ offset: 0, length: 6 }]],
  );
  assert.deepEqual(native?.['positive_deltas'], ['10', '-10', '0', '20', '-15', '-3']);
});

const nativeOf = (more: Plain) => {
  const { series, drops } = translate(EXPONENTIAL(more));
  return { native: series[0]?.histograms[0], drops };
};

test('MAP-15: scales above 8 are scaled down, below -4 dropped', () => {
  const { native } = nativeOf({
    count: 6,
    zeroCount: 0,
    scale: 10,
    positive: { offset: 0, bucketCounts: [1, 1, 1, 1] },
    negative: { offset: -1, bucketCounts: [2] },
  });
  assert.equal(native?.['schema'], 8);
  assert.deepEqual(native?.['positive_spans'], [{ offset: 1, length: 1 }]);
  assert.deepEqual(native?.['positive_deltas'], ['4']);
  assert.deepEqual(native?.['negative_spans'], [{ offset: 0, length: 1 }]);
  assert.deepEqual(nativeOf({ scale: -5 }).drops, { unsupported_scale: 1 });
});

test('MAP-15: far buckets get spans of their own, empty ones at the ends are left out', () => {
  const bucketCounts = [0, 1, 0, 0, 0, 2, 0, 0];
  const { native } = nativeOf({ count: 3, zeroCount: 0, positive: { offset: -4, bucketCounts } });
  assert.deepEqual(native?.['positive_spans'], [
    { offset: -2, length: 1 },
    { offset: 3, length: 1 },
  ]);
  assert.deepEqual(native?.['positive_deltas'], ['1', '1']);
});

test('MAP-15: the zero threshold is the point’s; no sum and wrong counts are dropped', () => {
  assert.equal(double(nativeOf({ zeroThreshold: bits(0.25) }).native?.['zero_threshold']), 0.25);
  assert.deepEqual(nativeOf({ sum: undefined }).drops, { missing_sum: 1 });
  assert.deepEqual(nativeOf({ count: 99 }).drops, { invalid_histogram: 1 });
});

test('MAP-17: exemplars of counters and histograms have their ids in hex, those of gauges go', () => {
  const exemplars = [
    {
      timeUnixNano: NANOS,
      asInt: 3,
      traceId: Uint8Array.from({ length: 16 }, (_, i) => i),
      spanId: Uint8Array.from({ length: 8 }, (_, i) => i),
      filteredAttributes: attributes({ trace_id: 'mine', 'a.b': 'x' }),
    },
  ];
  const counter = translate(sum({ isMonotonic: true }, point({ exemplars }))).series[0];
  const [exemplar] = counter?.exemplars ?? [];
  assert.deepEqual(exemplar, {
    labels: [
      { name: 'trace_id', value: '000102030405060708090a0b0c0d0e0f' },
      { name: 'a_b', value: 'x' },
      { name: 'span_id', value: '0001020304050607' },
    ],
    value: bits(3),
    timestamp: String(TIME),
  });
  assert.deepEqual(translate(gauge({}, point({ exemplars }))).series[0]?.exemplars, []);
  assert.deepEqual(translate(sum({}, point({ exemplars }))).series[0]?.exemplars, []);
  const buckets = { count: 3, explicitBounds: [2, 4].map(bits), bucketCounts: [1, 1, 1] };
  const { series } = translate(histogram({ ...buckets, exemplars }));
  assert.deepEqual(
    series.filter((each) => each.exemplars.length > 0).map(({ labels }) => labels['le']),
    ['4'],
  );
  assert.equal(translate(EXPONENTIAL({ exemplars })).series[0]?.exemplars.length, 1);
});

test('MAP-17: attributes that exceed 128 code points are dropped, the ids are kept', () => {
  const exemplar = (length: number) => ({
    timeUnixNano: NANOS,
    traceId: new Uint8Array(16).fill(1),
    filteredAttributes: attributes({ ab: '😀'.repeat(length) }),
  });
  const namesOf = (length: number) => {
    const exemplars = [exemplar(length)];
    const [series] = translate(sum({ isMonotonic: true }, point({ exemplars }))).series;
    return (series!.exemplars[0]!['labels'] as { name: string }[]).map(({ name }) => name);
  };
  assert.deepEqual(namesOf(128 - 2 - 8 - 32), ['ab', 'trace_id']);
  assert.deepEqual(namesOf(128 - 2 - 8 - 32 + 1), ['trace_id']);
});

test('MAP-18: start times go along where they are set', () => {
  const startTimeUnixNano = `${TIME - 1000}999999`;
  const [counter] = translate(sum({ isMonotonic: true }, point({ startTimeUnixNano }))).series;
  assert.equal(counter?.samples[0]?.start_timestamp, String(TIME - 1000));
  const [without] = translate(sum({ isMonotonic: true }, point())).series;
  assert.equal(without?.samples[0]?.start_timestamp, '0');
  const { native } = nativeOf({ startTimeUnixNano });
  assert.equal(native?.['start_timestamp'], String(TIME - 1000));
});

test('MAP-19: a point without a recorded value makes every series of it stale', () => {
  const stale = { flags: 1, count: 9, explicitBounds: [bits(1)], bucketCounts: [1, 8] };
  const { series } = translate(histogram(stale));
  assert.equal(series.length, 4);
  for (const { samples } of series) assert.equal(samples[0]?.value, String(STALE));
  const { native } = nativeOf({ flags: 1 });
  assert.deepEqual(
    [native?.['sum'], native?.['count_int'], native?.['positive_spans']],
    [String(STALE), '0', []],
  );
  const summary = {
    name: 's',
    summary: {
      dataPoints: [{ timeUnixNano: NANOS, flags: 1, quantileValues: [{ quantile: bits(0.5) }] }],
    },
  };
  for (const { samples } of translate(summary).series) {
    assert.equal(samples[0]?.value, String(STALE));
  }
});

test('MAP-20: no points, nothing; nanoseconds are cut off, never rounded', () => {
  assert.equal(translate(gauge({})).batch, undefined);
  const at = (timeUnixNano: string) =>
    translate(gauge({}, point({ timeUnixNano }))).series[0]?.samples[0]?.timestamp;
  assert.equal(at('1700000000999999999'), '1700000000999');
  assert.equal(at('1700000001000000000'), '1700000001000');
  assert.equal(at('18446744073709551615'), '18446744073709');
  assert.equal(at('1'), '0');
});

test('MAP-2: a name that cannot be told costs its own points alone', () => {
  const nameless = { name: '…', gauge: { dataPoints: [point(), point()] } };
  const { series, drops } = toPrometheus(otlpBatch([nameless, gauge({}, point())], NOBODY));
  assert.deepEqual([series.map(({ name }) => name), drops], [['m'], { invalid_name: 2 }]);
});

test('integers become the nearest double', () => {
  for (const asInt of ['9007199254740993', '-9223372036854775808', '0', '-1']) {
    const { series } = translate(gauge({}, { timeUnixNano: NANOS, asInt }));
    assert.equal(double(series[0]?.samples[0]?.value), Number(asInt));
  }
});
