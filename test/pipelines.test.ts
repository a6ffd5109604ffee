import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, freePorts, startGateway } from './ends/gateway.ts';
import { startSink } from './ends/otlp-sink.ts';
import { post, SeriesSink, writeRequest } from './ends/series.ts';

const folder = fileURLToPath(new URL('../pipelines', import.meta.url));

const REQUEST = JSON.stringify({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: 'eee19b7ec3c1b174',
              name: 'hello',
              kind: 1,
              startTimeUnixNano: '1763700000000000000',
              endTimeUnixNano: '1763700001000000000',
            },
          ],
        },
      ],
    },
  ],
});

/** The file with free ports in the place of those it listens on. */
function movedTo(yaml: string, ports: readonly number[]): string {
  const [grpc, http, metrics, health] = ports;
  return yaml
    .replace(/(?:localhost|0\.0\.0\.0):4317/g, `127.0.0.1:${grpc}`)
    .replace(/(?:localhost|0\.0\.0\.0):4318/g, `127.0.0.1:${http}`)
    .replace(/(?:localhost|0\.0\.0\.0):8888/g, `127.0.0.1:${metrics}`)
    .replace(/(?:localhost|0\.0\.0\.0):13133/g, `127.0.0.1:${health}`)
    .replace(
      /^ {2}health_check:\n(?! {4})/m,
      `  health_check: { endpoint: "127.0.0.1:${health}" }\n`,
    )
    .replace(
      /^service:$/m,
      yaml.includes('telemetry:')
        ? 'service:'
        : `service:\n  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }`,
    );
}

for (const file of globSync('*.yaml', { cwd: folder }).sort()) {
  const yaml = readFileSync(join(folder, file), 'utf8');
  test(`pipelines/${file} tells editors where its schema is`, () => {
    assert.match(yaml, /^# yaml-language-server: \$schema=\.\.\/millrace\.schema\.json\n/);
  });

  // Those with Kafka are tried with Kafka, in test/kafka.
  if (!yaml.includes('otlp:') || yaml.includes('kafka:')) continue;

  test(`pipelines/${file} runs as it is and takes a span`, async (t) => {
    const sink = await startSink();
    t.after(() => sink.close());
    const ports = await freePorts(4);
    const [grpc = 0, http = 0] = ports;
    const gateway = await startGateway(movedTo(yaml, ports), [grpc, http], {
      BACKEND_ENDPOINT: `http://127.0.0.1:${sink.http}`,
    });
    try {
      const answer = await fetch(`http://127.0.0.1:${http}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: REQUEST,
      });
      assert.equal(answer.status, 200, await answer.text());
    } finally {
      assert.equal(await gateway.stop(), 0, gateway.output());
    }
  });
}

test('pipelines/prometheus.yaml runs as it is: scrapes, takes remote-write, delivers both', async (t) => {
  const yaml = readFileSync(join(folder, 'prometheus.yaml'), 'utf8');
  const backend = await new SeriesSink().start();
  t.after(() => backend.close());
  const ports = await freePorts(5);
  const [write = 0, page = 0, metrics = 0, health = 0, federate = 0] = ports;
  const moved = yaml
    .replaceAll('0.0.0.0:9009', `127.0.0.1:${write}`)
    .replaceAll('localhost:9464', `127.0.0.1:${page}`)
    .replaceAll('localhost:8888', `127.0.0.1:${metrics}`)
    .replaceAll('0.0.0.0:13133', `127.0.0.1:${health}`)
    .replace('scrape_interval: 15s', 'scrape_interval: 1s');
  const gateway = await startGateway(moved, [write, page, metrics, health], {
    REMOTE_WRITE_URL: backend.url,
    FEDERATE: `127.0.0.1:${federate}`,
  });
  try {
    assert.equal(await post({ port: write }, writeRequest(['a'], Date.now())), 204);
    await eventually(
      async () =>
        backend.series.get('a')?.length === 1 &&
        (await gateway.page(page, '/metrics')).includes('up{cluster="eu-1"'),
      () => gateway.output(),
    );
    await eventually(
      async () => (await gateway.page(metrics, '/targets')).includes('gateway (1 of 1 up)'),
      () => gateway.output(),
    );
  } finally {
    assert.equal(await gateway.stop(), 0, gateway.output());
  }
});
