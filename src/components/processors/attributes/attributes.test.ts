import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Batch, batchOf, type Signal } from '../../../contract/batch.ts';
import { decodeJson } from '../../../formats/otlp/json/decode.ts';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import definition from './index.ts';
import { settings } from './settings.ts';

const ORIGIN = { receiver: 'otlp', tenant: 'acme', receivedAt: 0, metadata: {} };
const MARK = [{ key: 'marked', action: 'upsert', value: true }];

type Attributes = Record<string, string>;

function pairs(attributes: Attributes = {}) {
  return Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

const KEYS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const;

/** One group per service, each with the same records in a scope `lib` of the given version. */
function batchWith(signal: Signal, services: readonly string[], records: unknown[]): Batch {
  const [resources, scopes, items] = KEYS[signal];
  const json = {
    [resources]: services.map((name, index) => ({
      resource: { attributes: pairs({ 'service.name': name }) },
      [scopes]: [{ scope: { name: 'lib', version: `${index}` }, [items]: records }],
    })),
  };
  const bytes = decodeJson(signal, Buffer.from(JSON.stringify(json)));
  return batchOf(bytes, 1, { signal, form: 'otlp', origin: ORIGIN });
}

/** Services and names of the records, or of data points their metrics, that get the mark. */
function marked(signal: Signal, section: object, records: unknown[]): string[] {
  const transform = definition.transform(settings.parse({ actions: MARK, ...section }));
  const batch = transform(batchWith(signal, ['shop', 'cart'], records));
  const json = JSON.parse(Buffer.from(encodeJson(signal, batch?.chunks ?? [])).toString());
  const [resources, scopes, items] = KEYS[signal];
  const names: string[] = [];
  for (const resource of json[resources]) {
    const service = resource.resource.attributes[0].value.stringValue;
    for (const record of resource[scopes][0][items]) {
      const name = record.name ?? record.eventName;
      if (JSON.stringify(record).includes('"marked"')) names.push(`${service} ${name}`);
    }
  }
  return names;
}

const SPANS = [
  { name: 'GET /', kind: 2, attributes: pairs({ route: '/', secret: 'x' }) },
  { name: 'POST /', kind: 3, attributes: pairs({ route: '/orders' }) },
];
const LOGS = [
  { eventName: 'a', severityNumber: 9, severityText: 'INFO', body: { stringValue: 'hello' } },
  { eventName: 'b', severityNumber: 17, severityText: 'ERROR', body: { intValue: '1' } },
  { eventName: 'c' },
];
const METRICS = [
  { name: 'requests', sum: { dataPoints: [{ asInt: '1' }] } },
  { name: 'latency', histogram: { dataPoints: [{ count: '1', attributes: pairs({ k: 'v' }) }] } },
];

const strict = (properties: object) => ({ include: { match_type: 'strict', ...properties } });
const regexp = (properties: object) => ({ include: { match_type: 'regexp', ...properties } });

test('without include and exclude everything is changed, in all three signals', () => {
  assert.equal(marked('traces', {}, SPANS).length, 4);
  assert.equal(marked('logs', {}, LOGS).length, 6);
  assert.equal(marked('metrics', {}, METRICS).length, 4);
});

test('include asks the resource, the scope and the record', () => {
  const f = (section: object, expected: string[]) =>
    assert.deepEqual(marked('traces', section, SPANS), expected);
  f(strict({ services: ['cart'] }), ['cart GET /', 'cart POST /']);
  f(regexp({ services: ['^s'] }), ['shop GET /', 'shop POST /']);
  f(strict({ span_names: ['GET /'] }), ['shop GET /', 'cart GET /']);
  f(regexp({ span_names: ['^P(O|U)'], services: ['shop'] }), ['shop POST /']);
  f(strict({ span_kinds: ['SPAN_KIND_SERVER'] }), ['shop GET /', 'cart GET /']);
  f(strict({ libraries: [{ name: 'lib', version: '1' }] }), ['cart GET /', 'cart POST /']);
  f(strict({ libraries: [{ name: 'li' }] }), []);
  f(strict({ resources: [{ key: 'service.name', value: 'shop' }], span_names: ['GET /'] }), [
    'shop GET /',
  ]);
  f(strict({ attributes: [{ key: 'secret' }] }), ['shop GET /', 'cart GET /']);
  f(regexp({ attributes: [{ key: 'route', value: '^/o' }] }), ['shop POST /', 'cart POST /']);
  f(strict({ attributes: [{ key: 'route', value: '/' }, { key: 'absent' }] }), []);
});

test('exclude leaves alone what include has let through', () => {
  const exclude = { match_type: 'strict', span_names: ['GET /'] };
  const expected = ['shop POST /'];
  assert.deepEqual(
    marked('traces', { ...strict({ services: ['shop'] }), exclude }, SPANS),
    expected,
  );
});

test('log records match by body, severity text and severity number', () => {
  const f = (section: object, expected: string[]) => {
    const ofShop = marked('logs', section, LOGS).filter((name) => name.startsWith('shop'));
    assert.deepEqual(ofShop, expected);
  };
  f(strict({ log_bodies: ['hello'] }), ['shop a']);
  f(regexp({ log_bodies: ['.'] }), ['shop a']);
  f(strict({ log_severity_texts: ['ERROR'] }), ['shop b']);
  f(strict({ log_severity_number: { min: 10 } }), ['shop b']);
  f(strict({ log_severity_number: { min: 10, match_undefined: true } }), ['shop b', 'shop c']);
});

test('data points match by the name of their metric and by their attributes', () => {
  assert.deepEqual(marked('metrics', strict({ metric_names: ['requests'] }), METRICS), [
    'shop requests',
    'cart requests',
  ]);
  assert.deepEqual(marked('metrics', strict({ attributes: [{ key: 'k', value: 'v' }] }), METRICS), [
    'shop latency',
    'cart latency',
  ]);
});

test('a property of another signal matches nothing', () => {
  assert.deepEqual(marked('logs', strict({ span_names: ['a'] }), LOGS), []);
  assert.deepEqual(marked('traces', strict({ metric_names: ['GET /'] }), SPANS), []);
});

test('a batch in which nothing matches is handed on untouched', () => {
  const config = settings.parse({ actions: MARK, ...strict({ services: ['none'] }) });
  const batch = batchWith('traces', ['shop'], SPANS);
  assert.equal(definition.transform(config)(batch), batch);
});

test('what a resource answered is not remembered for the next batch', () => {
  const config = settings.parse({ actions: MARK, ...strict({ services: ['shop'] }) });
  const transform = definition.transform(config);
  const [shop, cart] = [batchWith('traces', ['shop'], SPANS), batchWith('traces', ['cart'], SPANS)];
  assert.notEqual(transform(shop), shop);
  assert.equal(transform(cart), cart);
  assert.notEqual(transform(shop), shop);
});

test('mistakes in the settings are named', () => {
  const mistake = (include: object) =>
    settings.safeParse({ actions: MARK, include }).error?.issues[0]?.message ?? '';
  assert.match(mistake({ match_type: 'strict' }), /needs something to match: one of services/);
  assert.match(
    mistake({ match_type: 'regexp', services: ['('] }),
    /"\(" is no valid RE2 expression/,
  );
  assert.match(mistake({ match_type: 'regexp', libraries: [{ name: '[' }] }), /no valid RE2/);
  assert.match(mistake({ services: ['a'] }), /Invalid|expected/i);
  assert.equal(
    settings.safeParse({ actions: MARK, include: { match_type: 'strict', services: ['('] } })
      .success,
    true,
  );
});
