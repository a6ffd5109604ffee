import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf, type Batch, type Origin } from '../../../contract/batch.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import definition from './index.ts';
import { settings } from './settings.ts';

const ORIGIN: Origin = {
  receiver: 'otlp',
  tenant: 'default',
  receivedAt: 0,
  metadata: { 'x-tenant': ['a', 'b'] },
  clientAddress: '10.0.0.1',
};

function batchWith(resourceSpans: unknown): Batch {
  const bytes = decodeJson('traces', Buffer.from(JSON.stringify({ resourceSpans })));
  return batchOf(bytes, 1, { signal: 'traces', form: 'otlp', origin: ORIGIN });
}

/** Attributes of each resource after `actions`, as key and value pairs. */
function apply(actions: unknown, ...resources: unknown[]): unknown[] {
  const transform = definition.transform(settings.parse({ attributes: actions }));
  const batch = transform(batchWith(resources.map((resource) => ({ resource }))));
  assert.ok(batch !== undefined);
  const json = JSON.parse(Buffer.from(encodeJson('traces', batch.chunks)).toString());
  return json.resourceSpans.map((each: { resource?: { attributes?: [] } }) =>
    (each.resource?.attributes ?? []).map((pair: { key: string; value: object }) => [
      pair.key,
      Object.values(pair.value)[0],
    ]),
  );
}

function resourceOf(attributes: Record<string, string>) {
  return {
    attributes: Object.entries(attributes).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    })),
  };
}

test('insert, update and upsert differ by whether the key is there', () => {
  const value = 'new';
  const actions = ['insert', 'update', 'upsert'].map((action) => ({ key: action, action, value }));
  const old = resourceOf({ insert: 'old', update: 'old', upsert: 'old' });
  assert.deepEqual(apply(actions, old, resourceOf({ other: 'x' })), [
    [
      ['insert', 'old'],
      ['update', 'new'],
      ['upsert', 'new'],
    ],
    [
      ['other', 'x'],
      ['insert', 'new'],
      ['upsert', 'new'],
    ],
  ]);
});

test('a resource that is missing is created for a new attribute', () => {
  const actions = [{ key: 'a', action: 'upsert', value: 1 }];
  assert.deepEqual(apply(actions, undefined), [[['a', '1']]]);
});

test('values come from the context, several joined with a semicolon, or from the default', () => {
  const actions = [
    { key: 'tenant', action: 'upsert', from_context: 'metadata.X-Tenant' },
    { key: 'client', action: 'upsert', from_context: 'client.address' },
    { key: 'auth', action: 'upsert', from_context: 'auth.subject' },
    { key: 'none', action: 'upsert', from_context: 'metadata.x-none', default_value: 'default' },
  ];
  assert.deepEqual(apply(actions, {}), [
    [
      ['tenant', 'a;b'],
      ['client', '10.0.0.1'],
      ['none', 'default'],
    ],
  ]);
});

test('a batch that is as it should be is handed on untouched', () => {
  const actions = [{ key: 'a', action: 'upsert', value: 'x' }];
  const transform = definition.transform(settings.parse({ attributes: actions }));
  const batch = batchWith([{ resource: resourceOf({ a: 'x' }) }]);
  assert.equal(transform(batch), batch);
});

test('a resource in two parts is edited as one', () => {
  const one = batchWith([{ resource: resourceOf({ a: '1' }) }]).chunks[0]!;
  const two = batchWith([{ resource: resourceOf({ b: '2' }) }]).chunks[0]!;
  const parts = Buffer.concat([one.subarray(2), two.subarray(2)]);
  const bytes = Uint8Array.from([10, parts.length, ...parts]);
  const actions = [
    { key: 'b', action: 'insert', value: 'never' },
    { key: 'a', action: 'delete' },
    { key: 'c', action: 'insert', value: 'new' },
  ];
  const transform = definition.transform(settings.parse({ attributes: actions }));
  const batch = transform(batchOf(bytes, 0, { signal: 'traces', form: 'otlp', origin: ORIGIN }));
  const text = Buffer.from(encodeJson('traces', batch?.chunks ?? [])).toString();
  const attributes = JSON.parse(text).resourceSpans[0].resource.attributes;
  assert.deepEqual(
    attributes.map((pair: { key: string }) => pair.key),
    ['b', 'c'],
  );
});

test('mistakes in the settings are named', () => {
  const mistake = (action: unknown) =>
    settings.safeParse({ attributes: [action] }).error?.issues[0]?.message ?? '';
  assert.match(mistake({ key: 'a', action: 'upsert' }), /is required; or from_attribute/);
  assert.match(mistake({ action: 'delete' }), /is required; or pattern/);
  assert.match(mistake({ key: 'a', action: 'extract', pattern: '(x)' }), /a name for each/);
  assert.match(mistake({ action: 'delete', pattern: '(' }), /no valid RE2 expression/);
  assert.match(mistake({ key: 'a', action: 'convert' }), /is required/);
  assert.match(mistake({ key: 'a', action: 'hash', value: 1 }), /has no effect on the action hash/);
  assert.match(mistake({ key: 'a', action: 'insert', value: 1, from_attribute: 'b' }), /only one/);
  assert.equal(settings.safeParse({ attributes: [] }).success, false);
});
