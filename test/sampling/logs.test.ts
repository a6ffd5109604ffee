import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, type Item, sampler, traceIdOf } from './stand.ts';

const HIGH = `${'a'.repeat(16)}00ffffffffffffff`;
const LOW = `${'a'.repeat(16)}ff00000000000001`;
const text = (key: string, stringValue: string) => attribute(key, { stringValue });
const threshold = (digits: string) => text('sampling.threshold', digits);
const EQUAL_50 = { mode: 'equalizing', sampling_percentage: 50 };

function left(section: object, record: Item): readonly unknown[] | undefined {
  const [kept] = sampler(section).logs([record]);
  return kept === undefined ? undefined : (kept.attributes ?? []);
}

test('log records say their threshold in an attribute, and keep a higher one', () => {
  const f = (before: unknown[], after: unknown[] | undefined, traceId = HIGH) =>
    assert.deepEqual(left(EQUAL_50, { traceId, attributes: before }), after);
  f([], [threshold('8')]);
  f([text('k', 'v')], [text('k', 'v'), threshold('8')]);
  f([threshold('4'), text('k', 'v')], [threshold('8'), text('k', 'v')]);
  f([threshold('c')], [threshold('c')]);
  f([], undefined, LOW);
  f(
    [text('sampling.randomness', '9b8233f7e3a151')],
    [text('sampling.randomness', '9b8233f7e3a151'), threshold('8')],
    LOW,
  );
  f([text('sampling.randomness', '0b8233f7e3a151')], undefined);
});

test('a log record that contradicts itself is refused, or passed without its threshold', () => {
  const record = { traceId: LOW, attributes: [threshold('8'), text('k', 'v')] };
  assert.equal(left(EQUAL_50, record), undefined);
  assert.deepEqual(left({ ...EQUAL_50, fail_closed: false }, record), [text('k', 'v')]);
  const invalid = { traceId: HIGH, attributes: [threshold('XYZ')] };
  assert.equal(left(EQUAL_50, invalid), undefined);
  assert.deepEqual(left({ ...EQUAL_50, fail_closed: false }, invalid), [threshold('XYZ')]);
});

test('hash_seed decides by the trace id, or by an attribute where there is none', () => {
  const records = Array.from({ length: 2000 }, (_, index) => ({
    attributes: [text('order', `order-${index % 500}`)],
  }));
  const by = { sampling_percentage: 50, from_attribute: 'order' };
  const kept = sampler(by).logs(records);
  assert(kept.length > 800 && kept.length < 1200, `${kept.length}`);
  const orders = new Set(kept.map((record) => JSON.stringify(record.attributes)));
  assert.equal(kept.length, orders.size * 4, 'all records of an order are decided alike');
  assert.deepEqual(sampler({ sampling_percentage: 50 }).logs(records), []);

  const withIds = records.map((record, index) => ({ ...record, traceId: traceIdOf(index) }));
  const byId = sampler(by).logs(withIds);
  assert.deepEqual(byId, sampler({ sampling_percentage: 50 }).logs(withIds));
  const byRecord = sampler({ ...by, attribute_source: 'record' }).logs(withIds);
  assert.equal(byRecord.length, kept.length);
});

test('the priority attribute is a percentage of the record’s own', () => {
  const f = (value: object, section: object, isKept: boolean) => {
    const record = { traceId: LOW, attributes: [attribute('share', value)] };
    const kept = left({ sampling_priority: 'share', ...section }, record);
    assert.equal(kept !== undefined, isKept, JSON.stringify([value, section]));
  };
  const none = { sampling_percentage: 0 };
  const all = { ...EQUAL_50, sampling_percentage: 100 };
  f({ intValue: '100' }, none, true);
  f({ intValue: '100' }, EQUAL_50, true);
  f({ intValue: '1' }, all, false);
  f({ doubleValue: 0.5 }, all, false);
  f({ intValue: '0' }, all, true);
  f({ intValue: '101' }, EQUAL_50, false);
  f({ stringValue: '100' }, EQUAL_50, false);
  const [record] = sampler({ ...EQUAL_50, sampling_priority: 'share' }).logs([
    { traceId: LOW, attributes: [attribute('share', { intValue: '100' })] },
  ]);
  assert.deepEqual(record?.attributes?.[1], threshold('0'));
});
