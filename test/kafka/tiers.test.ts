import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, freePorts, startGateway } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { decodeRequest, startSink } from '../ends/otlp-sink.ts';
import { prometheusProgram, startPrometheus } from '../ends/prometheus-server.ts';

const missing = await whyNoKafka();
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

/** A file of pipelines/ with free ports in the place of its own. */
function moved(file: string, ports: Readonly<Record<string, number>>): string {
  let yaml = readFileSync(
    fileURLToPath(new URL(`../../pipelines/${file}`, import.meta.url)),
    'utf8',
  );
  for (const [from, to] of Object.entries(ports)) {
    yaml = yaml.replaceAll(`0.0.0.0:${from}`, `127.0.0.1:${to}`);
  }
  return yaml;
}

const TIME = '1763700000000000000';
const ID = '5b8efff798038103d269b633813fc60c';

/** One item of each signal, with its name in it. */
const REQUESTS = {
  traces: {
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [
              {
                traceId: ID,
                spanId: ID.slice(16),
                name: 'name-of-traces',
                startTimeUnixNano: TIME,
              },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'name-of-metrics',
                gauge: { dataPoints: [{ timeUnixNano: TIME, asInt: '1' }] },
              },
            ],
          },
        ],
      },
    ],
  },
  logs: {
    resourceLogs: [
      {
        scopeLogs: [
          { logRecords: [{ timeUnixNano: TIME, body: { stringValue: 'name-of-logs' } }] },
        ],
      },
    ],
  },
};

const TOPICS = ['otlp_spans', 'otlp_metrics', 'otlp_logs', 'prometheus_series'];

test('pipelines/kafka-tier1.yaml and kafka-tier2.yaml carry every signal and remote-write, with its tenant', async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const program = await prometheusProgram('2.42');
  if ('missing' in program) return t.skip(program.missing);
  for (const topic of TOPICS) await kafka.createTopic(topic, { partitions: 4 });
  const sink = await startSink();
  t.after(() => sink.close());
  const [one = 0, two = 0, three = 0, four = 0, five = 0, six = 0, seven = 0, eight = 0] =
    await freePorts(8);
  const start = { KAFKA_BROKER: kafka.brokers[0] ?? '' };
  const write = await startPrometheus(program.path, {
    config: 'global: { scrape_interval: 1h }',
    flags: ['--web.enable-remote-write-receiver'],
  });
  t.after(() => write.stop());
  const tierTwo = await startGateway(
    moved('kafka-tier2.yaml', { 13134: one, 8889: two }),
    [one, two],
    {
      ...start,
      BACKEND_ENDPOINT: `http://127.0.0.1:${sink.http}`,
      PROMETHEUS_ENDPOINT: `${write.url}/api/v1/write`,
    },
  );
  t.after(() => tierTwo.kill('SIGKILL'));
  const ports = { 4317: three, 4318: four, 9009: five, 13133: six, 8888: seven };
  const tierOne = await startGateway(moved('kafka-tier1.yaml', ports), [four, five, seven], start);
  t.after(() => tierOne.kill('SIGKILL'));
  const source = await startPrometheus(program.path, {
    config: `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: itself
    static_configs: [{ targets: ["127.0.0.1:${eight}"] }]
remote_write:
  - url: http://127.0.0.1:${five}/api/v1/write
    queue_config: { batch_send_deadline: 500ms }
`,
    port: eight,
  });
  t.after(() => {
    source.kill('SIGKILL');
    return source.stop();
  });

  for (const [signal, request] of Object.entries(REQUESTS)) {
    const answer = await fetch(`http://127.0.0.1:${four}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-scope-orgid': `of-${signal}` },
      body: JSON.stringify(request),
    });
    assert.equal(answer.status, 200, `${signal}: ${await answer.text()} ${tierOne.output()}`);
  }
  const came = () =>
    sink.taken.map(({ signal, headers }) => `${signal} ${String(headers['x-scope-orgid'])}`);
  await eventually(
    () => new Set(came()).size >= 3,
    () => `${came().join()}: ${tierTwo.output()}`,
    30_000,
  );
  assert.deepEqual(
    [...new Set(came())].toSorted((a, b) => (a < b ? -1 : 1)),
    ['logs of-logs', 'metrics of-metrics', 'traces of-traces'],
  );
  for (const { signal, body } of sink.taken) {
    assert.match(JSON.stringify(decodeRequest(signal, body)), new RegExp(`"name-of-${signal}"`));
  }
  await eventually(
    async () => (await write.query('up{job="itself"}')).length === 1,
    () => tierOne.output() + tierTwo.output(),
    30_000,
  );
  assert.equal(await tierOne.stop(), 0, tierOne.output());
  assert.equal(await tierTwo.stop(), 0, tierTwo.output());
});
