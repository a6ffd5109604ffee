import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signal } from '../../../contract/batch.ts';
import { decodeJson } from '../json/decode.ts';
import { describeBatch, type Verbosity } from './describe-batch.ts';

const TIME = '1766666666123456789';
const METRICS = {
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          scope: { name: 'lib', version: '1' },
          metrics: [
            { name: 'sum', unit: 's', sum: { dataPoints: [{ asInt: '5', timeUnixNano: TIME }] } },
            {
              name: 'hist',
              histogram: {
                aggregationTemporality: 2,
                dataPoints: [{ count: 3, sum: 4.5, bucketCounts: [1, 2], explicitBounds: [1] }],
              },
            },
            { name: 'none' },
          ],
        },
      ],
    },
  ],
};

function describe(signal: Signal, json: unknown, verbosity: Verbosity): string {
  const bytes = decodeJson(signal, Buffer.from(JSON.stringify(json)));
  const origin = { receiver: 'otlp', tenant: 'acme', receivedAt: 0, metadata: {} };
  const batch = {
    signal,
    form: 'otlp',
    chunks: [bytes],
    byteLength: bytes.length,
    items: 2,
    origin,
  };
  return describeBatch({ ...batch, form: 'otlp' }, verbosity);
}

function logOf(record: object): unknown {
  return { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] };
}

test('every data point gets a line with its value', () => {
  const text = describe('metrics', METRICS, 'normal');
  assert.match(text, /scope lib 1\n/);
  assert.match(text, /sum sum = 5 s\n/);
  assert.match(text, /histogram hist = count 3, sum 4\.5 \n/);
  assert.match(text, /metric none without data\n/);
});

test('details name enums and write times with all their digits', () => {
  const text = describe('metrics', METRICS, 'detailed');
  assert.match(text, /aggregation temporality: cumulative \(2\)/);
  assert.match(text, /time: 2025-12-25T12:44:26\.123456789Z/);
  assert.match(text, /bucket counts: \[1, 2\]/);
});

test('values of every kind are readable', () => {
  const values = [{ boolValue: true }, { intValue: '7' }, {}, { bytesValue: 'AQI=' }];
  const map = { kvlistValue: { values: [{ key: 'k', value: { arrayValue: { values } } }] } };
  const text = describe('logs', logOf({ body: map, severityNumber: 9 }), 'normal');
  assert.match(text, /log not set info \{"k": \[true, 7, empty, base64 AQI=\]\}/);
});

test('telemetry cannot control the terminal', () => {
  const evil = '\u001b[2J\u009b\n';
  const record = { severityText: evil, body: { stringValue: evil }, eventName: evil };
  for (const verbosity of ['normal', 'detailed'] as const) {
    const text = describe('logs', logOf(record), verbosity);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }
});
