import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchOf, type Bytes, joinChunks, type Signal } from '../../src/contract/batch.ts';
import type { Transform } from '../../src/contract/component.ts';
import attributesProcessor from '../../src/components/processors/attributes/index.ts';
import resourceProcessor from '../../src/components/processors/resource/index.ts';
import { validateRequest } from '../../src/formats/otlp/validate.ts';
import { itemsOf, markMetrics, type Pair, resourcesOf } from './otlp-model.ts';
import { decode, generateRequest, type Plain, SIGNALS } from './otlp-requests.ts';

const KEYS = ['k', 'tenant', 'http.route', 'x'];
const ORIGIN = {
  receiver: 'otlp',
  tenant: 'acme',
  receivedAt: 0,
  metadata: { 'x-tenant': ['a', 'b'] },
  clientAddress: '::1',
};

interface Action {
  key: string;
  action: string;
  value?: string | number;
  from_attribute?: string;
  from_context?: string;
  default_value?: string;
  pattern?: string;
  converted_type?: string;
}

const keys = fc.constantFrom(...KEYS, 'absent');
const sources = fc.oneof(
  fc.record({ value: fc.constantFrom('', 'v', 7, -1, 2.5) }),
  fc.record({ from_attribute: keys }),
  fc.record({ from_attribute: keys, default_value: fc.constant('default') }),
  fc.record({
    from_context: fc.constantFrom('metadata.X-Tenant', 'client.address', 'metadata.no'),
  }),
);
const actions: fc.Arbitrary<Action> = fc.oneof(
  fc
    .tuple(fc.constantFrom('insert', 'update', 'upsert'), keys, sources)
    .map(([action, key, source]) => ({ key, action, ...source })),
  fc.record({ key: keys, action: fc.constantFrom('delete', 'hash') }),
  fc.record({ key: keys, action: fc.constantFrom('delete', 'hash'), pattern: fc.constant('^h|n') }),
  fc.record({
    key: keys,
    action: fc.constant('extract'),
    pattern: fc.constant('(?P<x>.)(?P<y>.?)'),
  }),
  fc.record({
    key: keys,
    action: fc.constant('convert'),
    converted_type: fc.constantFrom('int', 'double'),
  }),
);

/** The same actions on decoded attributes, written to be obviously right. */
function applyPlain(pairs: Pair[], action: Action): Pair[] {
  const find = (key: string) => pairs.find((pair) => (pair.key ?? '') === key);
  const put = (key: string, value: Plain): Pair[] => {
    const first = find(key);
    if (first === undefined) return [...pairs, { key, value }];
    return pairs
      .filter((pair) => pair === first || (pair.key ?? '') !== key)
      .map((pair) => (pair === first ? { key, value } : pair));
  };
  const target = find(action.key);
  switch (action.action) {
    case 'insert':
    case 'update':
    case 'upsert': {
      const value = sourceOf(pairs, action);
      const isAllowed =
        target === undefined ? action.action !== 'update' : action.action !== 'insert';
      if (value === undefined || !isAllowed) return pairs;
      // What is as it should be is left alone, even where the key is there twice.
      if (target !== undefined && same(target.value ?? {}, value)) return pairs;
      return put(action.key, value);
    }
    case 'delete':
      return pairs.filter((pair) => !isMeant(pair, action, target));
    case 'hash':
      return pairs.map((pair) =>
        pair === target || (action.pattern !== undefined && /^h|n/.test(pair.key ?? ''))
          ? { key: pair.key ?? '', value: { stringValue: hashOf(pair.value ?? {}) } }
          : pair,
      );
    case 'extract': {
      const text = target?.value?.['stringValue'];
      const match = typeof text === 'string' ? /(.)(.?)/u.exec(text) : null;
      if (match === null) return pairs;
      pairs = put('x', { stringValue: match[1] });
      return put('y', { stringValue: match[2] });
    }
    default: {
      const converted = convert(target?.value ?? {}, action.converted_type ?? '');
      if (target === undefined || converted === undefined) return pairs;
      return pairs.map((pair) => (pair === target ? { key: action.key, value: converted } : pair));
    }
  }
}

function isMeant(pair: Pair, action: Action, target: Pair | undefined): boolean {
  const key = pair.key ?? '';
  if (target !== undefined && key === action.key) return true;
  return action.pattern !== undefined && /^h|n/.test(key);
}

function sourceOf(pairs: readonly Pair[], action: Action): Plain | undefined {
  const { value, from_attribute, from_context } = action;
  if (typeof value === 'string') return { stringValue: value };
  if (value !== undefined) {
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  const fallback = action.default_value && { stringValue: action.default_value };
  if (from_context === 'client.address') return { stringValue: '::1' };
  if (from_context === 'metadata.X-Tenant') return { stringValue: 'a;b' };
  const found = pairs.find((pair) => (pair.key ?? '') === from_attribute);
  return from_attribute !== undefined && found !== undefined
    ? (found.value ?? {})
    : fallback || undefined;
}

function hashOf(value: Plain): string {
  const bytes = Buffer.alloc(8);
  let input: Uint8Array = Buffer.alloc(0);
  if (typeof value['stringValue'] === 'string') input = Buffer.from(value['stringValue']);
  else if (typeof value['boolValue'] === 'boolean')
    input = Uint8Array.of(Number(value['boolValue']));
  else if (typeof value['intValue'] === 'string') {
    bytes.writeBigInt64LE(BigInt(value['intValue']));
    input = bytes;
  } else if (typeof value['doubleValue'] === 'number') {
    bytes.writeDoubleLE(value['doubleValue']);
    input = bytes;
  }
  return input.length === 0 ? '' : createHash('sha256').update(input).digest('hex');
}

function convert(value: Plain, type: string): Plain | undefined {
  const { intValue, doubleValue, stringValue } = value;
  // One digit is all that the actions of this test make of a text that is a number.
  const isDigit = typeof stringValue === 'string' && /^[0-9]$/.test(stringValue);
  if (type === 'double') {
    const number = isDigit ? stringValue : intValue;
    return number === undefined ? undefined : { doubleValue: Number(number) };
  }
  if (isDigit) return { intValue: stringValue };
  if (typeof doubleValue !== 'number' || !Number.isFinite(doubleValue)) return undefined;
  const whole = BigInt(Math.trunc(doubleValue));
  return BigInt.asIntN(64, whole) === whole ? { intValue: String(whole) } : undefined;
}

function same(left: Plain, right: Plain): boolean {
  try {
    assert.deepEqual(left, right);
    return true;
  } catch {
    return false;
  }
}

/** Key and value of every attribute, absent ones as protobuf reads them. */
function plainPairs(owner: Plain): Pair[] {
  const pairs = (owner['attributes'] ?? []) as Pair[];
  return pairs.map(({ key, value }) => ({ key: key ?? '', value: value ?? {} }));
}

function check(
  transform: Transform,
  bytes: Bytes,
  of: { signal: Signal; owners: (request: Plain) => Plain[]; list: readonly Action[] },
): void {
  const { signal, owners, list } = of;
  const before = owners(markMetrics(decode(signal, bytes)));
  const expected = before.map((owner) => list.reduce(applyPlain, plainPairs(owner)));
  const batch = transform(batchOf(bytes, 1, { signal, form: 'otlp', origin: ORIGIN }));
  assert.ok(batch !== undefined);
  const edited = joinChunks(batch.chunks, batch.byteLength);
  assert.equal(validateRequest(signal, edited).items, validateRequest(signal, bytes).items);
  const after = owners(markMetrics(decode(signal, edited)));
  assert.deepEqual(after.map(plainPairs), expected);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom<Signal>(...SIGNALS);
const lists = fc.array(actions, { minLength: 1, maxLength: 5 });

test('resource: splicing is the same as decoding, changing and encoding', () => {
  fc.assert(
    fc.property(signals, seeds, lists, (signal, seed, list) => {
      const bytes = generateRequest(signal, seed, { unknown: true, keys: KEYS });
      const transform = resourceProcessor.transform(
        resourceProcessor.schema.parse({ attributes: list }),
      );
      const owners = (request: Plain) =>
        resourcesOf(request).map((each) => (each['resource'] ??= {}) as Plain);
      check(transform, bytes, { signal, owners, list });
    }),
    { numRuns: 600 },
  );
});

test('attributes: splicing is the same as decoding, changing and encoding', () => {
  fc.assert(
    fc.property(signals, seeds, lists, (signal, seed, list) => {
      const bytes = generateRequest(signal, seed, { unknown: true, keys: KEYS });
      const transform = attributesProcessor.transform(
        attributesProcessor.schema.parse({ actions: list }),
      );
      check(transform, bytes, { signal, owners: itemsOf, list });
    }),
    { numRuns: 600 },
  );
});
