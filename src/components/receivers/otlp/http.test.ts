import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startReceiver } from './fixture.test.ts';

const TYPE = 'application/x-protobuf';
const SPANS = Buffer.from('0a0b12091207' + '2a05' + '68656c6c6f', 'hex');

test('OTLP-S3, S4: an empty request is answered with success and no bytes', async () => {
  await using running = await startReceiver({ http: {} });
  const answer = await fetch(`${running.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': TYPE },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), TYPE);
  assert.equal((await answer.arrayBuffer()).byteLength, 0);
});

test('a request reaches the intake as it was sent', async () => {
  await using running = await startReceiver({ http: {} });
  const answer = await fetch(`${running.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': TYPE },
    body: SPANS,
  });
  assert.equal(answer.status, 200, await answer.text());
  assert.deepEqual(running.intake.batches[0]?.chunks, [new Uint8Array(SPANS)]);
  assert.equal(running.intake.batches[0]?.items, 1);
});
