import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import { batchOfChunks, CLIENTS, headersOf, readBack, startExporter } from './ends/exporting.ts';
import { itemsIn, log, request } from './ends/requests.ts';

const missing = await whyNoKafka();
const MESSAGE_MAX_BYTES = 1_048_588;
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

const bodiesOf = (value: Uint8Array | undefined) =>
  itemsIn('logs', value!).map(({ body }) => (body as { stringValue: string }).stringValue);

/** Numbered log records of about `bytes` each, incompressible. */
function logs(count: number, bytes: number): object[] {
  return Array.from({ length: count }, (_, index) => {
    const filling = Array.from({ length: bytes / 8 }, () =>
      Math.random().toString(36).slice(2, 10),
    );
    return log(`${index} ${filling.join('')}`);
  });
}

for (const client of CLIENTS) {
  const section = (own: object) => ({ client, brokers: [...kafka.brokers], ...own });

  describe(`sizes with ${client}`, { skip: missing ?? false }, () => {
    for (const encoding of ['otlp_proto', 'otlp_json']) {
      it(`KAF-10: a request is split to fit max_message_bytes, as ${encoding}`, async (t) => {
        const topic = `split-${encoding}-${client}`;
        const exporter = await startExporter(
          section({ logs: { topic, encoding }, producer: { max_message_bytes: 50_000 } }),
        );
        t.after(() => exporter.stop());
        const chunks = [0, 1].map(() => request('logs', [{ items: logs(400, 400) }]));
        const outcome = await exporter.deliver(batchOfChunks('logs', chunks, { items: 800 }));
        assert.deepEqual(outcome, { kind: 'accepted' });
        const total = chunks.reduce((sum, { length }) => sum + length, 0);
        const count = Math.ceil(total / 50_000);
        const records = await readBack(client, kafka, { topic, count });
        for (const { value } of records) assert.ok(value!.length <= 50_000, `${value!.length}`);
        if (encoding === 'otlp_json') return;
        assert.ok(records.length <= count + 2, `${records.length} records of about ${count}`);
        assert.equal(records.flatMap(({ value }) => bodiesOf(value)).length, 800);
      });
    }

    it('KAF-10: a topic with a lower limit than the setting teaches it, and nothing is lost', async (t) => {
      const topic = `taught-${client}`;
      await kafka.createTopic(topic, { configs: { 'max.message.bytes': '60000' } });
      const exporter = await startExporter(section({ logs: { topic } }));
      t.after(() => exporter.stop());
      for (let round = 0; round < 2; round++) {
        const chunk = request('logs', [{ items: logs(500, 1000) }]);
        const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 500 }));
        assert.deepEqual(outcome, { kind: 'accepted' });
      }
      const records = await readBack(client, kafka, { topic, count: 18 });
      assert.equal(records.flatMap(({ value }) => bodiesOf(value)).length, 1000);
    });

    it('many small records over a low limit go in smaller and smaller batches', async (t) => {
      const topic = `many-${client}`;
      await kafka.createTopic(topic, { configs: { 'max.message.bytes': '20000' } });
      const exporter = await startExporter(
        section({ logs: { topic }, partition_logs_by_trace_id: true }),
      );
      t.after(() => exporter.stop());
      const items = Array.from({ length: 300 }, (_, index) => log('x'.repeat(500), index));
      const chunk = request('logs', [{ items }]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 300 }));
      assert.deepEqual(outcome, { kind: 'accepted' });
      assert.equal((await readBack(client, kafka, { topic, count: 300 })).length, 300);
    });

    it('a 5 MB log among thousands of small ones costs only itself', async (t) => {
      const topic = `giant-${client}`;
      const exporter = await startExporter(section({ logs: { topic } }));
      t.after(() => exporter.stop());
      const small = Array.from({ length: 3000 }, (_, index) => log(`small ${index}`));
      const giant = log('g'.repeat(5_000_000));
      const items = [...small.slice(0, 1500), giant, ...small.slice(1500)];
      const chunk = request('logs', [{ attributes: { 'service.name': 'shop' }, items }]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 3001 }));
      assert.partialDeepStrictEqual(outcome, { kind: 'partial', rejected: 1, reason: 'too_large' });
      const records = await readBack(client, kafka, { topic, count: 2 });
      const bodies = records.flatMap(({ value }) => bodiesOf(value));
      assert.deepEqual(new Set(bodies), new Set(small.map((_, index) => `small ${index}`)));
      assert.equal(bodies.length, 3000);
      assert.equal(exporter.warnings.length, 1);
      assert.match(exporter.warnings[0]!, /"tenant":"acme","service":"shop".*"bytes":500\d{4}/);
    });

    it('an item that is too large is written to the topic of dead letters, with where it was going', async (t) => {
      const topic = `alive-${client}`;
      const dead = `dead-acme-${client}`;
      await kafka.createTopic(dead, { configs: { 'max.message.bytes': '8000000' } });
      const exporter = await startExporter(
        section({ logs: { topic }, dead_letter: { topic: `dead-{tenant}-${client}` } }),
      );
      t.after(() => exporter.stop());
      const chunk = request('logs', [
        { items: [log('before'), log('g'.repeat(2_000_000)), log('behind')] },
      ]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 3 }));
      assert.partialDeepStrictEqual(outcome, {
        kind: 'partial',
        rejected: 1,
        reason: 'dead_lettered',
      });
      const [letter] = await readBack(client, kafka, { topic: dead, count: 1 });
      assert.equal(bodiesOf(letter!.value)[0]!.length, 2_000_000);
      assert.partialDeepStrictEqual(headersOf(letter!), {
        tenant: 'acme',
        'dead_letter.reason': 'too_large',
        'dead_letter.topic': topic,
      });
      const alive = await readBack(client, kafka, { topic, count: 2 });
      assert.deepEqual(alive.flatMap(({ value }) => bodiesOf(value)).toSorted(), [
        'before',
        'behind',
      ]);
    });

    it('a dead letter that its own topic refuses is dropped, counted, and retried no more', async (t) => {
      const topic = `alive-too-${client}`;
      const exporter = await startExporter(
        section({ logs: { topic }, dead_letter: { topic: `small-${client}` } }),
      );
      t.after(() => exporter.stop());
      const chunk = request('logs', [{ items: [log('x'.repeat(MESSAGE_MAX_BYTES + 1))] }]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 1 }));
      assert.partialDeepStrictEqual(outcome, { kind: 'rejected', reason: 'too_large' });
    });
  });
}
