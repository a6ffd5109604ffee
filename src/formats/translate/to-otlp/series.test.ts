import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../../contract/batch.ts';
import {
  bits,
  double,
  formBatch,
  type OtlpMetric,
  type PlainSeries,
  STALE,
  texts,
  TIME,
  toOtlp,
} from '../fixture.test.ts';
import { PrometheusToOtlp } from './translator.ts';

const NANOS = `${TIME}000000`;
const sample = (value: number, more: object = {}) => ({
  value: bits(value),
  timestamp: TIME,
  ...more,
});
const series = (name: string, more: Partial<PlainSeries> = {}): PlainSeries => ({
  samples: [sample(1)],
  ...more,
  labels: { __name__: name, ...more.labels },
});
const typed = (type: number, unit = '') => ({ metadata: { type, help: 'what it is', unit } });
const only = (given: PlainSeries): OtlpMetric => toOtlp(formBatch([given])).metrics[0] ?? {};
const ofTenant = (batch: Batch, tenant: string): Batch => ({
  ...batch,
  origin: { ...batch.origin, tenant },
});

test('MAP-21: names stay, UNIT becomes UCUM, HELP the description, TYPE metadata', () => {
  const metric = only(series('a_bytes_total', typed(1, 'bytes_per_second')));
  assert.equal(metric['name'], 'a_bytes_total');
  assert.equal(metric['unit'], 'By/s');
  assert.equal(metric['description'], 'what it is');
  assert.deepEqual(texts(metric['metadata']), { 'prometheus.type': 'counter' });
});

test('MAP-22: counters are monotonic sums, info and stateset are not, gauges and unknown are gauges', () => {
  const of = (type: number) => {
    const { sum, gauge } = only(series('a', typed(type)));
    return gauge === undefined ? [sum.aggregationTemporality, sum.isMonotonic ?? false] : 'gauge';
  };
  assert.deepEqual(
    [of(1), of(6), of(7)],
    [
      [2, true],
      [2, false],
      [2, false],
    ],
  );
  assert.deepEqual([of(0), of(2)], ['gauge', 'gauge']);
  assert.deepEqual(texts(only(series('a'))['metadata']), { 'prometheus.type': 'unknown' });
});

test('MAP-22: metadata of families is kept for the series that come later, by tenant', () => {
  const translator = new PrometheusToOtlp();
  const families = [{ type: 1, metric_family_name: 'a', help: 'h' }];
  assert.equal(toOtlp(ofTenant(formBatch([], families), 't1'), translator).batch, undefined);
  const kindFor = (tenant: string) =>
    toOtlp(ofTenant(formBatch([series('a_total')]), tenant), translator).metrics[0]?.['sum'] ===
    undefined
      ? 'gauge'
      : 'sum';
  assert.deepEqual([kindFor('t1'), kindFor('t2')], ['sum', 'gauge']);
});

test('MAP-22: gauge histograms and native histograms of floats are dropped and counted', () => {
  const native = { sum: bits(1), timestamp: TIME };
  const { drops, batch } = toOtlp(
    formBatch([
      series('a_bucket', { ...typed(4), labels: { le: '1' } }),
      series('b', { samples: [], histograms: [{ ...native, count_int: 0, reset_hint: 3 }] }),
      series('c', {
        samples: [],
        histograms: [{ ...native, count_float: bits(0), zero_count_float: bits(0) }],
      }),
    ]),
  );
  assert.equal(batch, undefined);
  assert.deepEqual(drops, { gauge_histogram: 2, float_histogram: 1 });
});

test('MAP-22: native histograms become exponential ones, an index lower, gaps filled', () => {
  const histogram = {
    count_int: 38,
    sum: bits(10),
    schema: 3,
    zero_threshold: bits(0.5),
    zero_count_int: 1,
    positive_spans: [
      { offset: 4, length: 1 },
      { offset: 2, length: 3 },
    ],
    positive_deltas: [10, 10, -15, -3],
    timestamp: TIME,
    start_timestamp: TIME - 5,
  };
  const metric = only(series('eh', { samples: [], histograms: [histogram] }));
  assert.deepEqual(metric['exponentialHistogram'], {
    dataPoints: [
      {
        startTimeUnixNano: `${TIME - 5}000000`,
        timeUnixNano: NANOS,
        count: '38',
        sum: bits(10),
        scale: 3,
        zeroCount: '1',
        zeroThreshold: bits(0.5),
        positive: { offset: 3, bucketCounts: ['10', '0', '0', '20', '5', '2'] },
      },
    ],
    aggregationTemporality: 2,
  });
});

test('MAP-22: buckets past the largest number are dropped, and the count is that of the others', () => {
  const histogram = {
    count_int: 3,
    sum: bits(Infinity),
    schema: 0,
    positive_spans: [{ offset: 1024, length: 2 }],
    positive_deltas: [1, 1],
    timestamp: TIME,
  };
  const metric = only(series('eh', { samples: [], histograms: [histogram] }));
  const [point] = metric['exponentialHistogram'].dataPoints;
  assert.deepEqual([point.count, point.positive], ['1', { offset: 1023, bucketCounts: ['1'] }]);
});

test('MAP-22: buckets that lie far apart cost no memory', () => {
  const histogram = {
    count_int: 2,
    sum: bits(1),
    schema: 8,
    positive_spans: [
      { offset: 0, length: 1 },
      { offset: 2_000_000_000, length: 1 },
    ],
    positive_deltas: [1, 0],
    timestamp: TIME,
  };
  const { drops } = toOtlp(formBatch([series('eh', { samples: [], histograms: [histogram] })]));
  assert.deepEqual(drops, { sparse_histogram: 1 });
});

test('MAP-22: histograms of custom buckets become explicit ones', () => {
  const histogram = {
    count_int: 6,
    sum: bits(3.5),
    schema: -53,
    custom_values: [0.5, 1].map(bits),
    positive_spans: [
      { offset: 0, length: 1 },
      { offset: 1, length: 1 },
    ],
    positive_deltas: [1, 4],
    timestamp: TIME,
  };
  const metric = only(series('h', { samples: [], histograms: [histogram] }));
  assert.deepEqual(metric['histogram'].dataPoints, [
    {
      timeUnixNano: NANOS,
      count: '6',
      sum: bits(3.5),
      bucketCounts: ['1', '0', '5'],
      explicitBounds: [0.5, 1].map(bits),
    },
  ]);
});

test('MAP-23: job and instance become the resource and leave the points', () => {
  const resourceOf = (labels: Record<string, string>) => {
    const { resources, metrics } = toOtlp(formBatch([series('a', { labels })]));
    assert.deepEqual(texts(metrics[0]?.['gauge'].dataPoints[0].attributes), {});
    return texts(resources[0]?.resource.attributes);
  };
  assert.deepEqual(resourceOf({ job: 'shop/checkout', instance: 'i' }), {
    'service.namespace': 'shop',
    'service.name': 'checkout',
    'service.instance.id': 'i',
  });
  assert.deepEqual(resourceOf({ job: 'a/b/c' }), { 'service.name': 'a/b/c' });
  assert.deepEqual(resourceOf({ job: '/a' }), { 'service.name': '/a' });
  assert.deepEqual(resourceOf({}), {});
});

test('MAP-23: target_info is consumed and joined, from another request too, by tenant', () => {
  const translator = new PrometheusToOtlp();
  const labels = { job: 'j', instance: 'i' };
  const told = formBatch([series('target_info', { labels: { ...labels, host_name: 'h' } })]);
  const host = (batch: Batch) =>
    texts(toOtlp(batch, translator).resources[0]?.resource.attributes)['host_name'];
  assert.deepEqual(toOtlp(told, translator).drops, {});
  const later = formBatch([series('a', { labels })]);
  assert.equal(host(later), 'h');
  assert.equal(host(ofTenant(later, 'other')), undefined);
  assert.equal(host(formBatch([series('a', { labels: { ...labels, job: 'k' } })])), undefined);
  const gone = { samples: [{ value: String(STALE), timestamp: TIME }] };
  toOtlp(formBatch([series('target_info', { ...gone, labels })]), translator);
  assert.equal(host(later), undefined);
});

test('MAP-23: what is remembered of targets is bounded', () => {
  const translator = new PrometheusToOtlp();
  const many = Array.from({ length: 1500 }, (_, index) =>
    series('target_info', { labels: { job: `j${index}`, a: 'x' } }),
  );
  toOtlp(formBatch(many), translator);
  const attributesOf = (job: string) =>
    texts(
      toOtlp(formBatch([series('a', { labels: { job } })]), translator).resources[0]?.resource
        .attributes,
    );
  assert.deepEqual(attributesOf('j1499'), { 'service.name': 'j1499', a: 'x' });
  assert.deepEqual(attributesOf('j0'), { 'service.name': 'j0' });
});

test('MAP-24: labels of the scope become the scope, which is our own where there are none', () => {
  const labels = {
    otel_scope_name: 'lib',
    otel_scope_version: '1',
    otel_scope_schema_url: 'http://s',
    otel_scope_kind: 'x',
  };
  const scopeOf = (given: Record<string, string>) => {
    const [metrics] =
      toOtlp(formBatch([series('a', { labels: given })])).resources[0]?.scopeMetrics ?? [];
    return [
      metrics?.scope['name'],
      metrics?.scope['version'],
      metrics?.schemaUrl,
      texts(metrics?.scope['attributes']),
    ];
  };
  assert.deepEqual(scopeOf(labels), ['lib', '1', 'http://s', { kind: 'x' }]);
  assert.deepEqual(scopeOf({}), ['millrace', undefined, undefined, {}]);
});

test('MAP-25: milliseconds become nanoseconds exactly, starts go along, times OTLP has not are dropped', () => {
  const last = 18_446_744_073_709;
  const samples = [
    sample(1, { timestamp: last, start_timestamp: 1 }),
    sample(1, { timestamp: 1_699_999_999_999 }),
  ];
  const points = only(series('a', { samples }))['gauge'].dataPoints;
  assert.deepEqual(
    points.map((point: OtlpMetric) => [point['timeUnixNano'], point['startTimeUnixNano']]),
    [
      [`${last}000000`, '1000000'],
      ['1699999999999000000', undefined],
    ],
  );
  for (const timestamp of ['0', '-1', '18446744073710', '-9223372036854775808']) {
    const { drops } = toOtlp(formBatch([series('a', { samples: [sample(1, { timestamp })] })]));
    assert.deepEqual(drops, { invalid_timestamp: 1 }, timestamp);
  }
});

test('MAP-26: the stale marker becomes a flag without a value, other NaNs stay values', () => {
  const nan = String(0x7ff8000000000001n);
  const samples = [sample(1, { value: String(STALE) }), sample(1, { value: nan })];
  const points = only(series('a', { samples }))['gauge'].dataPoints;
  assert.deepEqual(points, [
    { timeUnixNano: NANOS, flags: 1 },
    { timeUnixNano: NANOS, asDouble: nan },
  ]);
  const histograms = [{ sum: String(STALE), timestamp: TIME }];
  const native = only(series('h', { samples: [], histograms }))['exponentialHistogram'];
  assert.deepEqual(native.dataPoints, [{ timeUnixNano: NANOS, flags: 1 }]);
});

test('MAP-27: valid ids of exemplars become ids, all else filtered attributes', () => {
  const traceId = '000102030405060708090a0b0c0d0e0f';
  const labels = [
    { name: 'trace_id', value: traceId },
    { name: 'span_id', value: 'short' },
    { name: 'a', value: 'x' },
  ];
  const exemplars = [{ labels, value: bits(2), timestamp: TIME }];
  const metric = only(
    series('a_total', { ...typed(1), samples: [sample(1), sample(2)], exemplars }),
  );
  const [first, second] = metric['sum'].dataPoints;
  assert.equal(first.exemplars, undefined);
  const [exemplar] = second.exemplars;
  assert.equal(Buffer.from(exemplar.traceId, 'base64').toString('hex'), traceId);
  assert.deepEqual(
    [
      exemplar.spanId,
      exemplar.timeUnixNano,
      double(exemplar.asDouble),
      texts(exemplar.filteredAttributes),
    ],
    [undefined, NANOS, 2, { span_id: 'short', a: 'x' }],
  );
});
