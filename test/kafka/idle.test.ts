import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually, freePorts, startGateway } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { startSink } from '../ends/otlp-sink.ts';

const missing =
  process.platform === 'linux' ? await whyNoKafka() : 'CPU is read from /proc, which is Linux';
const TICKS_PER_SECOND = 100;
const WINDOW_MS = 4000;
/** A gateway that has just started compiles and collects for a while. */
const WINDOWS = 12;
const MOST_OF_A_CORE = 0.02;
const SPAN = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  name: 'a',
  startTimeUnixNano: '1763700000000000000',
};
const REQUEST = { resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] };

let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

/** CPU seconds of all threads of a process. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

for (const client of ['platformatic', 'kafkajs']) {
  test(`a gateway that wrote and read with ${client}, and now has nothing to do, is idle`, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const topic = `idle-${client}`;
    await kafka.createTopic(topic, { partitions: 4 });
    const sink = await startSink();
    t.after(() => sink.close());
    const [http = 0, metrics = 0] = await freePorts(2);
    const connection = `client: ${client}\n    brokers: [${kafka.brokers.join(', ')}]`;
    const yaml = `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${http}" } } }
  kafka:
    ${connection}
    group_id: ${topic}
    initial_offset: earliest
    traces: { topics: [${topic}] }
exporters:
  kafka:
    ${connection}
    traces: { topic: ${topic} }
  otlp_http: { endpoint: "http://127.0.0.1:${sink.http}" }
service:
  shards: 1
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
    traces/out: { receivers: [otlp], exporters: [kafka] }
    traces/in: { receivers: [kafka], exporters: [otlp_http] }
`;
    const gateway = await startGateway(yaml, [http, metrics]);
    t.after(() => gateway.kill('SIGKILL'));
    const answer = await fetch(`http://127.0.0.1:${http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(REQUEST),
    });
    assert.equal(answer.status, 200);
    await eventually(
      () => sink.taken.length > 0,
      () => gateway.output(),
      30_000,
    );

    let share = 1;
    for (let window = 0; window < WINDOWS && share > MOST_OF_A_CORE; window++) {
      const [cpu, began] = [cpuSeconds(gateway.pid), performance.now()];
      await pause(WINDOW_MS);
      share = (cpuSeconds(gateway.pid) - cpu) / ((performance.now() - began) / 1000);
    }
    t.diagnostic(`${(share * 100).toFixed(2)} % of a core`);
    assert.ok(share <= MOST_OF_A_CORE, `${share} of a core: ${gateway.output()}`);
  });
}
