import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TranslationSettings } from '../../../contract/translation.ts';
import {
  attributes,
  bits,
  double,
  EXPONENTIAL,
  NANOS,
  otlpBatch,
  type ReadSeries,
  STALE,
  toPrometheus,
} from '../fixture.test.ts';

type Plain = Record<string, unknown>;

const CUMULATIVE = { aggregationTemporality: 2 };
const point = (more: object = {}) => ({ timeUnixNano: NANOS, asDouble: bits(1), ...more });
const gauge = (name: string, unit = '', more: object = {}) => ({
  name,
  unit,
  gauge: { dataPoints: [point(more)] },
});
const sum = (name: string, unit: string, isMonotonic: boolean) => ({
  name,
  unit,
  sum: { dataPoints: [point()], isMonotonic, ...CUMULATIVE },
});
const lat = (counts: object, more: Plain = {}) => ({
  name: 'lat',
  unit: 's',
  histogram: {
    dataPoints: [{ timeUnixNano: NANOS, count: 6, sum: bits(3.5), ...counts, ...more }],
    ...CUMULATIVE,
  },
});

/** Names with labels but job and instance, and values, as Prometheus writes them. */
function lines(series: readonly ReadSeries[]): string[] {
  return series
    .filter(({ name }) => name !== 'target_info')
    .map(({ name, labels: { job, instance, ...rest }, samples }) => {
      assert.deepEqual([job, instance], ['shop/checkout', 'i-1'], name);
      const text = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      return `${name}{${text.join(',')}} ${samples.map(({ value }) => double(value)).join(' ')}`;
    });
}

const ROWS: readonly (readonly [string, Plain, readonly string[]])[] = [
  [
    'a counter in {request}',
    sum('http.server.requests', '{request}', true),
    ['http_server_requests_total{} 1'],
  ],
  ['a gauge in By that says so', gauge('mem.usage_bytes', 'By'), ['mem_usage_bytes{} 1']],
  ['a gauge in 1 called ratio', gauge('cpu.ratio', '1'), ['cpu_ratio{} 1']],
  ['a gauge in 1', gauge('my.gauge', '1'), ['my_gauge_ratio{} 1']],
  ['a sum in 1 that is not monotonic', sum('queue.len', '1', false), ['queue_len{} 1']],
  [
    'a counter in By/s with total inside',
    sum('io.total.ops', 'By/s', true),
    ['io_ops_bytes_per_second_total{} 1'],
  ],
  ['a gauge with a leading digit', gauge('5xx.count'), ['_5xx_count{} 1']],
  [
    'two attributes of one label name',
    gauge('g', '', { attributes: attributes({ http_method: 'POST', 'http.method': 'GET' }) }),
    ['g{http_method="GET;POST"} 1'],
  ],
  [
    'attributes that are odd',
    gauge('g', '', {
      attributes: attributes({
        '1st': true,
        a__b: 1.5,
        empty: '',
        __name__: 'evil',
        job: 'userjob',
      }),
    }),
    ['g{a_b="1.5",key_1st="true"} 1'],
  ],
  [
    'a histogram with an attribute le',
    lat(
      { explicitBounds: [0.5, 1].map(bits), bucketCounts: [1, 2, 3] },
      { attributes: attributes({ le: 'user-le' }) },
    ),
    [
      'lat_seconds_sum{le="user-le"} 3.5',
      'lat_seconds_count{le="user-le"} 6',
      'lat_seconds_bucket{le="0.5"} 1',
      'lat_seconds_bucket{le="1"} 3',
      'lat_seconds_bucket{le="+Inf"} 6',
    ],
  ],
  [
    'a histogram without buckets',
    lat({}),
    ['lat_seconds_sum{} 3.5', 'lat_seconds_count{} 6', 'lat_seconds_bucket{le="+Inf"} 6'],
  ],
  [
    'bounds that are very small and very large',
    lat({ explicitBounds: [1e-7, 1e21].map(bits), bucketCounts: [1, 2, 3] }),
    [
      'lat_seconds_sum{} 3.5',
      'lat_seconds_count{} 6',
      'lat_seconds_bucket{le="0.0000001"} 1',
      'lat_seconds_bucket{le="1000000000000000000000"} 3',
      'lat_seconds_bucket{le="+Inf"} 6',
    ],
  ],
  [
    'a summary',
    {
      name: 'summ',
      unit: 'ms',
      summary: {
        dataPoints: [
          {
            timeUnixNano: NANOS,
            count: 2,
            sum: bits(3),
            quantileValues: [
              { quantile: bits(1), value: bits(20) },
              { quantile: bits(0.5), value: bits(10) },
            ],
          },
        ],
      },
    },
    [
      'summ_milliseconds_sum{} 3',
      'summ_milliseconds_count{} 2',
      'summ_milliseconds{quantile="0.5"} 10',
      'summ_milliseconds{quantile="1"} 20',
    ],
  ],
];

for (const [what, metric, expected] of ROWS) {
  test(`oracle: ${what}`, () => {
    assert.deepEqual(lines(toPrometheus(otlpBatch([metric])).series), expected);
  });
}

test('oracle: an exponential histogram', () => {
  const [series] = toPrometheus(otlpBatch([EXPONENTIAL()])).series;
  assert.equal(series?.name, 'eh_seconds');
  const [histogram] = series.histograms;
  assert.deepEqual(
    {
      schema: histogram?.['schema'],
      count: histogram?.['count_int'],
      zero: histogram?.['zero_count_int'],
      threshold: double(histogram?.['zero_threshold']),
      spans: histogram?.['positive_spans'],
      deltas: histogram?.['positive_deltas'],
    },
    {
      schema: 3,
      count: '38',
      zero: '1',
      threshold: 1e-128,
      spans: [{ offset: 4, length: 6 }],
      deltas: ['10', '-10', '0', '20', '-15', '-3'],
    },
  );
});

test('oracle: a gauge that recorded no value', () => {
  const [series] = toPrometheus(otlpBatch([gauge('g', '', { flags: 1 })])).series;
  assert.equal(series?.samples[0]?.value, String(STALE));
});

test('oracle: a resource', () => {
  const { series } = toPrometheus(otlpBatch([gauge('g')]));
  const target = series.find(({ name }) => name === 'target_info');
  assert.deepEqual(target?.labels, {
    host_name: 'h1',
    instance: 'i-1',
    job: 'shop/checkout',
    k8s_pod_ip: '["10.0.0.1",7]',
  });
  assert.equal(double(target.samples[0]?.value), 1);
});

test('oracle: the example of the protocol, whose counter and histograms are delta', () => {
  const delta = { aggregationTemporality: 1 };
  const metrics = [
    { name: 'my.counter', unit: '1', sum: { dataPoints: [point()], isMonotonic: true, ...delta } },
    gauge('my.gauge', '1'),
    { ...lat({}), histogram: { ...lat({}).histogram, ...delta } },
    { ...EXPONENTIAL(), exponentialHistogram: { ...EXPONENTIAL().exponentialHistogram, ...delta } },
  ];
  const { series, drops } = toPrometheus(
    otlpBatch(metrics, { resource: { 'service.name': 'my.service' } }),
  );
  assert.deepEqual(
    series.map(({ name }) => name),
    ['my_gauge_ratio'],
  );
  assert.deepEqual(drops, { delta_temporality: 3 });
});

test('oracle: NoTranslation leaves names of metrics and labels as they are', () => {
  const settings: Partial<TranslationSettings> = { strategy: 'NoTranslation' };
  const odd = { '1st': true, 'http.method': 'GET', http_method: 'POST' };
  const metrics = [gauge('cpu.ratio', '1', { attributes: attributes(odd) }), gauge('5xx.count')];
  assert.deepEqual(lines(toPrometheus(otlpBatch(metrics), settings).series), [
    'cpu.ratio{1st="true",http.method="GET",http_method="POST"} 1',
    '5xx.count{} 1',
  ]);
});
