import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeJson } from '../../src/formats/otlp/json/encode.ts';
import { partitionOf } from '../../src/net/kafka/partitioner.ts';
import { type KafkaCluster, startKafka, whyNoKafka } from '../ends/kafka-broker.ts';
import {
  decodeBits,
  encode1,
  generateSeries,
  type Series,
} from '../property/prometheus-requests.ts';
import { batchOfChunks, CLIENTS, headersOf, readBack, startExporter } from './ends/exporting.ts';
import { gauge, itemsIn, log, request, said, span, traceId } from './ends/requests.ts';

const missing = await whyNoKafka();
const skip = missing ?? false;
let kafka: KafkaCluster;

before(async () => {
  if (missing === undefined) kafka = await startKafka();
});
after(() => kafka?.stop());

const REQUESTS = {
  traces: request('traces', [
    { attributes: { 'service.name': 'shop' }, items: [span(1, 'a'), span(2, 'b')] },
  ]),
  metrics: request('metrics', [
    { attributes: { 'service.name': 'shop' }, items: [gauge('up', 1), gauge('down', 2)] },
  ]),
  logs: request('logs', [
    { attributes: { 'service.name': 'shop' }, items: [log('one'), log('two')] },
  ]),
} as const;

for (const client of CLIENTS) {
  const section = (own: object) => ({ client, brokers: [...kafka.brokers], ...own });

  describe(`the exporter with ${client}`, { skip }, () => {
    it('KAF-1, KAF-2: writes every signal to its usual topic, and the value is the request itself', async (t) => {
      const exporter = await startExporter(section({}));
      t.after(() => exporter.stop());
      for (const [signal, topic] of [
        ['traces', 'otlp_spans'],
        ['metrics', 'otlp_metrics'],
        ['logs', 'otlp_logs'],
      ] as const) {
        const batch = batchOfChunks(signal, [REQUESTS[signal]], { items: 2 });
        assert.deepEqual(await exporter.deliver(batch), { kind: 'accepted' });
        const count = client === 'platformatic' ? 1 : 2;
        const record = (await readBack(client, kafka, { topic, count })).at(-1)!;
        assert.deepEqual(record.value && new Uint8Array(record.value), REQUESTS[signal]);
        assert.equal(record.key, undefined);
        assert.equal(record.timestampMs, 1_700_000_000_000);
        assert.deepEqual(headersOf(record), { tenant: 'acme', signal });
      }
    });

    it('KAF-2: otlp_json is what OTLP/JSON says of the same request', async (t) => {
      const topic = `json-${client}`;
      const exporter = await startExporter(section({ logs: { topic, encoding: 'otlp_json' } }));
      t.after(() => exporter.stop());
      const chunks = [REQUESTS.logs, REQUESTS.logs];
      await exporter.deliver(batchOfChunks('logs', chunks, { items: 4 }));
      const [record] = await readBack(client, kafka, { topic, count: 1 });
      const text = Buffer.from(record!.value!).toString();
      assert.equal(text, Buffer.from(encodeJson('logs', chunks)).toString());
    });

    it('KAF-13: what one codec wrote both clients read, bit by bit', async (t) => {
      const topic = `codecs-${client}`;
      const big = request('logs', [{ items: [log('x'.repeat(200_000)), log('y')] }]);
      const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
      for (const compression of codecs) {
        const exporter = await startExporter(
          section({ logs: { topic }, producer: { compression } }),
        );
        t.after(() => exporter.stop());
        const outcome = await exporter.deliver(batchOfChunks('logs', [big], { items: 2 }));
        assert.deepEqual(outcome, { kind: 'accepted' }, compression);
      }
      for (const reader of CLIENTS) {
        const records = await readBack(reader, kafka, { topic, count: codecs.length });
        assert.equal(records.length, codecs.length);
        for (const { value } of records) assert.ok(Buffer.from(big).equals(value!));
      }
    });

    it('KAF-4: partition_traces_by_id writes one record per trace under its id in hex, at its hash', async (t) => {
      const topic = `by-trace-${client}`;
      await kafka.createTopic(topic, { partitions: 5 });
      const exporter = await startExporter(
        section({ traces: { topic }, partition_traces_by_id: true }),
      );
      t.after(() => exporter.stop());
      const items = Array.from({ length: 40 }, (_, index) => span(index % 8, `${index}`));
      const chunks = [
        request('traces', [{ items: items.slice(0, 20) }]),
        request('traces', [{ items: items.slice(20) }]),
      ];
      assert.deepEqual(await exporter.deliver(batchOfChunks('traces', chunks, { items: 40 })), {
        kind: 'accepted',
      });
      const records = await readBack(client, kafka, { topic, count: 8 });
      assert.equal(records.length, 8);
      for (const { key, value, partition } of records) {
        const hex = Buffer.from(key!).toString();
        assert.match(hex, /^[0-9a-f]{32}$/);
        assert.equal(partition, partitionOf(key!, 5, 'sarama_compat'));
        const spans = itemsIn('traces', value!);
        assert.equal(spans.length, 5);
        const ids = spans.map((each) =>
          Buffer.from(String(each['traceId']), 'base64').toString('hex'),
        );
        assert.deepEqual(new Set(ids), new Set([hex]));
        const names = spans.map(({ name }) => Number(name));
        assert.deepEqual(
          names,
          names.toSorted((a, b) => a - b),
        );
      }
    });

    it('the hasher murmur2 puts keys where the Java client does', async (t) => {
      const topic = `murmur-${client}`;
      await kafka.createTopic(topic, { partitions: 7 });
      const exporter = await startExporter(
        section({
          logs: { topic },
          partition_logs_by_trace_id: true,
          record_partitioner: { sticky_key: { hasher: 'murmur2' } },
        }),
      );
      t.after(() => exporter.stop());
      const items = [
        log('of no trace'),
        ...Array.from({ length: 9 }, (_, index) => log('of one', index)),
      ];
      await exporter.deliver(batchOfChunks('logs', [request('logs', [{ items }])], { items: 10 }));
      const records = await readBack(client, kafka, { topic, count: 10 });
      for (const { key, partition } of records) {
        if (key !== undefined) assert.equal(partition, partitionOf(key, 7, 'murmur2'));
      }
      assert.equal(records.filter(({ key }) => key === undefined).length, 1);
      const keys = records.flatMap(({ key }) =>
        key === undefined ? [] : [Buffer.from(key).toString()],
      );
      assert.deepEqual(
        keys.toSorted(),
        Array.from({ length: 9 }, (_, index) => traceId(index).toString('hex')),
      );
    });

    it('topic_from_attribute sends each resource to its own topic, not all to the topic of the first', async (t) => {
      const topic = `attribute-${client}`;
      const exporter = await startExporter(
        section({ logs: { topic }, topic_from_attribute: 'to' }),
      );
      t.after(() => exporter.stop());
      const chunk = request('logs', [
        { attributes: { to: `${topic}-a` }, items: [log('a1')] },
        { attributes: { other: 'x' }, items: [log('d1'), log('d2')] },
        { attributes: { to: 'no topic!' }, items: [log('lost')] },
        { attributes: { to: `${topic}-a` }, items: [log('a2')] },
      ]);
      const outcome = await exporter.deliver(batchOfChunks('logs', [chunk], { items: 5 }));
      assert.equal(outcome.kind, 'partial');
      assert.partialDeepStrictEqual(outcome, { rejected: 1, reason: 'invalid_topic' });
      const bodies = async (name: string) => {
        const [record] = await readBack(client, kafka, { topic: name, count: 1 });
        return itemsIn('logs', record!.value!).map(
          ({ body }) => (body as { stringValue: string }).stringValue,
        );
      };
      assert.deepEqual(await bodies(`${topic}-a`), ['a1', 'a2']);
      assert.deepEqual(await bodies(topic), ['d1', 'd2']);
    });

    it('tenants, metadata and fixed headers go into the topic, the key and the headers', async (t) => {
      const exporter = await startExporter(
        section({
          traces: { topic: `of-{tenant}-{signal}-${client}`, topic_from_metadata_key: 'X-Topic' },
          partition_by_tenant: true,
          include_metadata_keys: ['X-Region'],
          record_headers: { cluster: 'blue' },
          tenant_header: 'x-scope-orgid',
        }),
      );
      t.after(() => exporter.stop());
      const send = (tenant: string, metadata: Record<string, readonly string[]>) => {
        const origin = { receiver: 'otlp', tenant, receivedAt: 1, metadata };
        return exporter.deliver(batchOfChunks('traces', [REQUESTS.traces], { items: 2, origin }));
      };
      assert.deepEqual(await send('acme', { 'x-region': ['eu'] }), { kind: 'accepted' });
      assert.deepEqual(await send('acme', { 'x-topic': [`named-${client}`] }), {
        kind: 'accepted',
      });
      assert.partialDeepStrictEqual(await send('a b', {}), {
        kind: 'rejected',
        reason: 'invalid_topic',
      });
      const [own] = await readBack(client, kafka, { topic: `of-acme-traces-${client}`, count: 1 });
      assert.equal(Buffer.from(own!.key!).toString(), 'acme');
      assert.deepEqual(headersOf(own!), {
        cluster: 'blue',
        'x-scope-orgid': 'acme',
        signal: 'traces',
        'x-region': 'eu',
      });
      assert.equal(
        (await readBack(client, kafka, { topic: `named-${client}`, count: 1 })).length,
        1,
      );
    });

    it('KAF-4: metrics and logs by resource have one record per set of attributes', async (t) => {
      const topic = `resources-${client}`;
      await kafka.createTopic(topic, { partitions: 3 });
      const exporter = await startExporter(
        section({ metrics: { topic }, partition_metrics_by_resource_attributes: true }),
      );
      t.after(() => exporter.stop());
      const chunk = request('metrics', [
        { attributes: { host: 'a', zone: '1' }, items: [gauge('x', 1)] },
        { attributes: { host: 'b', zone: '1' }, items: [gauge('x', 2)] },
        { attributes: { zone: '1', host: 'a' }, items: [gauge('y', 3)] },
      ]);
      await exporter.deliver(batchOfChunks('metrics', [chunk], { items: 3 }));
      const records = await readBack(client, kafka, { topic, count: 2 });
      assert.equal(records.length, 2);
      const sizes = records.map(({ value }) => itemsIn('metrics', value!).length);
      assert.deepEqual(
        sizes.toSorted((a, b) => a - b),
        [1, 2],
      );
      for (const { key, partition } of records) {
        assert.equal(key!.length, 16);
        assert.equal(partition, partitionOf(key!, 3, 'sarama_compat'));
      }
    });

    it('the prometheus form keeps every bit, and a series is always in the same partition', async (t) => {
      const topic = `series-${client}`;
      await kafka.createTopic(topic, { partitions: 4 });
      const exporter = await startExporter(
        section({
          metrics: { topic, encoding: 'prometheus_remote_write' },
          partition_metrics_by_series: true,
        }),
      );
      t.after(() => exporter.stop());
      const series = Array.from({ length: 30 }, (_, seed) =>
        generateSeries(seed + 1, false),
      ).flat();
      const chunk = encode1(series);
      const form = { items: countOf(series), form: 'prometheus' } as const;
      for (let i = 0; i < 2; i++) {
        const outcome = await exporter.deliver(batchOfChunks('metrics', [chunk], form));
        assert.deepEqual(outcome, { kind: 'accepted' });
      }
      const records = await readBack(client, kafka, { topic, count: 8 });
      const where = new Map<string, number>();
      const read: unknown[] = [];
      for (const { value, partition } of records) {
        const { timeseries } = decodeBits('Request', value!) as {
          timeseries: { labels: unknown }[];
        };
        for (const each of timeseries) {
          const labels = JSON.stringify(each.labels);
          assert.equal(where.get(labels) ?? partition, partition);
          where.set(labels, partition);
          read.push(each);
        }
      }
      const { timeseries } = decodeBits('Request', chunk) as { timeseries: unknown[] };
      const sorted = (all: readonly unknown[]) =>
        all.map((each) => JSON.stringify(each)).toSorted();
      assert.deepEqual(sorted(read), sorted([...timeseries, ...timeseries]));
    });

    it('writes what was written, whatever was said of resources and scopes', async (t) => {
      const topic = `whole-${client}`;
      const exporter = await startExporter(
        section({ traces: { topic }, partition_traces_by_id: true }),
      );
      t.after(() => exporter.stop());
      const one = request('traces', [
        { attributes: { a: 'b' }, items: [span(7, 'x'), span(7, 'y')] },
      ]);
      await exporter.deliver(batchOfChunks('traces', [one], { items: 2 }));
      const [record] = await readBack(client, kafka, { topic, count: 1 });
      assert.deepEqual(said('traces', record!.value!), said('traces', one));
    });
  });
}

function countOf(series: readonly Series[]): number {
  return series.reduce(
    (sum, { samples, histograms }) => sum + samples.length + histograms.length,
    0,
  );
}
