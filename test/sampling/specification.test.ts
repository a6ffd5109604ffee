import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAST_PROBABILITY, thresholdFor } from '../../src/formats/otlp/sampling/threshold.ts';
import { attribute, type Item, sampler, traceIdOf } from './stand.ts';

const IDS = Array.from({ length: 2000 }, (_, index) => traceIdOf(index));
const LOW = `${'a'.repeat(16)}ff00000000000001`;
const HIGH = `${'a'.repeat(16)}00ffffffffffffff`;
const DIGITS_RV = '9b8233f7e3a151';

/** The tracestate with which a span leaves; undefined when it is dropped. */
function leaving(section: object, traceState: string, traceId = HIGH): string | undefined {
  const [span] = sampler(section).spans([{ traceId, traceState }]);
  return span === undefined ? undefined : (span.traceState ?? '');
}

function digitsFor(probability: number, precision = 4): string {
  const { digits } = thresholdFor(probability, precision)!;
  return Buffer.from(digits).toString();
}

const EQUAL_50 = { mode: 'equalizing', sampling_percentage: 50 };
const PROPORTIONAL_50 = { mode: 'proportional', sampling_percentage: 50 };
const OPEN = { fail_closed: false };

test('SMP-1: other keys of ot and members of other vendors are preserved, ot comes to the front', () => {
  const f = (before: string, after: string | undefined) =>
    assert.equal(leaving(EQUAL_50, before), after, before);
  f('', 'ot=th:8');
  f('ot=foo:bar;th:4', 'ot=foo:bar;th:8');
  f('ot=th:4;foo:bar', 'ot=th:8;foo:bar');
  f('ot=foo:B.a-r_9', 'ot=th:8;foo:B.a-r_9');
  f('a=1,b@c= x y', 'ot=th:8,a=1,b@c= x y');
  f('a=1 ,\t ot=th:4,,b=2', 'ot=th:8,a=1,b=2');
  f('a=1,ot=th:8,b=2', 'a=1,ot=th:8,b=2');
});

test('SMP-1: an ot value that would exceed 256 characters stays as it is and is reported', () => {
  const { spans, numbers } = sampler(EQUAL_50);
  const full = `ot=x:${'y'.repeat(252)}`;
  const fits = `ot=x:${'y'.repeat(249)}`;
  const [first, second] = spans([
    { traceId: HIGH, traceState: full },
    { traceId: HIGH, traceState: fits },
  ]);
  assert.equal(first?.traceState, full);
  assert.equal(second?.traceState, `ot=th:8;x:${'y'.repeat(249)}`);
  assert.equal(numbers.sum('sampler_problem_items', { problem: 'tracestate_full' }), 1);
});

test('SMP-1: a tracestate of 32 members has no room for another', () => {
  const members = Array.from({ length: 31 }, (_, index) => `v${index}=1`).join();
  assert.equal(leaving(EQUAL_50, members), `ot=th:8,${members}`);
  assert.equal(leaving(EQUAL_50, `${members},w=1`), `${members},w=1`);
  assert.equal(leaving(EQUAL_50, `${members},ot=th:0`), `ot=th:8,${members}`);
});

test('SMP-2: leading zeros are kept, trailing ones removed, th:0 is 100 %', () => {
  assert.equal(digitsFor(0.96875), '08');
  assert.equal(digitsFor(0.5), '8');
  assert.equal(digitsFor(1), '0');
  const { spans, numbers } = sampler({ mode: 'equalizing', sampling_percentage: 100 });
  const [span] = spans([{ traceId: HIGH, traceState: 'ot=th:08' }]);
  assert.equal(span?.traceState, 'ot=th:08');
  assert.equal(numbers.sum('sampler_represented_items'), 1 / 0.96875);
});

test('SMP-3: rv decides before the trace id and is forwarded as it came', () => {
  assert.equal(leaving(EQUAL_50, `ot=rv:${DIGITS_RV}`, LOW), `ot=th:8;rv:${DIGITS_RV}`);
  assert.equal(leaving(EQUAL_50, 'ot=rv:00000000000000', HIGH), undefined);
  assert.equal(leaving(EQUAL_50, '', HIGH)?.includes('rv'), false);
});

test('SMP-3: an rv or th with a value that is none counts as absent and is reported', () => {
  const { spans, numbers } = sampler(EQUAL_50);
  const states = [
    'ot=rv:ABCDEF00000000',
    'ot=rv:123',
    'ot=th:C',
    'ot=th:123456789abcdef',
    'ot=th:',
  ];
  const left = spans(states.map((traceState) => ({ traceId: HIGH, traceState })));
  assert.deepEqual(
    left.map((span) => span.traceState),
    ['ot=th:8;rv:ABCDEF00000000', 'ot=th:8;rv:123', 'ot=th:8', 'ot=th:8', 'ot=th:8'],
  );
  assert.equal(numbers.sum('sampler_problem_items', { problem: 'invalid_randomness' }), 2);
  assert.equal(numbers.sum('sampler_problem_items', { problem: 'invalid_threshold' }), 3);
});

test('SMP-4: R at the threshold is kept, R below it is not', () => {
  const at = (low: string) => `${'b'.repeat(18)}${low}`;
  assert.equal(leaving(EQUAL_50, '', at('80000000000000')), 'ot=th:8');
  assert.equal(leaving(EQUAL_50, '', at('7fffffffffffff')), undefined);
  const threshold = thresholdFor(0.25, 4);
  assert.equal(threshold?.adjustedCount, 4);
  assert.equal(threshold.probability, 0.25);
});

test('SMP-5: what is kept carries a threshold, and never a lower one than it came with', () => {
  for (const mode of ['proportional', 'equalizing']) {
    for (const percentage of [1, 10, 50, 99, 100]) {
      for (const before of ['', 'ot=th:0', 'ot=th:4', 'ot=th:e666', 'ot=th:fffff']) {
        const after = leaving({ mode, sampling_percentage: percentage }, before);
        const digits = /th:([0-9a-f]+)/;
        const [, had = '0'] = digits.exec(before) ?? [];
        const [, has] = digits.exec(after ?? '') ?? [];
        assert(has !== undefined, `${mode} ${percentage} ${before}`);
        assert(has.padEnd(14, '0') >= had.padEnd(14, '0'), `${mode} ${percentage} ${before}`);
      }
    }
  }
});

test('SMP-6: equalizing leaves a higher threshold alone and raises a lower one', () => {
  assert.equal(leaving(EQUAL_50, 'ot=th:c'), 'ot=th:c');
  assert.equal(leaving(EQUAL_50, 'ot=th:4'), 'ot=th:8');
  assert.equal(leaving(EQUAL_50, 'ot=th:4', `${'a'.repeat(18)}50000000000000`), undefined);
});

test('SMP-7: proportional multiplies probabilities, and drops what is too small to be said', () => {
  assert.equal(leaving(PROPORTIONAL_50, ''), 'ot=th:8');
  assert.equal(leaving(PROPORTIONAL_50, 'ot=th:8'), 'ot=th:c');
  assert.equal(leaving(PROPORTIONAL_50, 'ot=th:c'), 'ot=th:e');
  assert.equal(leaving(PROPORTIONAL_50, 'ot=th:ffffffffffffff'), undefined);
});

test('SMP-8: a threshold that contradicts the randomness is erased, the span refused', () => {
  const f = (before: string, after: string) => {
    assert.equal(leaving(EQUAL_50, before, LOW), undefined);
    assert.equal(leaving({ ...EQUAL_50, ...OPEN }, before, LOW), after);
  };
  f('ot=th:8', '');
  f('ot=th:8;x:y,a=b', 'ot=x:y,a=b');
  f('a=b,ot=th:8', 'a=b');
  const { spans, numbers } = sampler(EQUAL_50);
  spans([{ traceId: LOW, traceState: 'ot=th:8' }]);
  const problem = { problem: 'inconsistent_threshold' };
  assert.equal(numbers.sum('sampler_problem_items', problem), 1);
});

test('SMP-9: a rule is chosen on what does not depend on R, so thresholds stay consistent', () => {
  const section = { ...EQUAL_50, keep: [{ name: 'all', tenant: { equals: 'a' } }] };
  const [span] = sampler(section).spans([{ traceId: HIGH, traceState: 'ot=th:c' }], 'a');
  assert.equal(span?.traceState, 'ot=th:c');
});

test('SMP-10: 0 % drops everything, 100 % says th:0', () => {
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    const items = IDS.map((traceId) => ({ traceId }));
    assert.equal(sampler({ mode, sampling_percentage: 0 }).spans(items).length, 0);
    assert.equal(sampler({ mode, sampling_percentage: 100 }).spans(items).length, items.length);
  }
  assert.equal(leaving({ mode: 'equalizing', sampling_percentage: 100 }, ''), 'ot=th:0');
  assert.equal(leaving({ mode: 'proportional', sampling_percentage: 100 }, ''), 'ot=th:0');
});

test('SMP-11: without randomness a span is dropped, or passed unchanged when failing open', () => {
  const zero = '0'.repeat(32);
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    const section = { mode, sampling_percentage: 50 };
    assert.equal(leaving(section, 'a=b', zero), undefined);
    assert.equal(leaving({ ...section, ...OPEN }, 'a=b', zero), 'a=b');
    assert.equal(leaving({ ...section, ...OPEN }, '', ''), '');
  }
});

test('SMP-12: thresholds have four significant digits, leading f not counted', () => {
  const f = (probability: number, digits: string) => assert.equal(digitsFor(probability), digits);
  f(1, '0');
  f(1 / 2, '8');
  f(1 / 3, 'aaab');
  f(1 / 4, 'c');
  f(1 / 5, 'cccd');
  f(1 / 8, 'e');
  f(1 / 10, 'e666');
  f(1 / 16, 'f');
  f(1 / 100, 'fd70a');
  f(1 / 1000, 'ffbe77');
  f(1e-4, 'fff9724');
  f(1e-5, 'ffff583a');
  f(1e-6, 'ffffef39');
  const { probability } = thresholdFor(0.99, 4)!;
  assert(Math.abs(probability - 0.99) <= 2 ** -16);
});

test('SMP-12: rounding never reaches 2^56', () => {
  for (let exponent = 0; exponent <= 56; exponent++) {
    for (const factor of [1, 1.0001, 1.5, 1.9999]) {
      for (let precision = 1; precision <= 14; precision++) {
        const probability = Math.min(1, 2 ** -exponent * factor);
        const threshold = thresholdFor(probability, precision)!;
        assert(threshold.high < 2 ** 28 && threshold.probability >= LEAST_PROBABILITY);
      }
    }
  }
  assert.equal(thresholdFor(2 ** -57, 4), undefined);
});

test('SMP-13: sampling.priority 0 drops and more keeps, whatever the percentage and type', () => {
  const f = (value: object, percentage: number, isKept: boolean) => {
    for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
      const attributes = [
        attribute('other', { stringValue: 'x' }),
        attribute('sampling.priority', value),
      ];
      const { spans } = sampler({ mode, sampling_percentage: percentage });
      assert.equal(
        spans([{ traceId: HIGH, attributes }]).length,
        Number(isKept),
        JSON.stringify(value),
      );
    }
  };
  f({ intValue: '0' }, 100, false);
  f({ doubleValue: 0 }, 100, false);
  f({ stringValue: '0.0' }, 100, false);
  f({ intValue: '1' }, 0, true);
  f({ doubleValue: 0.1 }, 0, true);
  f({ stringValue: '2' }, 0, true);
  f({ intValue: '-1' }, 0, false);
  f({ stringValue: 'often' }, 100, true);
  f({ boolValue: false }, 100, true);
});

test('SMP-13: hash_seed is the default and writes nothing', () => {
  const items = IDS.map((traceId) => ({ traceId }));
  const left = sampler({ sampling_percentage: 10 }).spans(items);
  assert.deepEqual(left, sampler({ mode: 'hash_seed', sampling_percentage: 10 }).spans(items));
  assert(left.length > 0 && left.every((span) => span.traceState === undefined));
});

test('SMP-14: the vectors of the specification', () => {
  assert.equal(leaving(EQUAL_50, `ot=rv:${DIGITS_RV};th:0`), `ot=rv:${DIGITS_RV};th:8`);
  const id = `${'c'.repeat(18)}6e6d1a75832a2f`;
  assert.equal(
    leaving({ mode: 'equalizing', sampling_percentage: 57 }, '', id) === undefined,
    false,
  );
  assert.equal(leaving({ mode: 'equalizing', sampling_percentage: 56.8 }, '', id), undefined);
  assert.equal(thresholdFor(0.25, 4)?.adjustedCount, 4);
});

test('SMP-15: an id kept at one percentage is kept at every higher one, by every gateway', () => {
  const items = IDS.map((traceId) => ({ traceId }));
  const kept = (mode: string, percentage: number) =>
    new Set(
      sampler({ mode, sampling_percentage: percentage })
        .spans(items)
        .map((span) => span.traceId),
    );
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    const sets = [1, 5, 10, 33.3, 50, 90, 100].map((percentage) => kept(mode, percentage));
    for (const [index, set] of sets.entries()) {
      const next = sets[index + 1];
      if (next !== undefined) for (const id of set) assert(next.has(id), mode);
    }
    assert.deepEqual(kept(mode, 10), kept(mode, 10));
  }
});

test('SMP-16: 56 bits are compared exactly', () => {
  const section = { mode: 'equalizing', sampling_percentage: 100 };
  const id = (low: string) => `${'d'.repeat(18)}${low}`;
  const state = 'ot=th:80000000000001';
  assert.equal(leaving(section, state, id('80000000000001')), state);
  assert.equal(leaving(section, state, id('80000000000000')), undefined);
});

test('a malformed tracestate is left as it is and counted; it is refused unless failing open', () => {
  const states = [
    'a',
    'A=b',
    '=b',
    'a=',
    'a=b=c',
    'ot=th:8;',
    'ot=th:8;;x:y',
    'ot=x',
    'ot=X:y',
    'ot=th:8;th:8',
    'ot=th:8,ot=x:y',
    `ot=rv:${DIGITS_RV};rv:${DIGITS_RV}`,
    'a=\u00fc',
    Array.from({ length: 33 }, (_, index) => `v${index}=1`).join(),
  ];
  for (const mode of ['hash_seed', 'proportional', 'equalizing']) {
    const section = { mode, sampling_percentage: 100 };
    const { spans, numbers } = sampler({ ...section, ...OPEN });
    const items = states.map((traceState) => ({ traceId: HIGH, traceState }));
    assert.deepEqual(
      spans(items).map((span) => span.traceState),
      states,
    );
    assert.equal(numbers.sum('sampler_problem_items', { problem: 'malformed' }), states.length);
    assert.equal(sampler(section).spans(items).length, 0);
  }
});

test('hash_seed refuses what another sampler has decided about, as the Collector does', () => {
  const items: Item[] = [{ traceId: HIGH, traceState: 'ot=th:8' }];
  const { spans, numbers } = sampler({ sampling_percentage: 100 });
  assert.equal(spans(items).length, 0);
  assert.equal(numbers.sum('sampler_problem_items', { problem: 'sampling_in_use' }), 1);
  assert.equal(sampler({ sampling_percentage: 100, ...OPEN }).spans(items).length, 1);
});
