import { unlessAborted } from '../abort.ts';
import type { KafkaLibrary, ListTopics } from '../client.ts';
import { faultOfAbort } from '../fault.ts';
import { connectKafkajs } from './connect.ts';
import { KafkajsConsumer } from './consumer.ts';
import { faultOf } from './errors.ts';
import { KafkajsProducer } from './producer.ts';

const WHAT = 'list topics';

const listTopics: ListTopics = async (connection, signal) => {
  const { kafka, destroy } = connectKafkajs(connection);
  const admin = kafka.admin();
  try {
    const listed = admin.connect().then(() => admin.listTopics());
    const names = await unlessAborted(listed, signal, () => faultOfAbort(WHAT));
    return Array.isArray(names) ? names.filter((name) => !name.startsWith('__')) : names;
  } catch (error) {
    return faultOf(error, WHAT, connection.brokers);
  } finally {
    destroy();
  }
};

/** kafkajs. */
export const kafkajs: KafkaLibrary = {
  createProducer: (options) => new KafkajsProducer(options),
  createConsumer: (options) => new KafkajsConsumer(options),
  listTopics,
};
