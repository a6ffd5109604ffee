import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributes, bits, NANOS, otlpBatch, otlpRequest, toPrometheus } from '../fixture.test.ts';
import { OtlpToPrometheus } from './translator.ts';

const point = (labels: Readonly<Record<string, unknown>> = {}, more: object = {}) => ({
  timeUnixNano: NANOS,
  asDouble: bits(1),
  attributes: attributes(labels),
  ...more,
});
const gauge = (...dataPoints: object[]) => ({ name: 'g', gauge: { dataPoints } });
const NOBODY = { resource: {} };

test('MAP-7: values that meet under one label are joined in the order of their keys', () => {
  const metric = gauge(point({ a_b: '3', 'a.b': '2', 'a-b': '1' }));
  const { series } = toPrometheus(otlpBatch([metric], NOBODY));
  assert.deepEqual(series[0]?.labels, { a_b: '1;2;3' });
});

test('MAP-8: values of attributes as text', () => {
  const values = {
    a_string: 'x "y"',
    b_bool: false,
    c_int: 9_007_199_254_740_993n,
    d_double: 1e21,
    e_array: ['x', 1n, 1.5, true, undefined, Number.NaN, ['y']],
    f_map: { b: 1n, a: 'x' },
    g_bytes: Uint8Array.of(1, 2, 255),
    h_nan: Number.NaN,
    i_inf: -Infinity,
    j_empty: undefined,
    k_zero: -0,
  };
  const { series } = toPrometheus(otlpBatch([gauge(point(values))], NOBODY));
  assert.deepEqual(series[0]?.labels, {
    a_string: 'x "y"',
    b_bool: 'false',
    c_int: '9007199254740993',
    d_double: '1e+21',
    e_array: '["x",1,1.5,true,null,"NaN",["y"]]',
    f_map: '{"a":"x","b":1}',
    g_bytes: 'AQL/',
    h_nan: 'NaN',
    i_inf: '-Infinity',
    k_zero: '-0',
  });
});

test('MAP-9: __name__ is nobody’s attribute, and the resource says job and instance', () => {
  const metric = gauge(point({ __name__: 'evil', job: 'mine', instance: 'mine' }));
  const { series } = toPrometheus(otlpBatch([metric]));
  assert.equal(series[0]?.name, 'g');
  assert.deepEqual(series[0].labels, { instance: 'i-1', job: 'shop/checkout' });
  const free = toPrometheus(otlpBatch([metric], NOBODY));
  assert.deepEqual(free.series[0]?.labels, { instance: 'mine', job: 'mine' });
});

test('MAP-9: le and quantile of the series win over attributes of these names', () => {
  const summary = {
    name: 's',
    summary: {
      dataPoints: [
        {
          timeUnixNano: NANOS,
          attributes: attributes({ quantile: 'mine', zone: 'a' }),
          quantileValues: [{ quantile: bits(0.5), value: bits(1) }],
        },
      ],
    },
  };
  const { series } = toPrometheus(otlpBatch([summary], NOBODY));
  assert.deepEqual(
    series.map(({ name, labels }) => [name, labels]),
    [
      ['s_sum', { quantile: 'mine', zone: 'a' }],
      ['s_count', { quantile: 'mine', zone: 'a' }],
      ['s', { quantile: '0.5', zone: 'a' }],
    ],
  );
});

test('MAP-10: the scope becomes labels, its attributes too unless they collide with the three', () => {
  const scope = {
    name: 'lib',
    version: '1.2',
    attributes: attributes({ 'the.kind': 'x', name: 'evil', version: '', schema_url: 'evil' }),
  };
  const given = { resource: {}, scope, schemaUrl: 'http://s' };
  const { series } = toPrometheus(otlpBatch([gauge(point({ otel_scope_name: 'evil' }))], given));
  assert.deepEqual(series[0]?.labels, {
    otel_scope_name: 'lib',
    otel_scope_schema_url: 'http://s',
    otel_scope_the_kind: 'x',
    otel_scope_version: '1.2',
  });
  const without = toPrometheus(otlpBatch([gauge(point())], given), { scopeInfo: false });
  assert.deepEqual(without.series[0]?.labels, {});
});

test('MAP-10: a scope that says nothing leaves no labels, whatever its attributes would be', () => {
  const scope = { attributes: attributes({ name: 'evil' }) };
  const { series } = toPrometheus(otlpBatch([gauge(point())], { resource: {}, scope }));
  assert.deepEqual(series[0]?.labels, {});
});

test('MAP-11: one target_info per job and instance, with the time of the latest point', () => {
  const later = `${BigInt(NANOS) + 5_000_000n}`;
  const resource = { attributes: attributes({ 'service.name': 'a', host: 'h' }) };
  const scoped = (timeUnixNano: string) => ({
    resource,
    scopeMetrics: [{ metrics: [gauge(point({}, { timeUnixNano }))] }],
  });
  const { series } = toPrometheus(otlpRequest([scoped(later), scoped(NANOS)]));
  const targets = series.filter(({ name }) => name === 'target_info');
  assert.equal(targets.length, 1);
  assert.deepEqual(targets[0]?.labels, { host: 'h', job: 'a' });
  assert.equal(targets[0].samples[0]?.timestamp, later.slice(0, -6));
});

test('MAP-11: no target_info without a name, without more to tell, without points, or when switched off', () => {
  const count = (
    resource: Record<string, unknown>,
    settings = {},
    metric: object = gauge(point()),
  ) =>
    toPrometheus(
      otlpBatch([metric as Record<string, unknown>], { resource }),
      settings,
    ).series.filter(({ name }) => name === 'target_info').length;
  assert.equal(count({ 'service.name': 'a', host: 'h' }), 1);
  assert.equal(count({ host: 'h' }), 0);
  assert.equal(count({ 'service.name': 'a', 'service.namespace': 'b' }), 0);
  assert.equal(count({ 'service.name': 'a', host: 'h' }, { targetInfo: false }), 0);
  assert.equal(count({ 'service.name': 'a', host: 'h' }, {}, { name: 'g', gauge: {} }), 0);
});

test('MAP-11: attributes of the resource become labels only when asked for', () => {
  const given = { resource: { 'service.name': 'a', host: 'h' } };
  const batch = otlpBatch([gauge(point({ host: 'mine' }))], given);
  assert.deepEqual(toPrometheus(batch).series[0]?.labels, { host: 'mine', job: 'a' });
  const all = toPrometheus(batch, { resourceToTelemetry: true });
  assert.deepEqual(all.series[0]?.labels, { host: 'h', job: 'a', service_name: 'a' });
});

test('external labels are added where there is none of their name', () => {
  const settings = { externalLabels: { cluster: 'c', zone: 'ext', job: 'ext' } };
  const { series } = toPrometheus(otlpBatch([gauge(point({ zone: 'z' }))]), settings);
  assert.deepEqual(series[0]?.labels, {
    cluster: 'c',
    instance: 'i-1',
    job: 'shop/checkout',
    zone: 'z',
  });
});

test('N-5: labels are in the order of their bytes', () => {
  const odd = { '\u{10000}': 'x', '\u{ffff}': 'x', Upper: 'x', '1': 'x', lower: 'x' };
  const settings = { strategy: 'NoTranslation' } as const;
  const { series } = toPrometheus(otlpBatch([gauge(point(odd))], NOBODY), settings);
  assert.deepEqual(Object.keys(series[0]?.labels ?? {}), [
    '1',
    'Upper',
    'lower',
    '\u{ffff}',
    '\u{10000}',
  ]);
});

test('what is remembered of label sets does not leak from one source to the next', () => {
  const translator = new OtlpToPrometheus();
  for (let round = 0; round < 2; round++) {
    for (const name of ['a', 'b', 'c']) {
      const batch = otlpBatch([gauge(point({ x: '1' }))], { resource: { 'service.name': name } });
      assert.deepEqual(toPrometheus(batch, translator).series[0]?.labels, { job: name, x: '1' });
    }
  }
});
