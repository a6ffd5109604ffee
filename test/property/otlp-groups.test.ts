import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Signal } from '../../src/contract/batch.ts';
import { groupByResource } from '../../src/formats/otlp/groups/by-resource.ts';
import { groupByTrace } from '../../src/formats/otlp/groups/by-trace.ts';
import { countItems } from '../../src/formats/otlp/walk.ts';
import { flatten } from './otlp-model.ts';
import { decode, generateRequest, SIGNALS } from './otlp-requests.ts';

/** The items of a request; a resource or a scope without any belongs to no trace. */
const itemsOf = (signal: Signal, bytes: Uint8Array) =>
  flatten(decode(signal, bytes)).filter((line) => !line.endsWith(' nothing'));

const seed = fc.integer({ min: 1, max: 1 << 30 });

test('a request divided by trace has every item once, with its resource and scope, and one trace in each part', () => {
  fc.assert(
    fc.property(fc.constantFrom('traces', 'logs'), seed, (signal, number) => {
      const bytes = generateRequest(signal, number);
      const groups = groupByTrace(signal, bytes);
      const items = groups.flatMap((group) => itemsOf(signal, group.bytes));
      assert.deepEqual(items.toSorted(), itemsOf(signal, bytes));
      for (const group of groups) assert.equal(group.items, countItems(signal, group.bytes));
      const ids = groups.map(({ traceId }) => Buffer.from(traceId ?? []).toString('hex'));
      assert.equal(new Set(ids).size, groups.length);
    }),
  );
});

test('a request of one trace, and one of no items, is the very same array', () => {
  const empty = new Uint8Array(0);
  assert.equal(groupByTrace('traces', empty)[0]?.bytes, empty);
  assert.equal(groupByResource(empty, () => '')[0]?.bytes, empty);
});

test('a request divided by resource has every item once', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SIGNALS), seed, (signal, number) => {
      const bytes = generateRequest(signal, number);
      const groups = groupByResource(bytes, (attributes) => `${attributes.size % 3}`);
      const items = groups.flatMap((group) => flatten(decode(signal, group.bytes)));
      assert.deepEqual(items.toSorted(), flatten(decode(signal, bytes)));
      assert.equal(new Set(groups.map(({ key }) => key)).size, groups.length);
    }),
  );
});
