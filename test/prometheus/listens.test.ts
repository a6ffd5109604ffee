import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts, startGateway } from '../ends/gateway.ts';

test('an address that a receiver has already is no address for a page', async () => {
  const [port = 0, admin = 0] = await freePorts(2);
  const started = startGateway(
    `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } }
exporters:
  prometheus: { endpoint: 127.0.0.1:${port} }
service:
  shards: 2
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    metrics: { receivers: [otlp], exporters: [prometheus] }
`,
    [port],
  );
  await assert.rejects(started, (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`127.0.0.1:${port} for exporter prometheus: receiver otlp has the same address`),
    );
    return true;
  });
});
