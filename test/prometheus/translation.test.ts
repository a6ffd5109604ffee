import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { reflection } from '../../src/formats/prometheus/reflection.ts';
import { snappyBlock } from '../../src/net/codec/snappy-compress.ts';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';
import { decodeRequest, startSink } from '../ends/otlp-sink.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');

function remoteWrite(port: number, timeseries: readonly object[]): Promise<Response> {
  const body = REQUEST.encode(REQUEST.fromObject({ timeseries })).finish();
  return fetch(`http://127.0.0.1:${port}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(snappyBlock(body)),
  });
}

function series(name: string, labels: Readonly<Record<string, string>>, value: number): object {
  const pairs = Object.entries({ __name__: name, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    labels: pairs.map(([key, text]) => ({ name: key, value: text })),
    samples: [{ value, timestamp: 1_700_000_000_000 }],
  };
}

test('remote-write 1.0 comes out of otlp_http as OTLP metrics, with the resource its target_info tells', async (t) => {
  const sink = await startSink();
  t.after(() => sink.close());
  const [port = 0, admin = 0] = await freePorts(2);
  const gateway = await startGateway(
    `
receivers:
  prometheus_remote_write: { endpoint: 127.0.0.1:${port} }
processors:
  relabel:
    rules: [{ source_labels: [__name__], regex: noise, action: drop }]
  resource:
    attributes: [{ key: team, value: core, action: insert }]
exporters:
  otlp_http: { endpoint: http://127.0.0.1:${sink.http}, compression: none }
service:
  shards: 1
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics:
      receivers: [prometheus_remote_write]
      processors: [relabel, resource]
      exporters: [otlp_http]
`,
    [port, admin],
  );
  t.after(() => gateway.kill('SIGKILL'));
  const target = { job: 'shop/checkout', instance: 'i-1' };
  const answer = await remoteWrite(port, [
    series('noise', target, 1),
    series('target_info', { ...target, host_name: 'h1' }, 1),
    series('up', { ...target, zone: 'a' }, 1),
  ]);
  assert.ok(answer.ok, await answer.text());
  await eventually(
    () => sink.taken.length > 0,
    () => gateway.output(),
  );
  const [taken] = sink.taken;
  const { resourceMetrics } = decodeRequest('metrics', taken!.body) as {
    resourceMetrics: [{ resource: object; scopeMetrics: [{ metrics: unknown }] }];
  };
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  assert.deepEqual(resourceMetrics[0].resource, {
    attributes: [
      text('service.namespace', 'shop'),
      text('service.name', 'checkout'),
      text('service.instance.id', 'i-1'),
      text('host_name', 'h1'),
      text('team', 'core'),
    ],
  });
  assert.deepEqual(resourceMetrics[0].scopeMetrics[0].metrics, [
    {
      name: 'up',
      gauge: {
        dataPoints: [
          {
            timeUnixNano: '1700000000000000000',
            asDouble: 1,
            attributes: [text('zone', 'a')],
          },
        ],
      },
      metadata: [text('prometheus.type', 'unknown')],
    },
  ]);
  const passed = { processor: 'to_otlp' };
  const isCounted = async () => {
    const page = await gateway.page(admin, '/metrics');
    return valueOf(page, 'millrace_processor_outgoing_items', passed) === 1;
  };
  await eventually(isCounted, () => 'the point is not counted');
  assert.equal(await gateway.stop(), 0);
});
