import assert from 'node:assert/strict';
import { test } from 'node:test';
import definition from '../../src/components/processors/probabilistic_sampler/index.ts';
import { settings } from '../../src/components/processors/probabilistic_sampler/settings.ts';
import { attribute, batchWith, type Item, request, sampler, traceIdOf } from './stand.ts';

const ID = traceIdOf(1);
const text = (key: string, stringValue: string) => attribute(key, { stringValue });
const NONE = { sampling_percentage: 0 };

/** Whether a rule keeps a span at 0 %. */
function keeps(rule: object, span: Item, tenant = '', resource: object = {}): boolean {
  const { spans } = sampler({ ...NONE, keep: [{ name: 'r', ...rule }] });
  return spans([{ traceId: ID, ...span }], tenant, resource).length === 1;
}

test('a rule keeps what matches all its conditions, at 0 % too', () => {
  const f = (rule: object, span: Item, expected: boolean) =>
    assert.equal(keeps(rule, span), expected, JSON.stringify([rule, span]));
  const failed = { status: { code: 2 } };
  f({ status_codes: ['error'] }, failed, true);
  f({ status_codes: ['ERROR'] }, { status: { code: 1 } }, false);
  f({ status_codes: ['UNSET'] }, {}, true);
  f({ span_kinds: ['SPAN_KIND_SERVER'] }, { kind: 2 }, true);
  f({ span_kinds: ['SPAN_KIND_SERVER', 'SPAN_KIND_CLIENT'] }, { kind: 1 }, false);
  f({ status_codes: ['ERROR'], span_kinds: ['SPAN_KIND_SERVER'] }, failed, false);
  const times = (nanoseconds: number) => ({
    startTimeUnixNano: '1763700000000000000',
    endTimeUnixNano: String(1763700000000000000n + BigInt(nanoseconds)),
  });
  f({ min_duration: '2s' }, times(2_000_000_000), true);
  f({ min_duration: '2s' }, times(1_999_999_999), false);
  f({ min_duration: '1ms' }, times(-5_000_000), false);
});

test('a rule asks attributes of the span, its route, its resource and its tenant', () => {
  const f = (rule: object, attributes: unknown[], expected: boolean) =>
    assert.equal(keeps(rule, { attributes }), expected, JSON.stringify([rule, attributes]));
  const is = (condition: object) => ({ attributes: [{ key: 'k', ...condition }] });
  f(is({ equals: 'v' }), [text('k', 'v')], true);
  f(is({ equals: 5 }), [attribute('k', { intValue: '5' })], true);
  f(is({ equals: 5 }), [text('k', '5')], false);
  f(is({ matches: '^v(1|2)$' }), [text('k', 'v2')], true);
  f(is({ matches: '^v(1|2)$' }), [text('k', 'v3')], false);
  f(is({ matches: '^5' }), [attribute('k', { intValue: '500' })], true);
  f(is({ exists: true }), [text('k', '')], true);
  f(is({ exists: true }), [text('j', '')], false);
  f(is({ exists: false }), [text('j', '')], true);
  const route = { route: { matches: '^/checkout' } };
  f(route, [text('http.route', '/checkout/{id}')], true);
  f(route, [text('url.path', '/checkout')], true);
  f(route, [text('http.route', '/'), text('url.path', '/checkout')], false);
  f(route, [], false);

  const resource = { attributes: [text('service.name', 'payment')] };
  const rule = { resource_attributes: [{ key: 'service.name', equals: 'payment' }] };
  assert(keeps(rule, {}, '', resource));
  assert(!keeps(rule, {}));
  assert(keeps({ tenant: { equals: 'acme' } }, {}, 'acme'));
  assert(!keeps({ tenant: { equals: 'acme' } }, {}, 'acm'));
  assert(keeps({ tenant: { matches: '^gold-' } }, {}, 'gold-7'));
});

test('what one resource answers is not believed of the next, nor of the next request', () => {
  const keep = [{ name: 'r', resource_attributes: [{ key: 'k', exists: true }] }];
  const { spans } = sampler({ ...NONE, keep });
  const marked = { attributes: [text('k', '')] };
  const count = (resource: object) => spans([{ traceId: ID }], '', resource).length;
  assert.deepEqual([marked, {}, marked, {}].map(count), [1, 0, 1, 0]);
});

test('what a rule keeps is marked, by the priority attribute, another, or none', () => {
  const f = (mark: object, expected: unknown[]) => {
    const keep = [{ name: 'r', status_codes: ['ERROR'], ...mark }];
    const [span] = sampler({ ...NONE, keep }).spans([{ traceId: ID, status: { code: 2 } }]);
    assert.deepEqual(span?.attributes ?? [], expected);
  };
  f({}, [attribute('sampling.priority', { intValue: '1' })]);
  f({ mark: 'keep.me' }, [attribute('keep.me', { intValue: '1' })]);
  f({ mark: 'none' }, []);
});

test('a rule goes before a priority of 0, and the mark replaces it', () => {
  const keep = [{ name: 'r', status_codes: ['ERROR'] }];
  const attributes = [attribute('sampling.priority', { intValue: '0' }), text('k', 'v')];
  const [span] = sampler({ ...NONE, keep }).spans([
    { traceId: ID, status: { code: 2 }, attributes },
  ]);
  assert.deepEqual(span?.attributes, [
    attribute('sampling.priority', { intValue: '1' }),
    text('k', 'v'),
  ]);
});

test('the next gateway keeps it too, with its weight, whatever its percentage and mode', () => {
  const keep = [{ name: 'r', status_codes: ['ERROR'] }];
  for (const first of ['hash_seed', 'proportional', 'equalizing']) {
    for (const second of ['hash_seed', 'proportional', 'equalizing']) {
      const kept = sampler({ mode: first, ...NONE, keep }).spans([
        { traceId: ID, status: { code: 2 } },
      ]);
      const [span] = sampler({ mode: second, ...NONE }).spans(kept);
      assert.equal(span?.traceState, 'ot=th:0', `${first} ${second}`);
    }
  }
});

test('a threshold that a kept span arrived with stays, and none becomes th:0', () => {
  const keep = [{ name: 'all', attributes: [{ key: 'absent', exists: false }], mark: 'none' }];
  const f = (traceState: string, expected: string) => {
    const section = { mode: 'equalizing', sampling_percentage: 1, keep };
    const traceId = 'f'.repeat(32);
    const [span] = sampler(section).spans([{ traceId, traceState }]);
    assert.equal(span?.traceState ?? '', expected);
  };
  f('', 'ot=th:0');
  f('ot=th:c', 'ot=th:c');
  f('a=b', 'ot=th:0,a=b');
  f('ot=rv:00000000000000;th:8', 'ot=rv:00000000000000');
  f('broken', 'broken');
});

test('rules are counted by name, the first that matches, and the books of a sampler add up', () => {
  const keep = [
    { name: 'errors', status_codes: ['ERROR'] },
    { name: 'servers', span_kinds: ['SPAN_KIND_SERVER'] },
  ];
  const { spans, numbers } = sampler({ mode: 'equalizing', sampling_percentage: 25, keep });
  const items = Array.from({ length: 1000 }, (_, index) => ({
    traceId: traceIdOf(index),
    ...(index % 10 === 0 ? { status: { code: 2 } } : {}),
    ...(index % 4 === 0 ? { kind: 2 } : {}),
  }));
  const left = spans(items);
  const sum = (name: string, labels = {}) => numbers.sum(`sampler_${name}_items`, labels);
  assert.deepEqual(
    [sum('rule_kept', { rule: 'errors' }), sum('rule_kept', { rule: 'servers' })],
    [100, 200],
  );
  assert.equal(sum('kept', { by: 'rule' }), 300);
  assert.equal(sum('seen'), 1000);
  assert.equal(sum('kept'), left.length);
  assert.equal(sum('kept') + sum('dropped'), sum('seen'));
  assert.equal(sum('represented'), 300 + (left.length - 300) * 4);
});

test('tenants have percentages of their own, all others the default', () => {
  const { spans } = sampler({ sampling_percentage: 10, tenants: { all: 100, none: 0 } });
  const items = Array.from({ length: 1000 }, (_, index) => ({ traceId: traceIdOf(index) }));
  assert.equal(spans(items, 'all').length, 1000);
  assert.equal(spans(items, 'none').length, 0);
  const rest = spans(items, 'other').length;
  assert(rest > 50 && rest < 150, `${rest}`);
  assert.equal(spans(items, 'constructor').length, rest);
});

test('rules keep log records by attribute, resource and tenant, and mark them with 100', () => {
  const keep = [
    { name: 'audit', attributes: [{ key: 'audit', exists: true }] },
    { name: 'spans', status_codes: ['UNSET'] },
    { name: 'routes', route: { matches: '' } },
  ];
  const { logs } = sampler({ ...NONE, keep });
  const [record, ...more] = logs([
    { traceId: ID, attributes: [text('audit', 'x')] },
    { attributes: [text('http.route', '/')] },
  ]);
  assert.deepEqual(more, []);
  assert.deepEqual(record?.attributes, [
    text('audit', 'x'),
    text('sampling.threshold', '0'),
    attribute('sampling.priority', { intValue: '100' }),
  ]);
  const next = { ...NONE, sampling_priority: 'sampling.priority' };
  assert.equal(sampler(next).logs([record!]).length, 1);
});

test('the very same buffer is forwarded where everything is kept and nothing written', () => {
  const items = Array.from({ length: 50 }, (_, index) => ({ traceId: traceIdOf(index) }));
  for (const signal of ['traces', 'logs'] as const) {
    const { transform } = sampler({ sampling_percentage: 100 });
    const batch = batchWith(signal, request(signal, items), items.length);
    assert.equal(transform(batch), batch);
  }
  const { transform } = sampler(NONE);
  assert.equal(transform(batchWith('traces', request('traces', items), items.length)), undefined);
});

test('chunks are sampled one by one, and those with nothing left go', () => {
  const { transform } = sampler({
    ...NONE,
    keep: [{ name: 'r', status_codes: ['ERROR'], mark: 'none' }],
  });
  const kept = request('traces', [{ traceId: ID, traceState: 'ot=th:0', status: { code: 2 } }]);
  const dropped = request('traces', [{ traceId: ID }]);
  const batch = { ...batchWith('traces', kept, 3), chunks: [dropped, kept, dropped] };
  const result = transform(batch);
  assert.deepEqual([result?.chunks, result?.items, result?.byteLength], [[kept], 1, kept.length]);
});

test('mistakes in the settings are named, and what may surprise is noted', () => {
  const mistake = (section: object) =>
    settings.safeParse({ sampling_percentage: 10, ...section }).error?.issues[0]?.message ?? '';
  assert.match(mistake({ sampling_percentage: -1 }), /0/);
  assert.match(mistake({ sampling_percentage: 1e-17 }), /too small/);
  assert.match(mistake({ sampling_precision: 15 }), /14/);
  assert.match(mistake({ keep: [{ name: 'x' }] }), /needs something to match/);
  const twice = { name: 'x', route: { equals: '/' } };
  assert.match(mistake({ keep: [twice, twice] }), /"x" is taken/);
  assert.match(mistake({ keep: [{ name: 'x', route: { matches: '(' } }] }), /RE2/);
  assert.match(mistake({ keep: [{ name: 'x', route: {} }] }), /one of equals/);
  assert.match(mistake({ keep: [{ name: 'x', attributes: [{ key: 'k' }] }] }), /exists/);
  const notes = (section: object) => definition.notes(settings.parse(section)).join();
  assert.match(notes({ sampling_percentage: 0.001 }), /keeps nothing/);
  assert.match(notes({ sampling_percentage: 1, attribute_source: 'record' }), /from_attribute/);
  assert.match(
    notes({ sampling_percentage: 1, mode: 'equalizing', from_attribute: 'k' }),
    /no effect/,
  );
  assert.equal(notes({ sampling_percentage: 0 }), '');
});
