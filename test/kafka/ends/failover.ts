import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaClientName } from '../../../src/net/kafka/client.ts';
import { startKafka, whyNoKafka } from '../../ends/kafka-broker.ts';
import { batchOfChunks, readBack, startExporter } from './exporting.ts';
import { itemsIn, log, request } from './requests.ts';

const others = process.env['KAFKA_BROKERS'] === undefined ? undefined : 'kills nodes of its own';
const missing = (await whyNoKafka()) ?? others;
const PARTITIONS = 6;
const LEAST = 15;
const SENDERS = 3;

/** Three brokers, of which one that leads is killed while an exporter writes. */
export function failoverOf(client: KafkaClientName): void {
  const what = `KAF-11: with ${client}, the leader of a partition is killed under load: nothing is missing, and what is idempotent comes once`;
  void test(what, { skip: missing ?? false }, async (t) => {
    const kafka = await startKafka({ nodes: 3, properties: { 'min.insync.replicas': 2 } });
    t.after(() => kafka.stop());
    const topic = 'failover';
    await kafka.createTopic(topic, { partitions: PARTITIONS, replicas: 3 });
    const exporter = await startExporter({
      client,
      brokers: [...kafka.brokers],
      logs: { topic },
      producer: { required_acks: 'all', idempotent: true },
      connect_timeout: '1s',
    });
    t.after(() => exporter.stop());
    let sent = 0;
    const send = async (): Promise<void> => {
      const chunk = request('logs', [{ items: [log(`${sent++}`)] }]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 1 }));
      assert.deepEqual(outcome, { kind: 'accepted' });
    };
    const sendSome = async (): Promise<void> => {
      for (let i = 0; i < LEAST; i++) await send();
    };
    await sendSome();
    const killed = kafka.kill(await kafka.leaderOf(topic, 0));
    // Every partition is written to again before the load ends: records take turns.
    await Promise.all(Array.from({ length: SENDERS }, sendSome));
    await killed;
    const records = await readBack(client, { brokers: kafka.brokers }, { topic, count: sent });
    const numbers = records.flatMap(({ value }) =>
      itemsIn('logs', value!).map(({ body }) => (body as { stringValue: string }).stringValue),
    );
    const expected = Array.from({ length: sent }, (_, index) => `${index}`);
    assert.deepEqual(numbers.toSorted(), expected.toSorted());
  });
}
