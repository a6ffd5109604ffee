import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafka from './index.ts';

/** What is wrong with a section: path and message of each issue. */
function wrong(section: object): string[] {
  const { error } = kafka.schema.safeParse(section);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('KAF-1, KAF-8: an empty section has the defaults of the Collector', () => {
  const config = kafka.schema.parse({});
  assert.deepEqual(config.brokers, ['localhost:9092']);
  assert.equal(config.traces.topic, 'otlp_spans');
  assert.equal(config.metrics.topic, 'otlp_metrics');
  assert.equal(config.logs.topic, 'otlp_logs');
  assert.equal(config.logs.encoding, 'otlp_proto');
  assert.equal(config.record_partitioner.sticky_key.hasher, 'sarama_compat');
  assert.equal(config.metadata.refresh_interval, 600_000);
  assert.partialDeepStrictEqual(config.producer, {
    max_message_bytes: 1_000_000,
    max_broker_write_bytes: 104_857_600,
    required_acks: 1,
    compression: 'none',
    flush_max_messages: 10_000,
    allow_auto_topic_creation: true,
    idempotent: false,
  });
  assert.equal(kafka.delivery.timeoutMs, 5000);
});

test('required_acks is a number, its text, or all', () => {
  const acks = (required_acks: unknown) =>
    kafka.schema.parse({ producer: { required_acks } }).producer.required_acks;
  assert.deepEqual(['all', -1, '-1', 0, 1, '1'].map(acks), [-1, -1, -1, 0, 1, 1]);
});

test('the encoding of metrics decides which form they come in', () => {
  const formsOf = (section: object) => kafka.formsOf(kafka.schema.parse(section));
  assert.deepEqual(formsOf({}), ['otlp']);
  assert.deepEqual(formsOf({ metrics: { encoding: 'prometheus_remote_write' } }), ['prometheus']);
});

test('what one client cannot honour is refused, and so is what contradicts itself', () => {
  const level = { compression: 'zstd', compression_params: { level: 3 } };
  assert.deepEqual(wrong({ producer: level }), []);
  assert.match(
    wrong({ client: 'kafkajs', producer: level })[0]!,
    /level: cannot be set with client kafkajs/,
  );
  assert.match(
    wrong({ producer: { ...level, compression: 'snappy' } })[0]!,
    /snappy has no levels/,
  );
  assert.match(
    wrong({ producer: { ...level, compression_params: { level: 99 } } })[0]!,
    /between 0 and 22/,
  );
  assert.match(wrong({ producer: { idempotent: true } })[0]!, /needs required_acks: all/);
  const both = { partition_logs_by_resource_attributes: true, partition_logs_by_trace_id: true };
  assert.match(wrong(both)[0]!, /^partition_logs_by_trace_id: excludes/);
  assert.match(
    wrong({ partition_metrics_by_series: true })[0]!,
    /needs metrics\.encoding: prometheus/,
  );
  const series = { metrics: { encoding: 'prometheus_remote_write' } };
  const byResource = { ...series, partition_metrics_by_resource_attributes: true };
  assert.match(wrong(byResource)[0]!, /has no resources with prometheus_remote_write/);
});

test('KAF-6: a topic that Kafka would not take is a mistake, and so is an unknown field in it', () => {
  assert.deepEqual(wrong({ logs: { topic: 'logs.{tenant}.{signal}' } }), []);
  assert.match(wrong({ logs: { topic: 'a b' } })[0]!, /^logs\.topic: "a b" is no topic/);
  assert.match(
    wrong({ logs: { topic: 'x-{service}' } })[0]!,
    /\{service\} is unknown; write \{tenant\}/,
  );
  assert.match(wrong({ dead_letter: { topic: '..' } })[0]!, /no topic/);
});

test('brokers and logins are checked, and what is not supported says what to do instead', () => {
  assert.match(wrong({ brokers: ['kafka'] })[0]!, /"kafka" is not host:port; write localhost:9092/);
  const sasl = (own: object) => wrong({ auth: { sasl: { mechanism: 'PLAIN', ...own } } });
  assert.deepEqual(sasl({ username: 'a', password: 'b' }), []);
  assert.match(sasl({ username: 'a' })[0]!, /auth\.sasl\.password: is missing; PLAIN needs one/);
  assert.match(
    wrong({ auth: { sasl: { mechanism: 'OAUTHBEARER' } } })[0]!,
    /token: or token_file is missing/,
  );
  assert.match(
    wrong({ auth: { kerberos: {} } })[0]!,
    /is not supported; log in with SCRAM or mTLS/,
  );
  assert.match(wrong({ topic: 'x' })[0]!, /retired: write traces\.topic/);
  assert.match(wrong({ record_partitioner: { least_backup: {} } })[0]!, /write round_robin/);
});

test('keys of the Collector that have no effect here are accepted', () => {
  const section = {
    protocol_version: '2.1.0',
    conn_idle_timeout: '9m',
    producer: { linger: '10ms' },
    metadata: { full: true, refresh_interval: '10m' },
    auth: { sasl: { mechanism: 'PLAIN', username: 'a', password: 'b', version: 0 } },
  };
  assert.deepEqual(wrong(section), []);
});
