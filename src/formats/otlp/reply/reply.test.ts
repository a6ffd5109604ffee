import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import type { Signal } from '../../../contract/batch.ts';
import { decodeStatus, encodeStatus } from './status.ts';
import { decodePartialSuccess, encodePartialSuccess } from './partial-success.ts';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
const FORMATS = ['protobuf', 'json'] as const;

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Response { Partial partial_success = 1; }
  message Partial { int64 rejected = 1; string error_message = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message BadRequest { repeated Violation field_violations = 1; }
  message Violation { string field = 1; string description = 2; }
`);

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function decodeAs(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: Number });
}

test('OTLP-S4: full success is no bytes in protobuf and {} in JSON', () => {
  for (const signal of SIGNALS) {
    assert.equal(encodePartialSuccess(signal, 'protobuf', 0, '').length, 0);
    assert.equal(text(encodePartialSuccess(signal, 'json', 0, '')), '{}');
  }
});

test('OTLP-S4: an empty partialSuccess in a reply is full success', () => {
  const full = { rejected: 0, message: '' };
  for (const body of ['{"partialSuccess":{}}', '{}', '', '{"partialSuccess":null}']) {
    assert.deepEqual(decodePartialSuccess('traces', 'json', Buffer.from(body)), full);
  }
  assert.deepEqual(decodePartialSuccess('logs', 'protobuf', Uint8Array.of(10, 0)), full);
});

test('OTLP-S5: partial success carries the count under the name of the signal', () => {
  const json = (signal: Signal) => text(encodePartialSuccess(signal, 'json', 3, 'bad times'));
  assert.equal(
    json('traces'),
    '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"bad times"}}',
  );
  assert.match(json('metrics'), /"rejectedDataPoints":"3"/);
  assert.match(json('logs'), /"rejectedLogRecords":"3"/);
  const bytes = encodePartialSuccess('logs', 'protobuf', 70_000, 'bad times');
  assert.deepEqual(decodeAs('Response', bytes), {
    partialSuccess: { rejected: 70_000, errorMessage: 'bad times' },
  });
});

test('OTLP-S6: a warning is nothing rejected with a message', () => {
  for (const format of FORMATS) {
    const bytes = encodePartialSuccess('traces', format, 0, 'deprecated');
    const read = decodePartialSuccess('traces', format, bytes);
    assert.deepEqual(read, { rejected: 0, message: 'deprecated' });
  }
});

test('a partial success reads back as it was written', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SIGNALS),
      fc.constantFrom(...FORMATS),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      fc.string({ unit: 'binary', maxLength: 100 }),
      (signal, format, rejected, message) => {
        const bytes = encodePartialSuccess(signal, format, rejected, message);
        assert.deepEqual(decodePartialSuccess(signal, format, bytes), { rejected, message });
      },
    ),
  );
});

test('snake_case names and numeric counts of other servers are understood', () => {
  const body = '{"partial_success":{"rejected_spans":4,"error_message":"no"}}';
  const read = decodePartialSuccess('traces', 'json', Buffer.from(body));
  assert.deepEqual(read, { rejected: 4, message: 'no' });
});

test('OTLP-C8: a success reply that cannot be decoded rejects nothing and says so', () => {
  for (const format of FORMATS) {
    const read = decodePartialSuccess('traces', format, Buffer.from('<html>'));
    assert.equal(read.rejected, 0);
    assert.match(read.message, /cannot decode the reply/);
  }
  const huge = decodePartialSuccess('traces', 'protobuf', new Uint8Array(5 * 1024 * 1024));
  assert.match(huge.message, /reply of 5242880 bytes/);
});

test('a negative or absurd count never becomes a negative or unsafe number', () => {
  const minus = root
    .lookupType('Response')
    .encode({ partialSuccess: { rejected: -5 } })
    .finish();
  assert.equal(decodePartialSuccess('traces', 'protobuf', minus).rejected, 0);
  const body = Buffer.from('{"partialSuccess":{"rejectedSpans":"1e300"}}');
  assert.equal(decodePartialSuccess('traces', 'json', body).rejected, Number.MAX_SAFE_INTEGER);
});

test('OTLP-S15: a long message is cut, and never inside a character', () => {
  for (const format of FORMATS) {
    const bytes = encodePartialSuccess('traces', format, 1, '🪵'.repeat(3_000_000));
    assert.ok(bytes.length < 16_384);
    const { message } = decodePartialSuccess('traces', format, bytes);
    assert.ok(message.endsWith('🪵…'));
  }
});

test('OTLP-S16: a status carries the retry delay as RetryInfo', () => {
  const bytes = encodeStatus('protobuf', { code: 14, message: 'busy', retryAfterMs: 1500 });
  const status = decodeAs('Status', bytes) as { details: { typeUrl: string; value: Uint8Array }[] };
  assert.equal(status.details[0]?.typeUrl, 'type.googleapis.com/google.rpc.RetryInfo');
  const info = decodeAs('RetryInfo', status.details[0].value);
  assert.deepEqual(info, { retryDelay: { seconds: 1, nanos: 500_000_000 } });
  const json = text(encodeStatus('json', { code: 14, message: 'busy', retryAfterMs: 1500 }));
  assert.equal(
    json,
    '{"code":14,"message":"busy","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.500s"}]}',
  );
});

test('OTLP-S17: a status names what is wrong with the request as BadRequest', () => {
  const violations = [{ field: 'resourceSpans[0]', description: 'ends early' }];
  const bytes = encodeStatus('protobuf', { code: 3, message: 'bad', violations });
  const status = decodeAs('Status', bytes) as { details: { value: Uint8Array }[] };
  const detail = decodeAs('BadRequest', status.details[0]?.value ?? new Uint8Array(0));
  assert.deepEqual(detail, { fieldViolations: violations });
});

test('OTLP-S23: a status without details is code and message', () => {
  assert.equal(
    text(encodeStatus('json', { code: 3, message: 'bad' })),
    '{"code":3,"message":"bad"}',
  );
  assert.deepEqual(decodeAs('Status', encodeStatus('protobuf', { code: 3, message: 'bad' })), {
    code: 3,
    message: 'bad',
  });
});

test('a status reads back as it was written', () => {
  const status = fc.record(
    {
      code: fc.integer({ min: 0, max: 16 }),
      message: fc.string({ unit: 'binary', maxLength: 50 }),
      retryAfterMs: fc.integer({ min: 0, max: 3_600_000 }),
      violations: fc.array(
        fc.record(
          { field: fc.string({ maxLength: 9 }), description: fc.string({ maxLength: 9 }) },
          { noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 4 },
      ),
    },
    { requiredKeys: ['code', 'message'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(status, fc.constantFrom(...FORMATS), (written, format) => {
      const bytes = encodeStatus(format, written);
      if (bytes.length === 0) return;
      assert.deepEqual(decodeStatus(format, bytes), written);
    }),
  );
});

test('a delay of a hostile server is clamped to a day', () => {
  const body =
    '{"code":14,"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"99999999999s"}]}';
  assert.equal(decodeStatus('json', Buffer.from(body))?.retryAfterMs, 86_400_000);
});

test('whatever a backend replies, reading it never throws', () => {
  const valid = encodeStatus('protobuf', {
    code: 14,
    message: 'busy',
    retryAfterMs: 1500,
    violations: [{ field: 'a', description: 'b' }],
  });
  for (let end = 0; end < valid.length; end++) decodeStatus('protobuf', valid.subarray(0, end));
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(bytes, fc.json(), fc.constantFrom(...FORMATS), (garbage, json, format) => {
      for (const body of [garbage, Buffer.from(json)]) {
        decodeStatus(format, body);
        decodePartialSuccess('metrics', format, body);
      }
    }),
    { numRuns: 2000 },
  );
});
