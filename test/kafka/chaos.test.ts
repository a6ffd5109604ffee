import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { drive, pause, Record, Sequence } from '../acceptance/ends/client.ts';
import { sizeOf } from '../acceptance/ends/numbers.ts';
import { type Placed, Scene } from '../acceptance/ends/scene.ts';
import { eventually, freePorts } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';

const SHAPE = { signal: 'traces', items: 50, itemBytes: 300 } as const;
const RATE = 60;
const ITEMS_PER_SECOND = SHAPE.items * RATE;
/** What a death may repeat: what was read or written since the last commit, and was under way. */
const REPEATED_BY_A_DEATH = 4 * ITEMS_PER_SECOND;

const missing = await whyNoKafka();
let kafka: KafkaCluster;

before(async () => {
  if (missing !== undefined) return;
  kafka = await startKafka({ nodes: 3, properties: { 'min.insync.replicas': 2 } });
});
after(() => kafka?.stop());

/** Writes what clients send to the topic, once more from the same ports after it was killed. */
function tierOne(topic: string, [http, grpc, metrics]: readonly number[]): string {
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${grpc}" }
      http: { endpoint: "127.0.0.1:${http}" }
exporters:
  kafka:
    brokers: [${kafka.brokers.join(', ')}]
    traces: { topic: ${topic} }
    partition_traces_by_id: true
    producer: { required_acks: all, idempotent: true }
    retry_on_failure: { initial_interval: 100ms, max_elapsed_time: 0 }
service:
  shards: 1
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
    traces: { receivers: [otlp], exporters: [kafka], acknowledge: delivered }
`;
}

function tierTwo(topic: string, backend: number, metrics: number): string {
  return `
receivers:
  kafka:
    brokers: [${kafka.brokers.join(', ')}]
    group_id: ${topic}
    initial_offset: earliest
    session_timeout: 6s
    heartbeat_interval: 1s
    traces: { topics: [${topic}] }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${backend}
    compression: none
service:
  shards: 1
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
    traces: { receivers: [kafka], exporters: [otlp_http], acknowledge: delivered }
`;
}

test('nothing acknowledged is missing after a leader, both tiers and members of the group came and went', async (t) => {
  if (missing !== undefined) return t.skip(missing);
  const topic = 'chaos';
  await kafka.createTopic(topic, { partitions: 6, replicas: 3 });
  const scene = new Scene(t);
  const backend = await scene.backend();
  const [http = 0, grpc = 0, metrics = 0] = await freePorts(3);
  const ports = { http, grpc, metrics };
  const startOne = () => scene.run(tierOne(topic, [http, grpc, metrics]), ports);
  const startTwo = async (): Promise<Placed> => {
    const [own = 0] = await freePorts(1);
    const yaml = tierTwo(topic, backend.http, own);
    return scene.run(yaml, { http: own, grpc: own, metrics: own });
  };
  const dies = async ({ gateway }: Placed): Promise<void> => {
    gateway.kill('SIGKILL');
    await gateway.exited;
  };
  const [one, two, three] = await Promise.all([startOne(), startTwo(), startTwo()]);
  const record = new Record();
  const stop = new AbortController();
  const load = { shape: SHAPE, sequence: new Sequence(), record, until: stop.signal, rate: RATE };
  const loaded = drive(scene.httpLanes(8, http), load);

  await pause(3000);
  const leader = await kafka.leaderOf(topic, 0);
  await kafka.kill(leader);
  await pause(4000);
  await dies(one);
  const again = await startOne();
  await pause(3000);
  await dies(two);
  await pause(2000);
  const four = await startTwo();
  await kafka.restart(leader);
  await pause(3000);
  assert.equal(await three.gateway.stop(), 0, three.output());
  await pause(3000);
  stop.abort();
  await loaded;

  await eventually(
    () => backend.numbers.missing(record.acknowledged) === 0,
    () => `${backend.numbers.missing(record.acknowledged)} missing; ${four.output()}`,
    60_000,
  );
  const acknowledged = sizeOf(record.acknowledged);
  t.diagnostic(
    `${acknowledged} acknowledged, ${backend.numbers.distinct} arrived, ${backend.numbers.duplicates} twice, ` +
      `${record.refused} requests refused, ${record.unknown.length} without an answer`,
  );
  assert.ok(acknowledged > 5 * ITEMS_PER_SECOND, again.output());
  assert.ok(backend.numbers.duplicates <= 3 * REPEATED_BY_A_DEATH);
});
