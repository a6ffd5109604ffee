import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test, type TestContext } from 'node:test';
import { eventually, freePorts, startGateway, valueOf } from '../../../../test/ends/gateway.ts';
import type { Bytes } from '../../../contract/batch.ts';
import { writeRemoteWrite2 } from '../../../formats/prometheus/write/remote-write-2.ts';
import {
  type Answer,
  backend,
  chunkOf,
  decodeForm,
  type Received,
  sample,
  type Series,
  written,
} from './fixture.test.ts';

const snappy = createRequire(import.meta.url)('snappyjs') as {
  compress(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
};

const MESSAGES = { 1: 'prometheus.WriteRequest', 2: 'io.prometheus.write.v2.Request' } as const;

interface Through {
  /** Posts a request of that version and resolves with the status. */
  readonly post: (version: 1 | 2, body: Uint8Array) => Promise<number>;
  /** Posts OTLP metrics as JSON and resolves with the status. */
  readonly postOtlp: (request: object) => Promise<number>;
  readonly received: readonly Received[];
  /** Resolves when the backend has that many requests. */
  readonly arrived: (count: number) => Promise<void>;
  readonly metrics: () => Promise<string>;
}

/** A gateway process of one shard between a sender of remote-write and a backend. */
async function gateway(
  t: TestContext,
  exporter: string,
  answer: (request: Received, count: number) => Answer | undefined,
): Promise<Through> {
  const { url, received } = await backend(t, answer);
  const [port, otlpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const yaml = `
receivers:
  prometheus_remote_write: { endpoint: '127.0.0.1:${port}' }
  otlp: { protocols: { http: { endpoint: '127.0.0.1:${otlpPort}' } } }
exporters:
  prometheusremotewrite:
    endpoint: ${url}
    ${exporter}
service:
  shards: 1
  telemetry: { metrics: { address: '127.0.0.1:${metricsPort}' } }
  pipelines:
    metrics: { receivers: [prometheus_remote_write, otlp], exporters: [prometheusremotewrite] }
`;
  const running = await startGateway(yaml, [port, otlpPort]);
  t.after(() => running.stop());
  return {
    received,
    post: async (version, body) => {
      const { status } = await fetch(`http://127.0.0.1:${port}/api/v1/write`, {
        method: 'POST',
        headers: {
          'content-type': `application/x-protobuf;proto=${MESSAGES[version]}`,
          'content-encoding': 'snappy',
        },
        body: snappy.compress(body),
      });
      return status;
    },
    postOtlp: async (request) => {
      const { status } = await fetch(`http://127.0.0.1:${otlpPort}/v1/metrics`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      });
      return status;
    },
    arrived: (count) =>
      eventually(
        () => received.length >= count,
        () => `${received.length} of ${count} requests\n${running.output()}`,
      ),
    metrics: () => running.page(metricsPort, '/metrics'),
  };
}

const MARKER = 123_456_789;
const STALE = 0x7ff0000000000002n;
const NAN = 0x7ff8dead_beef0001n;

const PLAIN_SERIES: readonly Series[] = [
  {
    labels: { __name__: 'up', instance: 'a:1', job: 'x' },
    samples: [
      { value: 1, timestamp: 1000 },
      { value: MARKER, timestamp: 2000 },
      { value: MARKER + 1, timestamp: 3000 },
    ],
  },
  {
    labels: { __name__: 'latency' },
    histograms: [
      {
        count_int: 3,
        sum: 4.5,
        schema: 1,
        zero_threshold: 1e-128,
        zero_count_int: 1,
        positive_spans: [{ offset: -2, length: 1 }],
        positive_deltas: [2],
        timestamp: 2000,
      },
    ],
  },
  {
    labels: { __name__: 'requests_total', path: '/é' },
    samples: [{ value: 7, timestamp: 2000 }],
    exemplars: [{ labels: [{ name: 'trace_id', value: 'abc' }], value: 1.5, timestamp: 1999 }],
  },
];

/** With what 1.0 cannot say. */
const RICH_SERIES: readonly Series[] = PLAIN_SERIES.map((series, index) =>
  index === 2
    ? {
        ...series,
        samples: [{ value: 7, timestamp: 2000, start_timestamp: 1500 }],
        metadata: { type: 1, help: 'Requests.', unit: 'requests' },
      }
    : series,
);

/** With a stale marker and a NaN of its own in place of the markers. */
function chunkWithBits(series: readonly Series[], metadata: readonly object[] = []): Bytes {
  const chunk = chunkOf(series, metadata);
  for (const [value, bits] of [
    [MARKER, STALE],
    [MARKER + 1, NAN],
  ] as const) {
    const at = Buffer.alloc(8);
    at.writeDoubleLE(value);
    new DataView(chunk.buffer).setBigUint64(Buffer.from(chunk).indexOf(at), bits, true);
  }
  return chunk;
}

function assertBits(body: Buffer): void {
  for (const bits of [STALE, NAN]) {
    const wanted = Buffer.alloc(8);
    wanted.writeBigUInt64LE(bits);
    assert.ok(body.includes(wanted), bits.toString(16));
  }
}

const V2 = `protobuf_message: ${MESSAGES[2]}`;
const FAMILY = { type: 1, metric_family_name: 'requests_total', help: 'Requests.' };
const WRITES_ALL = () => ({ status: 204, headers: written(4, 1, 1) });

test('PRW-W6, MAP-0: 1.0 to 1.0 leaves the very bytes that came', async (t) => {
  const { post, arrived, received } = await gateway(t, '', () => ({ status: 204 }));
  const body = chunkWithBits(PLAIN_SERIES, [FAMILY]);
  assert.equal(await post(1, body), 204);
  await arrived(1);
  assert.deepEqual(received[0]?.body, Buffer.from(body));
});

test('PRW-W6, MAP-0: 2.0 to 2.0 keeps every series, start timestamp, exemplar and metadata', async (t) => {
  const { post, arrived, received } = await gateway(t, V2, WRITES_ALL);
  const { bytes } = writeRemoteWrite2([chunkWithBits(RICH_SERIES)]);
  assert.equal(await post(2, bytes), 204);
  await arrived(1);
  assert.deepEqual(received[0]?.body, Buffer.from(bytes));
  assertBits(received[0]!.body);
});

test('2.0 to 1.0 keeps what 1.0 can say', async (t) => {
  const { post, arrived, received, metrics } = await gateway(t, '', () => ({ status: 204 }));
  assert.equal(await post(2, writeRemoteWrite2([chunkWithBits(RICH_SERIES)]).bytes), 204);
  await arrived(1);
  assert.deepEqual(received[0]?.decoded, decodeForm(chunkWithBits(PLAIN_SERIES)));
  assertBits(received[0]!.body);
  const omitted = async (what: string) =>
    valueOf(await metrics(), 'millrace_exporter_remote_write_omitted', { what });
  await eventually(
    async () => (await omitted('metadata')) === 1 && (await omitted('start_timestamp')) === 1,
    () => 'metadata and start timestamp are counted',
  );
});

test('1.0 to 2.0 says the same in symbols', async (t) => {
  const { post, arrived, received } = await gateway(t, V2, WRITES_ALL);
  assert.equal(await post(1, chunkWithBits(PLAIN_SERIES)), 204);
  await arrived(1);
  const wanted = writeRemoteWrite2([chunkWithBits(PLAIN_SERIES)]);
  assert.deepEqual(received[0]?.body, Buffer.from(wanted.bytes));
  assertBits(received[0]!.body);
});

test('PRW-W7: an outage of the backend delays requests and does not change their order', async (t) => {
  let failures = 0;
  const { post, received } = await gateway(t, '', (_, count) => {
    if (count > 3 && count <= 8) {
      failures++;
      return count % 2 === 0 ? undefined : { status: 503 };
    }
    return { status: 204 };
  });
  const timestamps = Array.from({ length: 12 }, (_, index) => 1000 * (index + 1));
  for (const timestamp of timestamps) {
    assert.equal(await post(1, chunkOf([sample('up', 1, timestamp)])), 204);
  }
  // What waits during the outage is joined.
  const accepted = () =>
    received
      .filter((_, index) => index < 3 || index >= 8)
      .flatMap(({ decoded }) => decoded.series.flatMap(({ samples }) => samples))
      .map(({ timestamp }) => timestamp);
  await eventually(
    () => accepted().length >= timestamps.length,
    () => `${accepted().length} samples`,
  );
  assert.equal(failures, 5);
  assert.deepEqual(accepted(), timestamps);
});

test('a series that the backend refuses costs itself alone and is in the books', async (t) => {
  const { post, arrived, metrics } = await gateway(t, '', ({ decoded }) => ({
    status: decoded.names.includes('bad') ? 400 : 204,
    body: 'bad is not good',
  }));
  const names = ['a', 'b', 'bad', 'c', 'd', 'e', 'f', 'g'];
  assert.equal(await post(1, chunkOf(names.map((name) => sample(name)))), 204);
  await arrived(7);
  const count = async (name: string, labels = {}) => valueOf(await metrics(), name, labels);
  await eventually(
    async () => (await count('millrace_exporter_sent_metric_points')) === 7,
    () => 'seven of eight are sent',
  );
  const lost = { reason: 'http_400', exporter: 'prometheusremotewrite' };
  assert.equal(await count('millrace_exporter_dropped_items', lost), 1);
});

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const OTLP = {
  resourceMetrics: [
    {
      resource: { attributes: [attribute('service.name', 'shop'), attribute('host.name', 'h1')] },
      scopeMetrics: [
        {
          metrics: [
            {
              name: 'http.requests',
              description: 'Requests.',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: [
                  {
                    attributes: [attribute('http.method', 'GET')],
                    startTimeUnixNano: '1500000000',
                    timeUnixNano: '2000000000',
                    asDouble: 7,
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  ],
};

test('metrics that arrive as OTLP leave as series, with external labels, on either version', async (t) => {
  for (const version of ['send_metadata: true', V2]) {
    const settings = `{ cluster: eu }\n    ${version}`;
    const { postOtlp, arrived, received } = await gateway(
      t,
      `external_labels: ${settings}`,
      ({ decoded }) => ({ status: 204, headers: written(decoded.names.length) }),
    );
    assert.equal(await postOtlp(OTLP), 200);
    await arrived(1);
    const { series, names, metadata } = received[0]!.decoded;
    assert.deepEqual(names.toSorted(), ['http_requests_total', 'target_info']);
    const requests = series[names.indexOf('http_requests_total')];
    const labels = {
      __name__: 'http_requests_total',
      cluster: 'eu',
      http_method: 'GET',
      job: 'shop',
    };
    assert.deepEqual(requests?.labels, labels);
    assert.equal(requests.samples[0]?.['value'], 7);
    assert.equal(requests.samples[0]['start_timestamp'], version === V2 ? 1500 : undefined);
    assert.equal(requests.metadata?.['type'], version === V2 ? 1 : undefined);
    assert.equal(metadata.length > 0, version !== V2);
  }
});
