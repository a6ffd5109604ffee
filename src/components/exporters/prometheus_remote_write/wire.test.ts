import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  backend,
  batchOfChunks,
  chunkOf,
  exporterFor,
  FOREVER,
  message2,
  sample,
  type Series,
  V2,
  written,
} from './fixture.test.ts';

const ACCEPTED = { kind: 'accepted' };

test('PRW-W1: the body is one snappy block of the protobuf message', async (t) => {
  const { url, received } = await backend(t);
  const chunk = chunkOf([sample('up')]);
  assert.deepEqual(await exporterFor(t, { endpoint: url }).send(batchOfChunks(chunk), FOREVER), {
    kind: 'accepted',
  });
  assert.deepEqual(received[0]?.body, Buffer.from(chunk));
  assert.equal(received[0]?.path, '/api/v1/write');
});

test('PRW-W2, PRW-W3, PRW-W4, PRW-W5: the headers of 1.0 are exact', async (t) => {
  const { url, received } = await backend(t);
  await exporterFor(t, { endpoint: url }).send(batchOfChunks(chunkOf([sample('up')])), FOREVER);
  const { headers } = received[0]!;
  assert.equal(headers['content-type'], 'application/x-protobuf');
  assert.equal(headers['content-encoding'], 'snappy');
  assert.equal(headers['x-prometheus-remote-write-version'], '0.1.0');
  assert.equal(headers['user-agent'], 'millrace/1.2.3');
});

test('PRW-W2, PRW-W4: the headers of 2.0 are exact, without a space in the content type', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 204, headers: written(1) }));
  const exporter = exporterFor(t, { endpoint: url, ...V2 });
  const batch = batchOfChunks(chunkOf([sample('up')]));
  assert.deepEqual(await exporter.send(batch, FOREVER), ACCEPTED);
  const { headers } = received[0]!;
  const type = 'application/x-protobuf;proto=io.prometheus.write.v2.Request';
  assert.equal(headers['content-type'], type);
  assert.equal(headers['content-encoding'], 'snappy');
  assert.equal(headers['x-prometheus-remote-write-version'], '2.0.0');
});

test('headers and the tenant of the batch are sent, and nothing of the client', async (t) => {
  const { url, received } = await backend(t);
  const section = { endpoint: url, headers: { 'X-Own': 'a' }, tenant_header: 'X-Scope-OrgID' };
  await exporterFor(t, section).send(batchOfChunks(chunkOf([sample('up')])), FOREVER);
  assert.equal(received[0]?.headers['x-own'], 'a');
  assert.equal(received[0]?.headers['x-scope-orgid'], 'tenant-1');
});

/** Doubles by their bits, which protobufjs would not keep. */
function withBits(chunk: Uint8Array, bits: readonly bigint[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunk);
  const view = new DataView(bytes.buffer);
  for (const [index, each] of bits.entries()) {
    const marker = Buffer.alloc(8);
    marker.writeDoubleLE(MARKER + index);
    view.setBigUint64(Buffer.from(bytes).indexOf(marker), each, true);
  }
  return bytes;
}

const MARKER = 123_456_789;
const STALE = 0x7ff0000000000002n;
const NANS = [STALE, 0x7ff8000000000001n, 0x7ff8dead_beef0001n, 0xfff0000000000001n];

for (const [version, section] of [
  ['1.0', {}],
  ['2.0', V2],
] as const) {
  test(`PRW-W6, PRW-S5: stale markers and the payload of every NaN go out bit by bit on ${version}`, async (t) => {
    const headers = written(NANS.length);
    const { url, received } = await backend(t, () => ({ status: 204, headers }));
    const samples = NANS.map((_, index) => ({ value: MARKER + index, timestamp: 1000 + index }));
    const series = [{ labels: { __name__: 'up' }, samples }];
    const section1 = { endpoint: url, external_labels: { region: 'eu' }, ...section };
    const outcome = await exporterFor(t, section1).send(
      batchOfChunks(withBits(chunkOf(series), NANS)),
      FOREVER,
    );
    assert.deepEqual(outcome, ACCEPTED);
    const { body } = received[0]!;
    for (const bits of NANS) {
      const wanted = Buffer.alloc(8);
      wanted.writeBigUInt64LE(bits);
      assert.ok(body.includes(wanted), bits.toString(16));
    }
  });
}

test('PRW-S1: external labels are sorted in; a label of that name that is there wins', async (t) => {
  const { url, received } = await backend(t);
  const section = { endpoint: url, external_labels: { region: 'eu', Zone: 'a', job: 'x', no: '' } };
  const exporter = exporterFor(t, section);
  for (let round = 0; round < 2; round++) {
    const batch = batchOfChunks(
      chunkOf([sample('up'), { ...sample('a'), labels: { __name__: 'a' } }]),
    );
    assert.deepEqual(await exporter.send(batch, FOREVER), ACCEPTED);
    const [first, second] = received[round]!.decoded.series;
    assert.deepEqual(first?.order, ['Zone', '__name__', 'job', 'region']);
    assert.deepEqual(first?.labels, { Zone: 'a', __name__: 'up', job: 'test', region: 'eu' });
    assert.deepEqual(second?.labels, { Zone: 'a', __name__: 'a', job: 'x', region: 'eu' });
    assert.deepEqual(first?.samples, [{ value: 1, timestamp: 1000 }]);
  }
});

const UTF8: Series = {
  labels: { '9lives': 'cat', __name__: 'resource.cpu usage', 'a.b': 'dot', a_b: 'line', é: '😀\n' },
  samples: [{ value: 2, timestamp: 5 }],
};

test('PRW-S1: names that 1.0 does not allow are escaped, and keep their values', async (t) => {
  const { url, received } = await backend(t);
  const external_labels = { 'data.center': 'x' };
  const exporter = exporterFor(t, { endpoint: url, external_labels });
  await exporter.send(batchOfChunks(chunkOf([UTF8, sample('job:up:sum')])), FOREVER);
  const [escaped, plain] = received[0]!.decoded.series;
  assert.deepEqual(escaped?.labels, {
    _: '😀\n',
    _9lives: 'cat',
    __name__: 'resource_cpu_usage',
    a_b: 'dot;line',
    data_center: 'x',
  });
  assert.deepEqual(escaped?.order, Object.keys(escaped?.labels ?? {}).toSorted(byBytes));
  assert.equal(plain?.labels['__name__'], 'job:up:sum');
});

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

test('PRW-S1: 2.0 sends any UTF-8 name as it is', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 204, headers: written(1) }));
  await exporterFor(t, { endpoint: url, ...V2 }).send(batchOfChunks(chunkOf([UTF8])), FOREVER);
  assert.deepEqual(received[0]?.decoded.series[0]?.labels, UTF8.labels);
});

const RICH: Series = {
  ...sample('requests_total'),
  samples: [{ value: 7, timestamp: 2000, start_timestamp: 1500 }],
  exemplars: [{ labels: [{ name: 'trace_id', value: 'abc' }], value: 1.5, timestamp: 1999 }],
  metadata: { type: 1, help: 'Requests.', unit: 'requests' },
};
const HISTOGRAM = {
  count_int: 3,
  sum: 4.5,
  schema: 1,
  positive_spans: [{ offset: 0, length: 1 }],
  positive_deltas: [3],
  timestamp: 2000,
};

test('PRW-S2: symbols begin with the empty one, repeat nothing, and hold every string', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 204, headers: written(3, 0, 1) }));
  const batch = batchOfChunks(chunkOf([RICH, sample('up')]), chunkOf([sample('down')]));
  await exporterFor(t, { endpoint: url, ...V2 }).send(batch, FOREVER);
  const { symbols, timeseries } = message2(received[0]!.body);
  assert.equal(symbols[0], '');
  assert.equal(new Set(symbols).size, symbols.length);
  for (const text of ['trace_id', 'abc', 'Requests.', 'requests', 'down']) {
    assert.ok(symbols.includes(text), text);
  }
  for (const { labels_refs } of timeseries) {
    assert.equal(labels_refs.length % 2, 0);
    assert.ok(labels_refs.every((ref) => ref < symbols.length));
  }
});

test('PRW-S3: a series of 2.0 has samples or histograms, never both', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 204, headers: written(1, 1, 1) }));
  const batch = batchOfChunks(chunkOf([{ ...RICH, histograms: [HISTOGRAM] }]));
  assert.deepEqual(await exporterFor(t, { endpoint: url, ...V2 }).send(batch, FOREVER), ACCEPTED);
  const { series } = received[0]!.decoded;
  const parts = series.map((each) => [each.samples.length, each.histograms.length]);
  assert.deepEqual(parts, [
    [1, 0],
    [0, 1],
  ]);
  assert.ok(series.every(({ metadata }) => metadata !== undefined));
});

test('PRW-S4: start timestamps are in requests of 2.0', async (t) => {
  const { url, received } = await backend(t, () => ({ status: 204, headers: written(1, 0, 1) }));
  await exporterFor(t, { endpoint: url, ...V2 }).send(batchOfChunks(chunkOf([RICH])), FOREVER);
  assert.equal(received[0]?.decoded.series[0]?.samples[0]?.['start_timestamp'], 1500);
});

test('PRW-S8: 1.0 carries no start timestamps and no custom buckets; those histograms are lost and counted', async (t) => {
  const { url, received } = await backend(t);
  const custom = { ...HISTOGRAM, schema: -53, custom_values: [1, 2] };
  const batch = batchOfChunks(
    chunkOf([RICH, { ...sample('custom'), samples: [], histograms: [custom] }]),
    chunkOf([{ ...sample('native'), samples: [], histograms: [HISTOGRAM] }]),
  );
  const outcome = await exporterFor(t, { endpoint: url }).send(batch, FOREVER);
  assert.ok(outcome.kind === 'partial' && outcome.rejected === 1);
  assert.equal(outcome.reason, 'custom_buckets');
  const { names, series } = received[0]!.decoded;
  assert.deepEqual(names, ['requests_total', 'native']);
  assert.equal(series[0]?.samples[0]?.['start_timestamp'], undefined);
  assert.equal(series[0]?.metadata, undefined);
  assert.equal(series[0]?.exemplars.length, 1);
});

test('a batch of which nothing can be said in 1.0 is rejected without a request', async (t) => {
  const { url, received } = await backend(t);
  const custom = { ...HISTOGRAM, schema: -53, custom_values: [1, 2] };
  const batch = batchOfChunks(chunkOf([{ labels: { __name__: 'h' }, histograms: [custom] }]));
  const outcome = await exporterFor(t, { endpoint: url }).send(batch, FOREVER);
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'custom_buckets');
  assert.equal(received.length, 0);
});

test('metadata of families goes out on 1.0 as it came', async (t) => {
  const { url, received } = await backend(t);
  const metadata = [{ type: 1, metric_family_name: 'up', help: 'Is it?', unit: 's' }];
  const batch = batchOfChunks(chunkOf([], metadata));
  assert.deepEqual(await exporterFor(t, { endpoint: url }).send(batch, FOREVER), ACCEPTED);
  assert.deepEqual(received[0]?.decoded.metadata, metadata);
});

test('max_batch_size_bytes splits a batch between series and keeps their order', async (t) => {
  const { url, received } = await backend(t);
  const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
  const chunks = [names.slice(0, 15), names.slice(15)].map((part) =>
    chunkOf(part.map((name) => sample(name))),
  );
  const section = { endpoint: url, max_batch_size_bytes: 200 };
  assert.deepEqual(await exporterFor(t, section).send(batchOfChunks(...chunks), FOREVER), ACCEPTED);
  assert.ok(received.length > 3);
  assert.ok(received.every(({ body }) => body.length <= 200));
  assert.deepEqual(
    received.flatMap(({ decoded }) => decoded.names),
    names,
  );
});
