import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';

for (const client of ['platformatic', 'kafkajs']) {
  test(`a stop while brokers are away is no fault of theirs, with ${client}`, async () => {
    const [broker = 0, metrics = 0] = await freePorts(2);
    const gateway = await startGateway(
      `receivers: { kafka: { client: ${client}, brokers: ["127.0.0.1:${broker}"], connect_timeout: 60s } }
exporters: { nop: }
service:
  shards: 1
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines: { traces: { receivers: [kafka], exporters: [nop] } }
`,
      [metrics],
    );
    await eventually(
      async () =>
        valueOf(await gateway.page(metrics, '/metrics'), 'millrace_kafka_receiver_errors') > 0,
      () => gateway.output(),
    );
    assert.equal(await gateway.stop(), 0);
    assert.match(gateway.output(), /connection_failed/);
    assert.doesNotMatch(gateway.output(), /no answer in time/);
  });
}
