import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import protobuf from 'protobufjs';
import type { Signal } from '../../../contract/batch.ts';
import { reflection } from '../reflection.ts';
import { REQUEST } from '../schema.ts';
import { decodeJson } from './decode.ts';
import { encodeJson } from './encode.ts';
import { read, readSpan, readValue, refusesSpan } from './fixtures.test.ts';

const root = protobuf.Root.fromJSON(reflection());
const TRACE_ID = '5B8EFFF798038103D269B633813FC60C';
const SPAN_ID = 'EEE19B7EC3C1B174';

function readPoint(point: string): Record<string, unknown> {
  const json = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[${point}]}}]}]}]}`;
  return read('metrics', json)['resourceMetrics'][0].scopeMetrics[0].metrics[0].histogram
    .dataPoints[0];
}

/** JSON to protobuf and back. */
function roundTrip(signal: Signal, json: unknown): unknown {
  const bytes = decodeJson(signal, Buffer.from(JSON.stringify(json)));
  return JSON.parse(Buffer.from(encodeJson(signal, [bytes])).toString());
}

test('OTLP-S3: {} is an empty request', () => {
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    assert.equal(decodeJson(signal, Buffer.from('{}')).length, 0);
    assert.equal(Buffer.from(encodeJson(signal, [])).toString(), '{}');
  }
});

test('OTLP-J1: ids are hex of either case in, lower case out, and empty ids are absent', () => {
  const span = readSpan(`{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}","parentSpanId":""}`);
  assert.equal(span['traceId'], Buffer.from(TRACE_ID, 'hex').toString('base64'));
  assert.equal(span['spanId'], Buffer.from(SPAN_ID, 'hex').toString('base64'));
  assert.equal('parentSpanId' in span, false);
  const spans = [{ traceId: TRACE_ID, links: [{ traceId: TRACE_ID, spanId: SPAN_ID }] }];
  const text = JSON.stringify(
    roundTrip('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  );
  assert.equal(text.split(TRACE_ID.toLowerCase()).length, 3);
});

test('OTLP-J1: an id of another length or with other characters is refused with its path', () => {
  const place =
    /at resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[1\]\.traceId: expected 32 hex digits/;
  refusesSpan(`{"traceId":"${TRACE_ID}00"}`, place);
  refusesSpan('{"traceId":"5b8efff798038103d269b633813fc60"}', place);
  refusesSpan(`{"traceId":"${TRACE_ID.replace('5', 'g')}"}`, place);
  refusesSpan(`{"spanId":"${TRACE_ID}"}`, /spans\[1\]\.spanId: expected 16 hex digits/);
  refusesSpan(`{"links":[{"spanId":"1"}]}`, /spans\[1\]\.links\[0\]\.spanId/);
});

test('OTLP-J1: bytesValue is base64 of either alphabet, with or without padding', () => {
  for (const text of ['+/8=', '-_8=', '-_8', '+/8']) {
    assert.deepEqual(readValue(`{"bytesValue":"${text}"}`), { bytesValue: '+/8=' });
  }
  refusesSpan('{"attributes":[{"value":{"bytesValue":"a"}}]}', /bytesValue: expected base64/);
  refusesSpan('{"attributes":[{"value":{"bytesValue":"a*bc"}}]}', /bytesValue: expected base64/);
});

test('OTLP-J2: enums are emitted as numbers; numbers and names are accepted', () => {
  for (const kind of ['3', '"3"', '"SPAN_KIND_CLIENT"']) {
    assert.equal(readSpan(`{"kind":${kind}}`)['kind'], 3);
  }
  assert.deepEqual(readSpan('{"status":{"code":"STATUS_CODE_ERROR"}}')['status'], { code: 2 });
  refusesSpan('{"kind":"SPAN_KIND_NONE"}', /kind: expected an integer of 32 bits/);
  const logs = {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: 'SEVERITY_NUMBER_INFO2' }] }] }],
  };
  assert.match(JSON.stringify(roundTrip('logs', logs)), /"severityNumber":10/);
});

test('OTLP-J3: snake_case names are accepted and unknown names ignored', () => {
  const span = readSpan(
    '{"start_time_unix_nano":"5","name\\u0031":1,"\\u006eame":"n","x":[{"y":[[]]}]}',
  );
  assert.deepEqual(span, { startTimeUnixNano: '5', name: 'n' });
});

test('OTLP-J4, N-2, N-3: 64-bit integers keep their digits, as numbers and as strings', () => {
  for (const digits of ['9007199254740993', '-9223372036854775808', '9223372036854775807', '0']) {
    assert.deepEqual(readValue(`{"intValue":${digits}}`), { intValue: digits });
    assert.deepEqual(readValue(`{"intValue":"${digits}"}`), { intValue: digits });
  }
  for (const digits of ['18446744073709551615', '9007199254740993']) {
    assert.equal(readPoint(`{"count":${digits}}`)['count'], digits);
    assert.deepEqual(readPoint(`{"bucketCounts":["${digits}",1]}`)['bucketCounts'], [digits, '1']);
  }
  assert.deepEqual(readValue('{"intValue":1e3}'), { intValue: '1000' });
  assert.deepEqual(readValue('{"intValue":"-2.0"}'), { intValue: '-2' });
});

test('OTLP-J4: integers out of range or with a fraction are refused', () => {
  const value = (json: string) => `{"attributes":[{"value":{"intValue":${json}}}]}`;
  refusesSpan(value('9223372036854775808'), /intValue: expected an integer in the range/);
  refusesSpan(value('-9223372036854775809'), /intValue: expected an integer in the range/);
  refusesSpan(value('99999999999999999999999'), /intValue: expected an integer of at most 64 bits/);
  refusesSpan(value('1.5'), /intValue: expected an integer of 64 bits, got 1\.5/);
  refusesSpan(value('""'), /intValue: expected an integer/);
  refusesSpan(value('true'), /intValue: expected an integer/);
  refusesSpan('{"startTimeUnixNano":-1}', /startTimeUnixNano: expected an integer in the range/);
  refusesSpan('{"droppedEventsCount":4294967296}', /droppedEventsCount: expected an integer of 32/);
  refusesSpan('{"flags":-1}', /flags: expected an integer of 32 bits/);
});

test('OTLP-J4: doubles come as numbers, numeric strings or one of three names', () => {
  const double = (json: string) =>
    (readValue(`{"doubleValue":${json}}`) as { doubleValue: number }).doubleValue;
  assert.equal(double('1.5e3'), 1500);
  assert.equal(double('"-0.25"'), -0.25);
  assert.ok(Object.is(double('-0.0'), -0));
  assert.ok(Number.isNaN(double('"NaN"')));
  assert.equal(double('"-Infinity"'), -Infinity);
  refusesSpan('{"attributes":[{"value":{"doubleValue":"inf"}}]}', /doubleValue: expected a number/);
  const attributes = [NaN, Infinity, -Infinity].map((value) => ({
    key: 'k',
    value: { doubleValue: String(value) },
  }));
  const json = { resourceSpans: [{ resource: { attributes } }] };
  assert.deepEqual(roundTrip('traces', json), json);
});

test('OTLP-J5: null is the same as absent', () => {
  const span = '{"name":null,"kind":null,"events":null,"status":null,"traceId":null,"flags":null}';
  assert.deepEqual(readSpan(span), {});
  assert.deepEqual(readValue('{"stringValue":null,"intValue":"1"}'), { intValue: '1' });
});

test('OTLP-J6: one value of every kind comes back as it was', () => {
  const values = [
    { stringValue: 'grüße "x" \\ \n \u0001 🦭' },
    { boolValue: false },
    { intValue: '0' },
    { doubleValue: 0.1 },
    { bytesValue: 'AAEC' },
    { arrayValue: { values: [{ stringValue: 'a' }, {}, { intValue: '1' }] } },
    { kvlistValue: { values: [{ key: 'k', value: { kvlistValue: {} } }] } },
    {},
  ];
  const attributes = values.map((value, index) => ({ key: `k${index}`, value }));
  const record = {
    timeUnixNano: '1544712660300000000',
    observedTimeUnixNano: '1544712660300000001',
    severityNumber: 10,
    severityText: 'Information',
    eventName: 'browser.page_view',
    traceId: TRACE_ID.toLowerCase(),
    spanId: SPAN_ID.toLowerCase(),
    flags: 257,
    body: { stringValue: 'text' },
    attributes,
  };
  const json = {
    resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: [record] }] }],
  };
  assert.deepEqual(roundTrip('logs', json), json);
});

test('OTLP-S8: an empty value stays an empty value', () => {
  const json = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: {} }] }] }] };
  assert.deepEqual(roundTrip('logs', json), json);
});

test('OTLP-J6: every kind of metric comes back as it was', () => {
  const point = {
    startTimeUnixNano: '1',
    timeUnixNano: '2',
    attributes: [{ key: 'k', value: { stringValue: 'v' } }],
  };
  const exemplars = [
    {
      timeUnixNano: '3',
      asInt: '-4',
      traceId: TRACE_ID.toLowerCase(),
      spanId: SPAN_ID.toLowerCase(),
    },
  ];
  const buckets = { offset: -1, bucketCounts: ['1', '18446744073709551615'] };
  const metrics = [
    { name: 'gauge', unit: '1', gauge: { dataPoints: [{ ...point, asDouble: 0 }] } },
    {
      name: 'sum',
      sum: {
        dataPoints: [{ ...point, asInt: '-7', exemplars }],
        aggregationTemporality: 1,
        isMonotonic: true,
      },
    },
    {
      name: 'histogram',
      histogram: {
        dataPoints: [
          {
            ...point,
            count: '2',
            sum: 0,
            min: 0,
            max: 2,
            bucketCounts: ['1', '1'],
            explicitBounds: [1],
          },
        ],
        aggregationTemporality: 1,
      },
    },
    {
      name: 'exponential',
      exponentialHistogram: {
        dataPoints: [
          {
            ...point,
            count: '3',
            scale: -3,
            zeroCount: '1',
            positive: buckets,
            negative: buckets,
            zeroThreshold: 0.5,
          },
        ],
        aggregationTemporality: 2,
      },
    },
    {
      name: 'summary',
      summary: {
        dataPoints: [
          { ...point, count: '1', sum: 2, quantileValues: [{ quantile: 0.5, value: 3 }] },
        ],
      },
    },
  ];
  const json = {
    resourceMetrics: [{ scopeMetrics: [{ scope: { name: 's' }, metrics }], schemaUrl: 'u' }],
  };
  assert.deepEqual(roundTrip('metrics', json), json);
});

test('OTLP-J7: what the JavaScript SDK sends as JSON is what it sends as protobuf', () => {
  const memory = new InMemorySpanExporter();
  const resource = resourceFromAttributes({ 'service.name': 'shop', large: 9007199254740991 });
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracer = provider.getTracer('lib', '1');
  const parent = tracer.startSpan('parent', {
    kind: 1,
    attributes: { list: ['a', 'b'], ok: true },
  });
  parent.addEvent('event', { n: 1.5 });
  parent.addLink({ context: parent.spanContext(), attributes: { l: 7 } });
  parent.setStatus({ code: 2, message: 'failed' });
  parent.end();
  const spans = memory.getFinishedSpans();
  const json = JsonTraceSerializer.serializeRequest(spans);
  const binary = ProtobufTraceSerializer.serializeRequest(spans);
  assert.ok(json !== undefined && binary !== undefined);
  const type = root.lookupType(REQUEST.traces);
  const object = (bytes: Uint8Array) =>
    type.toObject(type.decode(bytes), { longs: String, bytes: String, defaults: true });
  assert.deepEqual(object(decodeJson('traces', json)), object(binary));
  const flags = readSpan('{"flags":769}')['flags'];
  assert.equal(flags, 769);
});
