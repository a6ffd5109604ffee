import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../../wire/writer.ts';
import { decodeJson } from './decode.ts';
import { encodeJson } from './encode.ts';
import { OtlpJsonError } from './error.ts';
import { readValue, refuses, refusesSpan } from './fixtures.test.ts';

test('what is no JSON, or no request, is refused with its place', () => {
  refuses('', /byte 0: expected \{, but the body ends/);
  refuses('[]', /byte 0: expected \{/);
  refuses('{} {}', /byte 3: expected nothing behind the request/);
  refuses('{"resourceSpans":{}}', /resourceSpans: expected \[/);
  refuses('{"resourceSpans":[{},5]}', /resourceSpans\[1\]: expected \{/);
  refuses(
    '{"resourceSpans":[{"schemaUrl":5}]}',
    /resourceSpans\[0\]\.schemaUrl: expected a string/,
  );
  refuses('{"a":01}', /at a: expected a value/);
  refuses('{"a":"\\x"}', /at a: bad escape/);
  refuses('{"a":"\u0001"}', /at a: control character in a string/);
  refuses('{"a":tru}', /at a: expected a value/);
  refuses('{"a":1,}', /expected a string/);
  refuses('{"resourceSpans":[{}', /expected \], but the body ends/);
  refusesSpan(
    '{"attributes":[{"value":{"intValue":1,"boolValue":true}}]}',
    /intValue is given too/,
  );
  assert.throws(() => decodeJson('traces', Uint8Array.of(0x7b, 0xff, 0x7d)), /not valid UTF-8/);
});

test('a lone surrogate becomes the replacement character, as in other decoders', () => {
  assert.deepEqual(readValue('{"stringValue":"a\\ud800"}'), { stringValue: 'a\ufffd' });
  assert.deepEqual(readValue('{"stringValue":"\\ud83e\\udDAD"}'), { stringValue: '🦭' });
});

test('nesting is limited, in values and in what is ignored', () => {
  const nested = (depth: number) =>
    `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`;
  assert.ok(readValue(nested(40)));
  refusesSpan(`{"attributes":[{"value":${nested(60)}}]}`, /nested too deeply/);
  refuses(`{"x":${'['.repeat(100_000)}`, /nested too deeply/);
  refuses(`{"resourceSpans":${'[{"resourceSpans":'.repeat(100_000)}`, /expected|nested/);
});

test('a request that grows in protobuf beyond the limit is too large, not invalid', () => {
  const text = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[${'1,'.repeat(5000)}1]}]}}]}]}]}`;
  assert.throws(
    () => decodeJson('metrics', Buffer.from(text), text.length),
    (error) => error instanceof OtlpJsonError && error.fault === 'too_large',
  );
  assert.ok(decodeJson('metrics', Buffer.from(text), 50_000).length > text.length * 3);
});

test('values in parts are put together, at any depth in time that does not explode', () => {
  const inParts = (depth: number): Uint8Array =>
    depth === 0
      ? new Uint8Array(0)
      : new Writer()
          .open(5)
          .bytes(1, inParts(depth - 1))
          .close()
          .open(5)
          .close()
          .finish();
  const body = inParts(45);
  const writer = new Writer();
  for (const number of [1, 2, 2]) writer.open(number);
  const bytes = writer.bytes(5, body).close().close().close().finish();
  const text = Buffer.from(encodeJson('logs', [bytes])).toString();
  assert.equal(text.split('arrayValue').length, 46);
});
