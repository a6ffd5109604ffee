import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import {
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import protobuf from 'protobufjs';
import type { Signal } from '../../src/contract/batch.ts';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { decodeSnappy } from '../../src/net/codec/snappy.ts';
import { snappyBlock } from '../../src/net/codec/snappy-compress.ts';
import { ownBytes } from '../../src/wire/memory.ts';
import { eventually, freePorts, startGateway } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { decodeRequest, startSink, type Taken } from '../ends/otlp-sink.ts';
import { makeLogs, makeMetrics, makeSpans } from '../interop/telemetry.ts';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
const Series = protobuf.Root.fromJSON(reflection()).lookupType('Request');

const missing = await whyNoKafka();
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

/** A gateway that writes everything once per codec, and reads it all again. */
function yamlOf(client: string, ports: readonly number[], sinks: readonly number[]): string {
  const [otlp, series, metrics] = ports;
  const [otlpSink, seriesSink] = sinks;
  const connection = `
    client: ${client}
    brokers: [${kafka.saslTlsBrokers.join(', ')}]
    tls: { ca_pem: ${JSON.stringify(kafka.authority)} }
    auth: { sasl: { mechanism: SCRAM-SHA-512, username: ${kafka.user.username}, password: ${kafka.user.password} } }`;
  const topics = (codec: string, key: 'topic' | 'topics') =>
    SIGNALS.map((signal) => {
      const name = `${client}-${codec}-${signal}`;
      return `    ${signal}: { ${key}: ${key === 'topic' ? name : `[${name}]`} }`;
    }).join('\n');
  const reader = `${connection}\n    initial_offset: earliest\n    header_extraction: { extract_headers: true, headers: [x-team] }`;
  const writer = `${connection}\n    include_metadata_keys: [x-team]`;
  const each = (line: (codec: string) => string) => CODECS.map(line).join('\n');
  const rw = 'prometheus_remote_write';
  return `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${otlp}", include_metadata: true } } }
  ${rw}: { endpoint: "127.0.0.1:${series}" }
${each((codec) => `  kafka/${codec}:${reader}\n    group_id: ${client}-${codec}\n${topics(codec, 'topics')}`)}
  kafka/series:${reader}
    group_id: ${client}-series
    metrics: { topics: [${client}-series], encoding: ${rw} }
processors:
  resource: { attributes: [{ key: team, from_context: metadata.x-team, action: insert }] }
exporters:
${each((codec) => `  kafka/${codec}:${writer}\n    producer: { required_acks: all, compression: ${codec} }\n${topics(codec, 'topic')}`)}
  kafka/series:${writer}
    metrics: { topic: ${client}-series, encoding: ${rw} }
  otlp_http: { endpoint: "http://127.0.0.1:${otlpSink}", compression: none, tenant_header: X-Scope-OrgID }
  ${rw}: { endpoint: "http://127.0.0.1:${seriesSink}", tenant_header: X-Scope-OrgID }
service:
  shards: 1
  tenancy: { headers: [X-Scope-OrgID] }
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
${SIGNALS.map((signal) => `    ${signal}: { receivers: [otlp], exporters: [${CODECS.map((codec) => `kafka/${codec}`).join()}] }`).join('\n')}
${SIGNALS.map((signal) => `    ${signal}/read: { receivers: [${CODECS.map((codec) => `kafka/${codec}`).join()}], processors: [resource], exporters: [otlp_http] }`).join('\n')}
    metrics/series: { receivers: [${rw}], exporters: [kafka/series] }
    metrics/series-read: { receivers: [kafka/series], exporters: [${rw}] }
`;
}

/** A backend of remote-write 1.0 that keeps bodies, uncompressed. */
async function seriesSink(t: TestContext) {
  const taken: { readonly tenant: unknown; readonly body: Uint8Array }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const block = new Uint8Array(Buffer.concat(parts));
      taken.push({ tenant: request.headers['x-scope-orgid'], body: decodeSnappy(block, ownBytes) });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { taken, port: (server.address() as AddressInfo).port };
}

async function requests(): Promise<Readonly<Record<Signal, Uint8Array>>> {
  const encoded = {
    traces: ProtobufTraceSerializer.serializeRequest(makeSpans()),
    metrics: ProtobufMetricsSerializer.serializeRequest(await makeMetrics()),
    logs: ProtobufLogsSerializer.serializeRequest(makeLogs()),
  };
  for (const bytes of Object.values(encoded)) assert.ok(bytes !== undefined);
  return encoded as Record<Signal, Uint8Array>;
}

/** A request with the attribute that the reading side adds. */
function withTeam(signal: Signal, bytes: Uint8Array): Record<string, unknown> {
  const request = decodeRequest(signal, Buffer.from(bytes));
  const [resources] = Object.values(request) as [{ resource: { attributes: unknown[] } }[]];
  for (const { resource } of resources) {
    resource.attributes.push({ key: 'team', value: { stringValue: 'checkout' } });
  }
  return request;
}

const STALE = Buffer.from('020000000000f07f', 'hex').readDoubleLE();

function seriesRequest(): Uint8Array {
  const labels = [
    { name: '__name__', value: 'up' },
    { name: 'job', value: 'naïve' },
  ];
  const samples = [
    { value: -0, timestamp: 1 },
    { value: STALE, timestamp: '9007199254740993' },
  ];
  return Series.encode(Series.fromObject({ timeseries: [{ labels, samples }] })).finish();
}

for (const client of ['platformatic', 'kafkajs'] as const) {
  test(`${client}: every signal and series arrives with tenant and headers, under every codec, over TLS and SCRAM`, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const names = CODECS.flatMap((codec) => SIGNALS.map((signal) => `${codec}-${signal}`));
    await Promise.all([...names, 'series'].map((name) => kafka.createTopic(`${client}-${name}`)));
    const sink = await startSink();
    t.after(() => sink.close());
    const series = await seriesSink(t);
    const ports = await freePorts(3);
    const [otlp, remoteWrite] = ports;
    const gateway = await startGateway(yamlOf(client, ports, [sink.http, series.port]), ports);
    t.after(() => gateway.kill('SIGKILL'));
    const headers = { 'x-scope-orgid': 'shop', 'x-team': 'checkout' };
    const sent = await requests();
    for (const signal of SIGNALS) {
      const answer = await fetch(`http://127.0.0.1:${otlp}/v1/${signal}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-protobuf' },
        body: Buffer.from(sent[signal]),
      });
      assert.equal(answer.status, 200, await answer.text());
    }
    const answer = await fetch(`http://127.0.0.1:${remoteWrite}/api/v1/write`, {
      method: 'POST',
      headers: { ...headers, 'content-encoding': 'snappy' },
      body: Buffer.from(snappyBlock(seriesRequest())),
    });
    assert.equal(answer.status, 204);
    await eventually(
      () => sink.taken.length >= CODECS.length * SIGNALS.length && series.taken.length > 0,
      () => `${sink.taken.length} and ${series.taken.length} requests came; ${gateway.output()}`,
      40_000,
    );
    for (const signal of SIGNALS) {
      const came = sink.taken.filter((taken) => taken.signal === signal);
      assert.equal(came.length, CODECS.length);
      for (const taken of came) assertAlike(taken, withTeam(signal, sent[signal]));
    }
    assert.equal(series.taken[0]?.tenant, 'shop');
    assert.deepEqual(Buffer.from(series.taken[0]?.body ?? []), Buffer.from(seriesRequest()));
    assert.equal(await gateway.stop(), 0, gateway.output());
  });
}

function assertAlike({ signal, headers, body }: Taken, expected: Record<string, unknown>): void {
  assert.equal(headers['x-scope-orgid'], 'shop');
  assert.deepEqual(decodeRequest(signal, body), expected);
}
