import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';

const SPAN = JSON.stringify({
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174', name: 'a' },
          ],
        },
      ],
    },
  ],
});

async function gateway() {
  const [otlp = 0, admin = 0, nobody = 0] = await freePorts(3);
  const yaml = `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${otlp}" } } }
exporters:
  otlp_http: { endpoint: "http://127.0.0.1:${nobody}" }
service:
  shards: 1
  shutdown_timeout: 30s
  telemetry: { metrics: { address: "127.0.0.1:${admin}" } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http] }
`;
  const running = await startGateway(yaml, [otlp, admin]);
  const send = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: SPAN,
    });
    return answer.status;
  };
  return { running, otlp, admin, send };
}

describe('signals', () => {
  test('SIGHUP is answered in the log and changes nothing; SIGTERM ends it with 0', async () => {
    const { running } = await gateway();
    running.kill('SIGHUP');
    await eventually(
      () => running.output().includes('SIGHUP'),
      () => running.output(),
    );
    running.kill('SIGHUP');
    assert.equal(await running.stop(), 0);
  });

  test('a second signal does not wait for what cannot be delivered, and the books say so', async () => {
    const { running, admin, send } = await gateway();
    assert.equal(await send(), 200);
    const page = await running.page(admin, '/metrics');
    assert.equal(valueOf(page, 'millrace_exporter_held_items'), 1);
    running.kill('SIGTERM');
    // Refused connections say that the stop is under way; now it waits for its delivery.
    let accepted = 1;
    const isClosed = async (): Promise<boolean> => {
      try {
        if ((await send()) === 200) accepted++;
        return false;
      } catch {
        return true;
      }
    };
    await eventually(isClosed, () => running.output());
    // Sooner it would be taken for the first signal, passed on once more.
    await new Promise((resolve) => setTimeout(resolve, 400));
    running.kill('SIGINT');
    const start = performance.now();
    assert.equal(await running.exited, 1);
    assert.ok(performance.now() - start < 5000);
    assert.match(running.output(), new RegExp(`"dropped_items":${accepted}\\b`));
    assert.doesNotMatch(running.output(), /died/, 'what was asked for is no accident');
  });
});
