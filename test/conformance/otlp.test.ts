/** What the specification says of the whole way of a request, on a gateway between real ends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Signal } from '../../src/contract/batch.ts';
import { eventually, freePorts, type Gateway, startGateway, valueOf } from '../ends/gateway.ts';
import { decodeRequest, type OtlpSink, startSink, type Taken } from '../ends/otlp-sink.ts';
import { DOCUMENTS } from './documents.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

let sink: OtlpSink;
let gateway: Gateway;
let url: string;
let metricsPort = 0;
let deadPort = 0;

before(async () => {
  sink = await startSink();
  const [http = 0, metrics = 0, dead = 0, toDead = 0] = await freePorts(4);
  url = `http://127.0.0.1:${http}`;
  [metricsPort, deadPort] = [metrics, toDead];
  const endpoint = `http://127.0.0.1:${sink.http}`;
  gateway = await startGateway(
    `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${http}" } } }
  otlp/dead: { protocols: { http: { endpoint: "127.0.0.1:${toDead}" } } }
exporters:
  otlp_http/proto: { endpoint: "${endpoint}", compression: none }
  otlp_http/json: { endpoint: "${endpoint}", encoding: json }
  otlp_http/dead: { endpoint: "http://127.0.0.1:${dead}" }
service:
  shards: 1
  shutdown_timeout: 1s
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http/proto, otlp_http/json] }
    metrics: { receivers: [otlp], exporters: [otlp_http/proto, otlp_http/json] }
    logs: { receivers: [otlp], exporters: [otlp_http/proto, otlp_http/json] }
    logs/dead: { receivers: [otlp/dead], exporters: [otlp_http/dead] }
`,
    [http, metrics, toDead],
  );
});

after(async () => {
  gateway.kill('SIGKILL');
  await gateway.exited;
  await sink.close();
});

/** Sends a request and answers what both exporters made of it. */
async function through(signal: Signal, body: string | Uint8Array<ArrayBuffer>) {
  sink.taken.length = 0;
  const type = typeof body === 'string' ? JSON_TYPE : PROTOBUF;
  const headers = { 'content-type': type };
  const answer = await fetch(`${url}/v1/${signal}`, { method: 'POST', headers, body });
  assert.equal(answer.status, 200, await answer.text());
  const byType = (wanted: string) => sink.taken.find((one) => one.contentType === wanted);
  await eventually(
    () => byType(PROTOBUF) !== undefined && byType(JSON_TYPE) !== undefined,
    () => `${sink.taken.length} of 2 arrived`,
  );
  return { protobuf: byType(PROTOBUF) as Taken, json: byType(JSON_TYPE) as Taken };
}

for (const { name, signal, document } of DOCUMENTS) {
  test(`OTLP-J6: ${name} as JSON comes out as the same JSON, and as protobuf that says the same`, async () => {
    const { protobuf, json } = await through(signal, JSON.stringify(document));
    assert.deepEqual(JSON.parse(json.body.toString()), document);
    const again = await through(signal, new Uint8Array(protobuf.body));
    assert.deepEqual(again.protobuf.body, protobuf.body);
    assert.deepEqual(JSON.parse(again.json.body.toString()), document);
  });
}

test('OTLP-S11: envelopes that lost all their items are not sent on', async () => {
  const metric = (name: string, timeUnixNano: string) => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano, asInt: '1' }] },
  });
  const { protobuf } = await through(
    'metrics',
    JSON.stringify({
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [metric('timeless', '0')] }] },
        {
          scopeMetrics: [
            { scope: { name: 'emptied' }, metrics: [metric('timeless', '0')] },
            { scope: { name: 'kept' }, metrics: [metric('timeless', '0'), metric('good', '5')] },
          ],
        },
      ],
    }),
  );
  assert.deepEqual(decodeRequest('metrics', protobuf.body), {
    resourceMetrics: [
      { scopeMetrics: [{ scope: { name: 'kept' }, metrics: [metric('good', '5')] }] },
    ],
  });
});

test('OTLP-S12: success is for this hop: a client hears it while the backend is down, and the books say who holds the data', async () => {
  const headers = { 'content-type': JSON_TYPE };
  const body = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}';
  const to = `http://127.0.0.1:${deadPort}/v1/logs`;
  const answer = await fetch(to, { method: 'POST', headers, body });
  assert.equal(answer.status, 200);
  const page = await gateway.page(metricsPort, '/metrics');
  const labels = { exporter: 'otlp_http/dead' };
  assert.equal(valueOf(page, 'millrace_exporter_held_items', labels), 1);
  assert.equal(valueOf(page, 'millrace_exporter_sent_log_records', labels), 0);
});

/** A gauge whose one point holds these 8 bytes, little endian, as a double. */
function gaugeOf(bits: bigint): Uint8Array<ArrayBuffer> {
  // NumberDataPoint { fixed64 time_unix_nano = 3; double as_double = 4; }
  const point = Buffer.alloc(18);
  point.writeUInt8(0x19, 0);
  point.writeBigUInt64LE(1n, 1);
  point.writeUInt8(0x21, 9);
  point.writeBigUInt64LE(bits, 10);
  const within = (field: number, inner: Uint8Array) =>
    Buffer.concat([Buffer.from([field * 8 + 2, inner.length]), inner]);
  // Gauge { data_points = 1; } Metric { gauge = 5; } ScopeMetrics { metrics = 2; }
  return new Uint8Array(within(1, within(2, within(2, within(5, within(1, point))))));
}

test('N-1: the stale marker and every other NaN, zero and subnormal keep their 64 bits', async () => {
  for (const bits of [
    0x7ff0000000000002n, // the stale marker, a signalling NaN
    0x7ff8000000000001n,
    0xfff8000000000000n,
    0x8000000000000000n,
    0x0000000000000001n,
    0x7ff0000000000000n,
  ]) {
    const request = gaugeOf(bits);
    const { protobuf } = await through('metrics', request);
    assert.deepEqual(new Uint8Array(protobuf.body), request, bits.toString(16));
  }
});

test('N-2, N-3: 64-bit integers beyond 2^53 are exact from JSON numbers and strings to both encodings', async () => {
  const values = ['9007199254740993', '9223372036854775807', '-9223372036854775808'];
  const attributes = (write: (digits: string) => string) =>
    values.map((digits) => `{"key":"k","value":{"intValue":${write(digits)}}}`).join(',');
  const request = (write: (digits: string) => string) =>
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":${write('18446744073709551615')},"attributes":[${attributes(write)}]}]}]}]}`;
  for (const write of [(digits: string) => digits, (digits: string) => `"${digits}"`]) {
    const { protobuf, json } = await through('traces', request(write));
    assert.equal(
      json.body.toString(),
      request((digits) => `"${digits}"`),
    );
    assert.deepEqual(decodeRequest('traces', protobuf.body), JSON.parse(json.body.toString()));
  }
});
