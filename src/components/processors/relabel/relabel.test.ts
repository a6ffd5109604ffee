import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { stand } from '../../../../test/flow/ends.ts';
import { type Batch, batchOf, type Signal } from '../../../contract/batch.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import { countItems } from '../../../formats/otlp/walk.ts';
import { reflection } from '../../../formats/prometheus/reflection.ts';
import definition from './index.ts';
import { settings } from './settings.ts';

type Labels = Readonly<Record<string, string>>;
type Rule = Record<string, unknown>;

const ORIGIN = { receiver: 'r', tenant: 'acme', receivedAt: 0, metadata: {} };
const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');

function open(section: Record<string, unknown>) {
  const { context, numbers } = stand('processors/relabel');
  const drops: Record<string, number> = {};
  const transform = definition.transform(settings.parse(section), context);
  const apply = (batch: Batch) =>
    transform(batch, (reason, items) => {
      drops[reason] = (drops[reason] ?? 0) + items;
    });
  return { apply, drops, numbers };
}

/** One series per label set, of two samples. */
function seriesOf(sets: readonly Labels[], tenant = 'acme'): Batch {
  const timeseries = sets.map((labels) => ({
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    samples: [
      { value: 1, timestamp: 1 },
      { value: 2, timestamp: 2 },
    ],
  }));
  const bytes = Uint8Array.from(REQUEST.encode(REQUEST.fromObject({ timeseries })).finish());
  const origin = { ...ORIGIN, tenant };
  return batchOf(bytes, sets.length * 2, { signal: 'metrics', form: 'prometheus', origin });
}

function labelsOf(batch: Batch | undefined): Labels[] {
  return (batch?.chunks ?? []).flatMap((chunk) => {
    const { timeseries = [] } = REQUEST.toObject(REQUEST.decode(chunk)) as {
      timeseries?: { labels: { name: string; value: string }[] }[];
    };
    return timeseries.map(({ labels }) =>
      Object.fromEntries(labels.map(({ name, value }) => [name, value])),
    );
  });
}

const DROP_DEBUG = { action: 'drop', source_labels: ['level'], regex: 'debug' };
const ENV = { target_label: 'env', replacement: 'prod' };

test('series are changed and dropped, and what goes is counted', () => {
  const { apply, drops } = open({
    rules: [
      DROP_DEBUG,
      ENV,
      { action: 'labeldrop', regex: 'tmp|n.*' },
      { action: 'labelmap', regex: 'gone' },
    ],
  });
  const batch = seriesOf([
    { __name__: 'up', level: 'debug' },
    { __name__: 'up', tmp: 'x' },
  ]);
  const result = apply(batch);
  assert.deepEqual(labelsOf(result), [{ __name__: 'up', env: 'prod' }]);
  assert.deepEqual(
    [result?.items, definition.dropReason, drops],
    [2, 'relabel', { missing_name: 0 }],
  );
});

test('a series without a name afterwards is dropped with a reason of its own', () => {
  const { apply, drops } = open({ rules: [{ action: 'labeldrop', regex: '__name__' }] });
  assert.equal(apply(seriesOf([{ __name__: 'up' }, { __name__: 'down' }])), undefined);
  assert.deepEqual(drops, { missing_name: 4 });
});

test('a batch in which nothing changes is handed on untouched, and its label sets are known', () => {
  const { apply, numbers } = open({ rules: [DROP_DEBUG] });
  const batch = seriesOf([{ __name__: 'up', level: 'info' }]);
  for (let round = 0; round < 3; round++) assert.equal(apply(batch), batch);
  const f = (result: string) => numbers.sum('processor_label_set_lookups', { result });
  assert.deepEqual([f('hit'), f('miss')], [2, 1]);
});

test('a tenant has its own rules behind those for everybody, others have those of default', () => {
  const own = (replacement: string) => [{ target_label: 'who', replacement }];
  const { apply } = open({ rules: [ENV], tenants: { acme: own('acme'), default: own('other') } });
  const f = (tenant: string) => labelsOf(apply(seriesOf([{ __name__: 'up' }], tenant)))[0];
  assert.deepEqual(f('acme'), { __name__: 'up', env: 'prod', who: 'acme' });
  for (const tenant of ['default', 'someone', 'constructor', '__proto__', ''])
    assert.deepEqual(f(tenant), { __name__: 'up', env: 'prod', who: 'other' }, tenant);
  const alone = open({ tenants: { acme: own('acme') } }).apply;
  const batch = seriesOf([{ __name__: 'up' }], 'someone');
  assert.equal(alone(batch), batch);
});

test('mistakes in the settings are named with their place', () => {
  const mistake = (section: unknown) => {
    const issue = settings.safeParse(section).error?.issues[0];
    return `${issue?.path.join('.')}: ${issue?.message}`;
  };
  assert.match(mistake({}), /^rules: needs at least one rule/);
  assert.match(mistake({ rules: [{ action: 'keep', regex: '(' }] }), /^rules.0.regex: "\(" is no/);
  assert.match(mistake({ tenants: { a: [ENV, {}] } }), /^tenants.a.1.target_label: is required/);
  const named = { rules: [{ target_label: 'a.b' }] };
  assert.match(mistake({ ...named, naming: 'legacy' }), /^rules.0.target_label: "a.b" cannot be/);
  assert.equal(settings.safeParse(named).success, true);
});

const KEYS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
} as const;

type Value = string | number;

function attributes(of: Readonly<Record<string, Value>>) {
  return Object.entries(of).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: value },
  }));
}

interface Group {
  readonly resource: Readonly<Record<string, Value>>;
  /** Attributes of each record, and its name. */
  readonly records: readonly Readonly<Record<string, Value>>[];
}

function recordsOf(signal: Signal, groups: readonly Group[]): Batch {
  const [resources, scopes, items] = KEYS[signal];
  const json = {
    [resources]: groups.map(({ resource, records }) => ({
      resource: { attributes: attributes(resource) },
      [scopes]: [
        {
          [items]: records.map(({ name = 'n', ...rest }) =>
            signal === 'metrics'
              ? {
                  name,
                  gauge: {
                    dataPoints: [{ asInt: '1', timeUnixNano: '1', attributes: attributes(rest) }],
                  },
                }
              : { ...(signal === 'traces' && { name }), attributes: attributes(rest) },
          ),
        },
      ],
    })),
  };
  const bytes = decodeJson(signal, Buffer.from(JSON.stringify(json)));
  return batchOf(bytes, countItems(signal, bytes), { signal, form: 'otlp', origin: ORIGIN });
}

type Pairs = { key: string; value: Record<string, string> }[];

/** The same shape back; values of every type are text. */
function groupsOf(batch: Batch | undefined): unknown[] {
  if (batch === undefined) return [];
  const [resources, scopes, items] = KEYS[batch.signal];
  const json = JSON.parse(Buffer.from(encodeJson(batch.signal, batch.chunks)).toString());
  const plain = (pairs: Pairs = []) =>
    Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
  const groups: unknown[] = [];
  for (const group of json[resources]) {
    const records: unknown[] = [];
    for (const scope of group[scopes])
      for (const each of scope[items])
        records.push(plain((each.gauge?.dataPoints[0] ?? each).attributes));
    groups.push({ resource: plain(group.resource?.attributes), records });
  }
  return groups;
}

const SIGNALS = ['traces', 'logs', 'metrics'] as const;

test('plain names are attributes of the record, resource. ones those of the resource', () => {
  const rules: Rule[] = [
    { source_labels: ['resource.service.name', 'route'], separator: ' ', target_label: 'what' },
    { source_labels: ['attributes.route'], target_label: 'attributes.path' },
    { source_labels: ['resource.service.name'], regex: '(s).*', target_label: 'resource.initial' },
    { action: 'labeldrop', regex: 'secret|resource\\.host' },
  ];
  for (const signal of SIGNALS) {
    const { apply } = open({ rules });
    const batch = recordsOf(signal, [
      {
        resource: { 'service.name': 'shop', host: 'h' },
        records: [{ route: '/', secret: 'x' }, {}],
      },
      { resource: { 'service.name': 'cart' }, records: [{ route: '/c' }] },
    ]);
    const result = apply(batch);
    assert.deepEqual(
      groupsOf(result),
      [
        {
          resource: { 'service.name': 'shop', initial: 's' },
          records: [{ route: '/', what: 'shop /', path: '/' }, { what: 'shop ' }],
        },
        {
          resource: { 'service.name': 'cart' },
          records: [{ route: '/c', what: 'cart /c', path: '/c' }],
        },
      ],
      signal,
    );
    assert.equal(result?.items, 3);
  }
});

test('a rule about a record drops the record, one about the resource all of the resource', () => {
  for (const signal of SIGNALS) {
    const { apply } = open({
      rules: [
        { action: 'drop', source_labels: ['resource.env'], regex: 'dev' },
        { action: 'drop', source_labels: ['status'], regex: '2..' },
      ],
    });
    const batch = recordsOf(signal, [
      { resource: { env: 'dev' }, records: [{ status: 500 }, { status: 500 }] },
      { resource: { env: 'prod' }, records: [{ status: 200 }, { status: 500 }] },
      { resource: { env: 'test' }, records: [{ status: 201 }] },
    ]);
    const result = apply(batch);
    assert.equal(result?.items, 1, signal);
    assert.deepEqual(groupsOf(result), [
      { resource: { env: 'prod' }, records: [{ status: '500' }] },
    ]);
    const none = recordsOf(signal, [{ resource: { env: 'dev' }, records: [{}] }]);
    assert.equal(apply(none), undefined);
  }
});

test('rules about the resource alone drop it without a look at its records', () => {
  const { apply } = open({
    rules: [{ action: 'keep', source_labels: ['resource.env'], regex: 'prod' }],
  });
  const groups = ['prod', 'dev'].map((env) => ({ resource: { env }, records: [{ a: '1' }] }));
  assert.deepEqual(groupsOf(apply(recordsOf('logs', groups))), [groups[0]]);
});

test('what a record says does not change its resource', () => {
  const { apply } = open({
    rules: [
      { source_labels: ['a'], target_label: 'resource.a' },
      { source_labels: ['a', 'resource.b'], target_label: 'resource.b' },
      { action: 'labelmap', regex: '(a)', replacement: 'resource.$1' },
      { target_label: 'resource.c', replacement: 'constant' },
      { source_labels: ['resource.c'], target_label: 'seen' },
    ],
  });
  const batch = recordsOf('traces', [{ resource: { b: '1' }, records: [{ a: 'x' }] }]);
  assert.deepEqual(groupsOf(apply(batch)), [
    { resource: { b: '1', c: 'constant' }, records: [{ a: 'x', seen: 'constant' }] },
  ]);
});

test('names of metrics and spans can be asked for and not changed', () => {
  const rules: Rule[] = [
    { action: 'drop', source_labels: ['__name__'], regex: 'go_.*' },
    { target_label: '__name__', replacement: 'other' },
    { source_labels: ['__name__'], target_label: 'was' },
  ];
  for (const signal of ['traces', 'metrics'] as const) {
    const { apply } = open({ rules });
    const batch = recordsOf(signal, [
      { resource: {}, records: [{ name: 'go_gc' }, { name: 'up' }] },
    ]);
    const result = apply(batch);
    assert.deepEqual(groupsOf(result), [{ resource: {}, records: [{ was: 'up' }] }]);
    const text = Buffer.from(encodeJson(signal, result?.chunks ?? [])).toString();
    assert.match(text, /"name":"up"/);
  }
});

test('a value that a rule sets to what it is keeps its type, another becomes text', () => {
  const { apply } = open({ rules: [{ source_labels: ['status'], target_label: 'status' }] });
  const batch = recordsOf('logs', [{ resource: {}, records: [{ status: 500 }] }]);
  assert.equal(apply(batch), batch);
  const changed = open({
    rules: [{ source_labels: ['status'], target_label: 'class', regex: '(.)..' }],
  });
  assert.deepEqual(groupsOf(changed.apply(batch)), [
    { resource: {}, records: [{ status: '500', class: '5' }] },
  ]);
});

test('a key that looks like a resource is meant by attributes.', () => {
  const { apply } = open({
    rules: [
      { source_labels: ['attributes.resource.x'], target_label: 'got' },
      { action: 'labeldrop', regex: 'attributes\\.resource\\.x' },
    ],
  });
  const batch = recordsOf('logs', [
    { resource: { x: 'of resource' }, records: [{ 'resource.x': 'own' }] },
  ]);
  assert.deepEqual(groupsOf(apply(batch)), [
    { resource: { x: 'of resource' }, records: [{ got: 'own' }] },
  ]);
});
