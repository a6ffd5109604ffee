import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { startSink } from '../ends/otlp-sink.ts';
import { numbered, numbersTaken, range, readRecords, recordWriter } from './ends/records.ts';

const missing = await whyNoKafka();
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

interface Scene {
  readonly topic: string;
  /** Of the section of the receiver, with its indent. */
  readonly receiver?: string;
  readonly tenancy?: string;
  readonly exporter?: string;
  readonly acknowledge?: 'queued' | 'delivered';
}

/** A gateway that reads a topic of traces and sends them to a sink. */
async function startReader(t: TestContext, client: string, scene: Scene) {
  const sink = await startSink();
  t.after(() => sink.close());
  const [admin = 0] = await freePorts(1);
  const yaml = `
receivers:
  kafka:
    client: ${client}
    brokers: [${kafka.brokers.join(', ')}]
    group_id: ${scene.topic}-${client}
    initial_offset: earliest
    session_timeout: 6s
    heartbeat_interval: 1s
    traces: { topics: ["${scene.topic}"] }
${scene.receiver ?? ''}
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${sink.http}
    compression: none
    tenant_header: X-Scope-OrgID
${scene.exporter ?? ''}
service:
  shards: 1
  tenancy: ${scene.tenancy ?? '{ default: nobody }'}
  telemetry: { metrics: { address: 127.0.0.1:${admin} } }
  pipelines:
    traces: { receivers: [kafka], exporters: [otlp_http], acknowledge: ${scene.acknowledge ?? 'queued'} }
`;
  const start = () => startGateway(yaml, [admin]);
  let gateway = await start();
  t.after(() => gateway.kill('SIGKILL'));
  return {
    sink,
    page: () => gateway.page(admin, '/metrics'),
    output: () => gateway.output(),
    stop: () => gateway.stop(),
    crash: async () => {
      gateway.kill('SIGKILL');
      await gateway.exited;
    },
    startAgain: async () => {
      gateway = await start();
    },
    cameAll: (numbers: readonly number[]) =>
      eventually(
        () => new Set(numbersTaken(sink.taken)).size >= numbers.length,
        () => `${numbersTaken(sink.taken).length} of ${numbers.length}: ${gateway.output()}`,
        30_000,
      ),
  };
}

for (const client of ['platformatic', 'kafkajs'] as const) {
  test(`${client}: records arrive with their tenants, and what was committed is not read again`, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const topic = `tenants-${client}`;
    await kafka.createTopic(topic, { partitions: 2 });
    const writer = await recordWriter(kafka.brokers);
    t.after(() => writer.close());
    const headers = (tenant: string) => [['X-Scope-OrgID', Buffer.from(tenant)] as const];
    await writer.write(topic, numbered(0, 10), { headers: headers('one') });
    await writer.write(topic, numbered(10, 10), { headers: [['tenant', Buffer.from('two')]] });
    await writer.write(topic, numbered(20, 10), { headers: headers('two'), partition: 1 });
    const reader = await startReader(t, client, { topic, tenancy: '{ headers: [X-Scope-OrgID] }' });
    await reader.cameAll(range(0, 30));
    const tenants = new Map(
      reader.sink.taken.flatMap(({ headers: { 'x-scope-orgid': tenant }, body }) =>
        numbersTaken([{ body } as never]).map((number) => [number, tenant] as const),
      ),
    );
    for (const number of range(0, 30))
      assert.equal(tenants.get(number), number < 10 ? 'one' : 'two');
    assert.equal(await reader.stop(), 0, reader.output());
    reader.sink.taken.length = 0;
    await reader.startAgain();
    await writer.write(topic, numbered(30, 5), { headers: headers('one') });
    await reader.cameAll(range(30, 35));
    assert.deepEqual(numbersTaken(reader.sink.taken), range(30, 35));
    await eventually(
      async () => valueOf(await reader.page(), 'millrace_kafka_receiver_partition_lag') === 0,
      () => reader.output(),
    );
  });

  test(`${client}: a poison record goes to the dead letters, and costs only itself`, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const topic = `poison-${client}`;
    await kafka.createTopic(topic);
    await kafka.createTopic(`${topic}-dead`);
    const writer = await recordWriter(kafka.brokers);
    t.after(() => writer.close());
    const poison = Buffer.from([0x0a, 0xff, 0xff, 0x03, 0x01]);
    await writer.write(topic, numbered(0, 5));
    await writer.write(topic, poison, { headers: [['who', Buffer.from('me')]] });
    await writer.write(topic, numbered(5, 5));
    const reader = await startReader(t, client, {
      topic,
      receiver: `    dead_letter: { topic: ${topic}-dead }`,
    });
    await reader.cameAll(range(0, 10));
    const [dead] = await readRecords(kafka.brokers, `${topic}-dead`, 1);
    assert.deepEqual(Buffer.from(dead?.value ?? []), poison);
    const said = new Map(
      dead?.headers.map(([name, value]) => [name, Buffer.from(value).toString()]),
    );
    assert.equal(said.get('who'), 'me');
    assert.equal(said.get('dead_letter.topic'), topic);
    assert.equal(said.get('dead_letter.partition'), '0');
    assert.equal(said.get('dead_letter.offset'), '1');
    assert.equal(said.get('dead_letter.reason'), 'malformed_protobuf');
    assert.deepEqual(numbersTaken(reader.sink.taken), range(0, 10));
  });

  test(`${client}: nothing is missing after kill -9 with delivered, and a full queue only makes it wait`, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const topic = `crash-${client}`;
    await kafka.createTopic(topic);
    const writer = await recordWriter(kafka.brokers);
    t.after(() => writer.close());
    const reader = await startReader(t, client, {
      topic,
      acknowledge: 'delivered',
      exporter:
        '    sending_queue: { queue_size: 2 }\n    retry_on_failure: { initial_interval: 20ms }',
    });
    for (const first of range(0, 20)) await writer.write(topic, numbered(first * 5, 5));
    await reader.cameAll(range(0, 50));
    reader.sink.manner.status = 503;
    for (const first of range(20, 40)) await writer.write(topic, numbered(first * 5, 5));
    await reader.crash();
    reader.sink.manner.status = 200;
    await reader.startAgain();
    await reader.cameAll(range(0, 200));
    assert.deepEqual([...new Set(numbersTaken(reader.sink.taken))], range(0, 200));
  });
}
