import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricsJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricsProto } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Signal } from '../../src/contract/batch.ts';
import { eventually, freePorts, type Gateway, startGateway } from '../ends/gateway.ts';
import { decodeRequest, type OtlpSink, startSink, type Taken } from '../ends/otlp-sink.ts';
import { makeLogs, makeMetrics, makeSpans } from './telemetry.ts';

interface SdkExporter<T> {
  export(data: T, done: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
}
type Make<T> = new (config: object) => SdkExporter<T>;

const spans = makeSpans();
const logs = makeLogs();
const metrics = await makeMetrics();

const CASES = [
  { signal: 'traces', grpc: TracesGrpc, proto: TracesProto, json: TracesJson, data: spans },
  { signal: 'logs', grpc: LogsGrpc, proto: LogsProto, json: LogsJson, data: logs },
  { signal: 'metrics', grpc: MetricsGrpc, proto: MetricsProto, json: MetricsJson, data: metrics },
] as const;

let direct: OtlpSink;
let viaHttp: OtlpSink;
let viaGrpc: OtlpSink;
let gateway: Gateway;
let ports: { http: number; grpc: number };

before(async () => {
  [direct, viaHttp, viaGrpc] = await Promise.all([startSink(), startSink(), startSink()]);
  const [http = 0, grpc = 0, metricsPort = 0] = await freePorts(3);
  ports = { http, grpc };
  gateway = await startGateway(
    `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:${grpc} }
      http: { endpoint: 127.0.0.1:${http} }
exporters:
  otlphttp: { endpoint: "http://127.0.0.1:${viaHttp.http}" }
  otlp: { endpoint: "127.0.0.1:${viaGrpc.grpc}", tls: { insecure: true } }
service:
  shards: 2
  telemetry: { metrics: { address: "127.0.0.1:${metricsPort}" } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlphttp, otlp] }
    logs: { receivers: [otlp], exporters: [otlphttp, otlp] }
    metrics: { receivers: [otlp], exporters: [otlphttp, otlp] }
`,
    [http, grpc],
  );
});

after(async () => {
  assert.equal(await gateway?.stop(), 0);
  await Promise.all([direct, viaHttp, viaGrpc].map((sink) => sink?.close()));
});

async function send<T>(make: Make<T>, config: object, data: T): Promise<void> {
  const exporter = new make(config);
  const result = await new Promise<{ code: number; error?: Error }>((resolve) =>
    exporter.export(data, resolve),
  );
  await exporter.shutdown();
  assert.equal(result.code, 0, String(result.error));
}

/** What a sink took since it was last asked. */
async function next(sink: OtlpSink): Promise<Taken> {
  await eventually(
    () => sink.taken.length > 0,
    () => `nothing arrived: ${gateway.output()}`,
  );
  const [taken] = sink.taken.splice(0);
  assert.ok(taken);
  return taken;
}

function decoded(signal: Signal, taken: Taken): unknown {
  assert.equal(taken.signal, signal);
  return decodeRequest(signal, taken.body);
}

/** In JSON the SDK writes the body of a record that has none as an empty value. */
function asInJson(request: unknown): unknown {
  return JSON.parse(
    JSON.stringify(request, (_key, value: unknown) =>
      typeof value === 'object' && value !== null && 'severityNumber' in value
        ? { body: {}, ...value }
        : value,
    ),
  );
}

for (const { signal, grpc, proto, json, data } of CASES) {
  describe(`the OpenTelemetry JS SDK sends ${signal} through the gateway`, () => {
    for (const compression of ['none', 'gzip']) {
      test(`over http/protobuf, compression ${compression}, every field arrives equal`, async () => {
        const make = proto as Make<unknown>;
        await send(make, { url: `http://127.0.0.1:${direct.http}/v1/${signal}` }, data);
        await send(make, { url: `http://127.0.0.1:${ports.http}/v1/${signal}`, compression }, data);
        const expected = decoded(signal, await next(direct));
        assert.deepEqual(decoded(signal, await next(viaHttp)), expected);
        assert.deepEqual(decoded(signal, await next(viaGrpc)), expected);
      });

      test(`over http/json, compression ${compression}, every field arrives equal`, async () => {
        // What the SDK sends as protobuf is what its JSON must become: no digit is lost.
        await send(
          proto as Make<unknown>,
          { url: `http://127.0.0.1:${direct.http}/v1/${signal}` },
          data,
        );
        await send(
          json as Make<unknown>,
          { url: `http://127.0.0.1:${ports.http}/v1/${signal}`, compression },
          data,
        );
        const expected = asInJson(decoded(signal, await next(direct)));
        assert.deepEqual(decoded(signal, await next(viaHttp)), expected);
        assert.deepEqual(decoded(signal, await next(viaGrpc)), expected);
      });

      test(`over grpc, compression ${compression}, every field arrives equal`, async () => {
        const make = grpc as Make<unknown>;
        await send(make, { url: `http://127.0.0.1:${direct.grpc}` }, data);
        await send(make, { url: `http://127.0.0.1:${ports.grpc}`, compression }, data);
        const expected = decoded(signal, await next(direct));
        assert.deepEqual(decoded(signal, await next(viaHttp)), expected);
        assert.deepEqual(decoded(signal, await next(viaGrpc)), expected);
      });
    }
  });
}
