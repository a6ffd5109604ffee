import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeJson } from '../../../formats/otlp/json/encode.ts';
import { startReceiver } from './fixture.test.ts';

const PATHS = { traces: '/v1/traces', logs: '/v1/logs' } as const;
const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const;

/** Sends a request; answers the status, and what arrived written as JSON. */
async function through(
  signal: keyof typeof PATHS,
  body: string | Buffer<ArrayBuffer>,
): Promise<{ status: number; arrived: string }> {
  await using running = await startReceiver({ http: {} });
  const type = typeof body === 'string' ? TYPES.json : TYPES.protobuf;
  const headers = { 'content-type': type };
  const answer = await fetch(running.url + PATHS[signal], { method: 'POST', headers, body });
  const bytes = running.intake.batches[0]?.chunks[0];
  const arrived = bytes === undefined ? '' : encodeJson(signal, [bytes]);
  return { status: answer.status, arrived: Buffer.from(arrived).toString() };
}

const span = (fields: string) => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`;
const log = (body: string) =>
  `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${body}}]}]}]}`;

/** It is taken, and what arrived says so. */
async function taken(body: string, expected: RegExp): Promise<void> {
  const { status, arrived } = await through(body.includes('Spans') ? 'traces' : 'logs', body);
  assert.equal(status, 200, body);
  assert.match(arrived, expected);
}

async function refused(body: string): Promise<void> {
  assert.equal((await through('traces', body)).status, 400, body);
}

test('OTLP-J1: ids are hex in any case, empty or absent, and of no other length', async () => {
  const id = '5B8EFFF798038103D269B633813FC60C';
  await taken(span(`"traceId":"${id}"`), new RegExp(id.toLowerCase()));
  await taken(span('"traceId":"","name":"a"'), /"name":"a"/);
  await refused(span('"traceId":"5B8EFFF7"'));
  await refused(span('"spanId":"zzzzzzzzzzzzzzzz"'));
});

test('OTLP-J2: enums are integers', async () => {
  await taken(span('"kind":2'), /"kind":2/);
});

test('OTLP-J3, S7: unknown JSON fields are ignored', async () => {
  await taken(span('"name":"a","colour":{"r":[1,{"g":null}]}'), /"name":"a"/);
});

test('OTLP-J4, N-3: 64-bit integers come as strings or numbers, exact', async () => {
  const attribute = (value: string) => span(`"attributes":[{"key":"k","value":{${value}}}]`);
  await taken(attribute('"intValue":"9007199254740993"'), /"9007199254740993"/);
  await taken(attribute('"intValue":9007199254740993'), /"9007199254740993"/);
  await taken(attribute('"intValue":"-9223372036854775808"'), /"-9223372036854775808"/);
  await taken(attribute('"doubleValue":"NaN"'), /"NaN"/);
});

test('OTLP-J5: null is the same as absent', async () => {
  await taken(span('"name":"a","status":null,"links":null'), /"name":"a"/);
});

test('OTLP-S8: attribute values of every kind arrive, the empty one too', async () => {
  await taken(log('{"bytesValue":"AQI="}'), /"bytesValue":"AQI="/);
  await taken(log('{"kvlistValue":{"values":[{"key":"a","value":{}}]}}'), /"key":"a"/);
  await taken(log('{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"s"}]}}'), /"s"/);
  await taken(log('{}'), /"body":\{\}/);
});

test('OTLP-S7: unknown protobuf fields are ignored', async () => {
  const unknown = Buffer.from(`0a0b120912072a0568656c6c6f${'ba3e03616263'}`, 'hex');
  const { status, arrived } = await through('traces', unknown);
  assert.equal(status, 200);
  assert.match(arrived, /"name":"hello"/);
});
