import { Admin } from '@platformatic/kafka';
import { unlessAborted } from '../abort.ts';
import type { KafkaLibrary, ListTopics } from '../client.ts';
import { faultOfAbort } from '../fault.ts';
import { baseOptions, quiet } from './connect.ts';
import { PlatformaticConsumer } from './consumer.ts';
import { faultOf } from './errors.ts';
import { PlatformaticProducer } from './producer.ts';

const WHAT = 'list topics';

const listTopics: ListTopics = async (connection, signal) => {
  const admin = quiet(new Admin(baseOptions(connection)));
  try {
    return await unlessAborted(admin.listTopics(), signal, () => faultOfAbort(WHAT));
  } catch (error) {
    return faultOf(error, WHAT, connection.brokers);
  } finally {
    void admin.close().catch(() => undefined);
  }
};

/** @platformatic/kafka. */
export const platformatic: KafkaLibrary = {
  createProducer: (options) => new PlatformaticProducer(options),
  createConsumer: (options) => new PlatformaticConsumer(options),
  listTopics,
};
