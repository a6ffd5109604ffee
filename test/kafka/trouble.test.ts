import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { startGateway, eventually, freePorts } from '../ends/gateway.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { batchOfChunks, CLIENTS, readBack, startExporter } from './ends/exporting.ts';
import { log, request } from './ends/requests.ts';

const missing = await whyNoKafka();
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

const BATCH = () => batchOfChunks('logs', [request('logs', [{ items: [log('x')] }])], { items: 1 });

/** Something that takes connections and does `onSocket` with them. */
async function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const client of CLIENTS) {
  describe(`trouble with ${client}`, { skip: missing ?? false }, () => {
    it('a topic that does not exist is retried, and written to once it does', async (t) => {
      const topic = `late-${client}`;
      const producer = { allow_auto_topic_creation: false };
      const exporter = await startExporter({
        client,
        brokers: [...kafka.brokers],
        logs: { topic },
        producer,
      });
      t.after(() => exporter.stop());
      const outcome = await exporter.attempt(BATCH());
      assert.partialDeepStrictEqual(outcome, {
        kind: 'retry',
        reason: 'unknown_topic_or_partition',
      });
      assert.match(
        'message' in outcome ? outcome.message : '',
        new RegExp(`topic ${topic}.*create the topic`),
      );
      await kafka.createTopic(topic);
      assert.deepEqual(await exporter.deliver(BATCH()), { kind: 'accepted' });
    });

    it('nobody listening is a retry at once', async (t) => {
      const [port] = await freePorts(1);
      const exporter = await startExporter({ client, brokers: [`127.0.0.1:${port}`] });
      t.after(() => exporter.stop());
      const began = performance.now();
      const outcome = await exporter.attempt(BATCH());
      assert.partialDeepStrictEqual(outcome, { kind: 'retry', reason: 'connection_failed' });
      assert.match('message' in outcome ? outcome.message : '', /ECONNREFUSED/);
      assert.ok(performance.now() - began < 3000);
    });

    it('KAF-15: a broker that never answers costs the time of an attempt, and no stop hangs on it', async (t) => {
      const silent = await listen(t, () => undefined);
      const exporter = await startExporter({ client, brokers: [silent] });
      const began = performance.now();
      const outcome = await exporter.attempt(BATCH(), 1000);
      assert.equal(outcome.kind, 'retry');
      const pending = exporter.attempt(BATCH(), 60_000);
      await exporter.stop();
      assert.ok(performance.now() - began < 6000, 'stopped in time');
      assert.equal((await pending).kind, 'retry');
    });

    it('what is no Kafka broker is a fault with words, not a crash', async (t) => {
      const web = await listen(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      const exporter = await startExporter({ client, brokers: [web] });
      t.after(() => exporter.stop());
      const outcome = await exporter.attempt(BATCH(), 2000);
      assert.ok(outcome.kind === 'retry' || outcome.kind === 'rejected', outcome.kind);
    });

    it('a broker that speaks old versions only is named as too old', async (t) => {
      const old = await listen(t, (socket) => socket.on('data', (data) => answerOld(socket, data)));
      const exporter = await startExporter({ client, brokers: [old] });
      t.after(() => exporter.stop());
      const outcome = await exporter.attempt(BATCH(), 3000);
      assert.partialDeepStrictEqual(outcome, { kind: 'retry', reason: 'unsupported_version' });
    });

    it('a gateway whose broker is down at start says so, keeps what it took, and writes it later', async (t) => {
      const topic = `down-${client}`;
      const [port = 0, otlp = 0] = await freePorts(2);
      const gateway = await startGateway(
        `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${otlp} } } } }
exporters:
  kafka:
    client: ${client}
    brokers: ["127.0.0.1:${port}"]
    logs: { topic: ${topic} }
    timeout: 2s
    retry_on_failure: { initial_interval: 200ms, max_interval: 500ms }
service:
  shards: 1
  pipelines: { logs: { receivers: [otlp], exporters: [kafka] } }
`,
        [otlp],
      );
      t.after(() => gateway.kill('SIGKILL'));
      const post = await fetch(`http://127.0.0.1:${otlp}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: request('logs', [{ items: [log('kept')] }]),
      });
      assert.equal(post.status, 200);
      await eventually(
        () => gateway.output().includes('ECONNREFUSED'),
        () => gateway.output(),
      );
      // The broker comes up where it was said to be: a wire to the real one.
      const [host = '', target] = kafka.brokers[0]!.split(':');
      const relay = createServer((socket) => {
        void import('node:net').then(({ connect }) => {
          const behind = connect(Number(target), host);
          socket.on('error', () => behind.destroy()).pipe(behind);
          behind.on('error', () => socket.destroy()).pipe(socket);
        });
      });
      relay.listen(port, '127.0.0.1');
      t.after(() => relay.close());
      assert.equal(
        (await readBack(client, { brokers: kafka.brokers }, { topic, count: 1 })).length,
        1,
      );
      const began = performance.now();
      assert.equal(await gateway.stop(), 0);
      assert.ok(performance.now() - began < 5000, 'stopped in time');
    });
  });
}

/** Answers ApiVersions as Kafka 0.10.0 does: it takes Produce up to 2 and Metadata up to 1. */
function answerOld(socket: Socket, data: Buffer): void {
  const apis = [
    [0, 0, 2],
    [3, 0, 1],
    [18, 0, 0],
  ] as const;
  // A version of the question that it does not know is answered in version 0, with error 35.
  const isKnown = data.readInt16BE(6) === 0;
  const answer = Buffer.alloc(14 + (isKnown ? apis.length * 6 : 0));
  answer.writeInt32BE(answer.length - 4, 0);
  answer.writeInt32BE(data.readInt32BE(8), 4);
  answer.writeInt16BE(isKnown ? 0 : 35, 8);
  answer.writeInt32BE(isKnown ? apis.length : 0, 10);
  if (isKnown) {
    apis.flat().forEach((each, index) => answer.writeInt16BE(each, 14 + index * 2));
  }
  socket.write(answer);
}
