import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTranslation } from './translate.ts';
import {
  formBatch,
  type PlainSeries,
  type ReadSeries,
  readForm,
  STALE,
  toOtlp,
  toPrometheus,
} from './fixture.test.ts';
import { floatText } from './float-text.ts';
import { generateRequest } from '../../../test/property/otlp-requests.ts';
import { validateRequest } from '../otlp/validate.ts';
import { batchOf } from '../../contract/batch.ts';

const RUNS = { numRuns: 300 };
const value = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.bigInt(0n, 2n ** 52n - 1n).map((payload) => 0x7ff0000000000000n | payload),
  fc.constantFrom(STALE, 0n, 1n << 63n, 1n, 0xfff8dead0000beefn),
);
const sample = fc.record({
  value: value.map(String),
  timestamp: fc.integer({ min: 1, max: 18_446_744_073_709 }).map(String),
  start_timestamp: fc.integer({ min: 0, max: 18_446_744_073_709 }).map(String),
});
const name = fc
  .stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/)
  .filter((text) => text !== 'target_info');
const labelName = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const labels = fc.dictionary(labelName, fc.string({ minLength: 1, unit: 'grapheme' }), {
  maxKeys: 5,
});

const series = fc
  .record({
    name,
    labels,
    samples: fc.array(sample, { minLength: 1, maxLength: 3 }),
    metadata: fc.record({
      type: fc.constantFrom(0, 1, 2, 6, 7),
      help: fc.string({ unit: 'grapheme' }),
      unit: fc.constantFrom('', 'seconds', 'bytes_per_second', 'apples'),
    }),
  })
  .map(({ name: __name__, labels: others, ...rest }) => ({
    ...rest,
    labels: { ...others, __name__ },
  }));

/** One line per sample: what must survive. A stale marker has no start. */
function facts(list: readonly (PlainSeries | ReadSeries)[]): string[] {
  return list
    .flatMap((each) => {
      const { __name__ = (each as ReadSeries).name, ...others } = each.labels as Record<
        string,
        string
      >;
      const sorted = Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1));
      return (each.samples as ReadSeries['samples']).map((point) => {
        const start = point.value === String(STALE) ? '0' : point.start_timestamp;
        return JSON.stringify([__name__, sorted, point.value, point.timestamp, start]);
      });
    })
    .sort();
}

test('counters and gauges come back from OTLP to the bit, every NaN among them', () => {
  fc.assert(
    fc.property(fc.uniqueArray(series, { selector: (each) => each.labels.__name__ }), (list) => {
      if (list.length === 0) return;
      const given = formBatch(list);
      const otlp = toOtlp(given);
      assert.deepEqual(otlp.drops, {});
      const back = toPrometheus(otlp.batch!, { strategy: 'NoTranslation', scopeInfo: false });
      assert.deepEqual(back.drops, {});
      const result = back.series.filter((each) => each.name !== 'target_info');
      assert.deepEqual(facts(result), facts(list));
      const types = (all: readonly { metadata?: { type: number } | undefined }[]) =>
        new Set(all.map(({ metadata }) => metadata?.type ?? 0));
      const wanted = types(list as { metadata: { type: number } }[]);
      assert.deepEqual(types(result), wanted);
    }),
    RUNS,
  );
});

test('a float in a label means the float it was made of, and has no exponent', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const text = floatText(number);
      assert.ok(Object.is(Number(text), number));
      assert.match(text, /^-?\d+(\.\d+)?$/);
    }),
  );
});

test('whatever valid OTLP metrics come, the result is a valid chunk, and back a valid request', () => {
  for (let seed = 0; seed < 400; seed++) {
    const bytes = generateRequest('metrics', seed, {
      unknown: true,
      disorder: true,
      overlap: true,
    });
    const { items } = validateRequest('metrics', bytes);
    const origin = { receiver: 'test', tenant: 'default', receivedAt: 1, metadata: {} };
    const batch = batchOf(bytes, items, { signal: 'metrics', form: 'otlp', origin });
    const { batch: form } = toPrometheus(batch);
    if (form !== undefined) toOtlp(form);
  }
});

test('a batch that has the form already passes as it is', () => {
  const given = formBatch([{ labels: { __name__: 'a' }, samples: [{ value: '0', timestamp: 1 }] }]);
  assert.equal(createTranslation('prometheus')(given), given);
  const otlp = createTranslation('otlp')(given)!;
  assert.equal(otlp.form, 'otlp');
  assert.equal(createTranslation('otlp')(otlp), otlp);
  assert.equal(readForm(createTranslation('prometheus')(otlp)!.chunks[0]!).series[0]?.name, 'a');
});
