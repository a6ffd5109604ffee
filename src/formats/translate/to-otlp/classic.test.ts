import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bits, formBatch, type PlainSeries, STALE, TIME, toOtlp } from '../fixture.test.ts';

const NANOS = `${TIME}000000`;
const HISTOGRAM = { metadata: { type: 3, help: '', unit: '' } };
const SUMMARY = { metadata: { type: 5, help: '', unit: '' } };

function part(suffix: string, value: number | bigint, labels = {}, kind = HISTOGRAM): PlainSeries {
  const raw = typeof value === 'bigint' ? String(value) : bits(value);
  return {
    labels: { __name__: `lat${suffix}`, zone: 'a', ...labels },
    samples: [{ value: raw, timestamp: TIME }],
    ...kind,
  };
}

const buckets = (...counts: number[]) =>
  ['0.5', '1', '+Inf'].map((le, index) => part('_bucket', counts[index] ?? 0, { le }));

test('MAP-28: a classic histogram that is complete in one request is assembled, its counts taken apart', () => {
  const { metrics, drops } = toOtlp(
    formBatch([...buckets(1, 3, 6), part('_count', 6), part('_sum', 3.5)]),
  );
  assert.deepEqual(drops, {});
  assert.deepEqual(metrics[0]?.['histogram'], {
    dataPoints: [
      {
        timeUnixNano: NANOS,
        count: '6',
        sum: bits(3.5),
        bucketCounts: ['1', '2', '3'],
        explicitBounds: [0.5, 1].map(bits),
        attributes: [{ key: 'zone', value: { stringValue: 'a' } }],
      },
    ],
    aggregationTemporality: 2,
  });
});

test('MAP-28: an incomplete histogram is dropped, and every sample of it counted', () => {
  const whole = [...buckets(1, 3, 6), part('_count', 6)];
  assert.deepEqual(toOtlp(formBatch(whole)).drops, {});
  assert.deepEqual(toOtlp(formBatch(whole.slice(0, -1))).drops, { incomplete_histogram: 3 });
  assert.deepEqual(toOtlp(formBatch(whole.toSpliced(2, 1))).drops, { incomplete_histogram: 3 });
  assert.deepEqual(toOtlp(formBatch([part('_sum', 1)])).drops, { incomplete_histogram: 1 });
});

test('MAP-28: a histogram whose numbers contradict each other is dropped', () => {
  for (const [counts, count] of [
    [[3, 1, 6], 6],
    [[1, 3, 6], 7],
    [[0.5, 3, 6], 6],
    [[-1, 3, 6], 6],
    [[1, Number.NaN, 6], 6],
  ] as const) {
    const { drops, batch } = toOtlp(formBatch([...buckets(...counts), part('_count', count)]));
    assert.equal(batch, undefined);
    assert.deepEqual(drops, { invalid_histogram: 4 });
  }
});

test('MAP-22: a histogram without _sum has no sum, and exemplars of its buckets go along', () => {
  const exemplars = [{ labels: [], value: bits(0.7), timestamp: TIME }];
  const [first, second, last] = buckets(1, 3, 6);
  const { metrics } = toOtlp(
    formBatch([first!, { ...second!, exemplars }, last!, part('_count', 6)]),
  );
  const [point] = metrics[0]!['histogram'].dataPoints;
  assert.equal(point.sum, undefined);
  assert.deepEqual(point.exemplars, [{ timeUnixNano: NANOS, asDouble: bits(0.7) }]);
});

test('MAP-26: a classic histogram that is stale becomes one point that says so', () => {
  const stale = ['0.5', '+Inf'].map((le) => part('_bucket', STALE, { le }));
  const { metrics } = toOtlp(formBatch([...stale, part('_count', STALE), part('_sum', STALE)]));
  const [point] = metrics[0]!['histogram'].dataPoints;
  assert.deepEqual([point.flags, point.count, point.sum], [1, undefined, undefined]);
});

test('MAP-22: a summary without _sum has 0, one without _count is dropped', () => {
  const quantiles = [
    part('', 20, { quantile: '1' }, SUMMARY),
    part('', 10, { quantile: '0.5' }, SUMMARY),
  ];
  const { metrics } = toOtlp(formBatch([...quantiles, part('_count', 2, {}, SUMMARY)]));
  // A sum of a summary has no presence: absent is 0.
  assert.deepEqual(metrics[0]?.['summary'].dataPoints, [
    {
      timeUnixNano: NANOS,
      count: '2',
      quantileValues: [
        { quantile: bits(0.5), value: bits(10) },
        { quantile: bits(1), value: bits(20) },
      ],
      attributes: [{ key: 'zone', value: { stringValue: 'a' } }],
    },
  ]);
  assert.deepEqual(toOtlp(formBatch(quantiles)).drops, { incomplete_summary: 2 });
});
