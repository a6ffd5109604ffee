import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import type { Signal } from '../../../contract/batch.ts';
import { reflection } from '../reflection.ts';
import { REQUEST } from '../schema.ts';
import { decodeJson } from './decode.ts';
import { encodeJson } from './encode.ts';
import { OtlpJsonError } from './error.ts';

const root = protobuf.Root.fromJSON(reflection() as protobuf.INamespace);

function decode(signal: Signal, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(REQUEST[signal]);
  return type.toObject(type.decode(bytes), { longs: String, bytes: String });
}

function fromJson(signal: Signal, json: unknown): Record<string, unknown> {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  return decode(signal, decodeJson(signal, Buffer.from(text)));
}

function toJson(signal: Signal, json: unknown): unknown {
  const bytes = decodeJson(signal, Buffer.from(JSON.stringify(json)));
  return JSON.parse(Buffer.from(encodeJson(signal, [bytes])).toString());
}
test('debug', () => {
  const t = {
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'a', value: { stringValue: 'b\n\u0001' } },
            { key: 'n', value: {} },
            { key: 'i', value: { intValue: '-9223372036854775808' } },
            { key: 'd', value: { doubleValue: 'NaN' } },
            { key: 'd', value: { bytesValue: '_-8' } },
          ],
        },
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0102030405060708090A0b0c0d0e0f10',
                startTimeUnixNano: '1766666666123456789',
                kind: 'SPAN_KIND_CLIENT',
                flags: 257,
              },
            ],
          },
        ],
      },
    ],
  };
  console.log(JSON.stringify(fromJson('traces', t)), JSON.stringify(toJson('traces', t)));
  assert.throws(() => fromJson('logs', '{"resourceLogs":[{},{"scopeLogs":5}]}'), OtlpJsonError);
});
