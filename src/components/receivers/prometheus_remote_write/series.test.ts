import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DecodedSeries,
  decodeForm,
  encode1,
  encode2,
  type Label,
  type Running,
  send1,
  send2,
  type Series,
  startReceiver,
  UP,
} from './fixture.test.ts';

const VERSIONS = [
  { name: '1.0', encode: encode1, send: send1 },
  { name: '2.0', encode: encode2, send: send2 },
] as const;

const SPANS = [
  { offset: 0, length: 2 },
  { offset: 1, length: 1 },
];
const HISTOGRAM = {
  count_int: 9,
  sum: 18.5,
  schema: 3,
  zero_threshold: 0.001,
  zero_count_int: 1,
  positive_spans: SPANS,
  positive_deltas: [1, 1, -1],
  negative_spans: SPANS,
  negative_deltas: [1, 1, -1],
  timestamp: 1000,
};
const CUSTOM = {
  count_int: 6,
  sum: 1,
  schema: -53,
  positive_spans: [{ offset: 0, length: 3 }],
  positive_deltas: [2, 0, 0],
  custom_values: [1, 2.5],
};
const LATENCY: Label = ['__name__', 'latency'];

function received({ intake }: Running): DecodedSeries[] {
  return decodeForm(intake.batches.at(-1)?.chunks[0] ?? new Uint8Array(0)).timeseries;
}

test('PRW-R9: a series that is not valid costs only itself, in both versions', async () => {
  await using running = await startReceiver();
  const bad: Record<string, readonly Label[]> = {
    '__name__ is missing': [['job', 'a']],
    'label \\"job\\" is there more than once': [
      ['__name__', 'up'],
      ['job', 'a'],
      ['job', 'b'],
    ],
    'a label has no name': [
      ['', 'a'],
      ['__name__', 'up'],
    ],
    'not valid UTF-8': [
      ['__name__', 'up'],
      ['job', 'to be spoilt'],
    ],
  };
  for (const { name, encode, send } of VERSIONS) {
    for (const [complaint, labels] of Object.entries(bad)) {
      const body = encode([UP, { ...UP, labels }, UP]);
      const at = body.indexOf('to be spoilt');
      if (at >= 0) body[at] = 0xff;
      const answer = await send(running, body);
      assert.equal(answer.status, 400, `${name} ${complaint}`);
      assert.match(
        answer.text.replaceAll('"', '\\"'),
        new RegExp(complaint.replaceAll('\\', '\\\\')),
      );
      assert.equal(running.intake.batches.at(-1)?.items, 2);
      if (name === '2.0') assert.deepEqual(answer.written, [2, 0, 0]);
    }
  }
});

test('PRW-R9: references that are odd in number or out of range, and empty or mixed series', async () => {
  await using running = await startReceiver();
  const f = async (extra: object, complaint: RegExp) => {
    const answer = await send2(running, encode2([UP, { ...UP, extra }]));
    assert.equal(answer.status, 400);
    assert.match(answer.text, complaint);
    assert.deepEqual(answer.written, [1, 0, 0]);
  };
  await f({ labels_refs: [1, 2, 3] }, /the number of labels_refs is odd/);
  await f({ labels_refs: [1, 99] }, /symbol 99 does not exist; there are 5/);
  await f({ labels_refs: [1, 4_294_967_295] }, /symbol 4294967295 does not exist/);
  await f({ metadata: { type: 1, help_ref: 99 } }, /symbol 99/);
  await f({ metadata: { type: 1, unit_ref: 99 } }, /symbol 99/);
  await f({ samples: [] }, /empty series are not valid/);
  await f({ histograms: [HISTOGRAM] }, /both samples and histograms/);
  const exemplar = { labels_refs: [1], value: 1, timestamp: 1 };
  const answer = await send2(running, encode2([{ ...UP, extra: { exemplars: [exemplar] } }]));
  assert.deepEqual([answer.status, answer.written], [400, [1, 0, 0]]);
});

test('PRW-R10, R20: labels in any order are sorted, and empty ones left out', async () => {
  await using running = await startReceiver();
  const labels: Label[] = [
    ['zone', 'z'],
    ['__name__', 'up'],
    ['empty', ''],
    ['\u{10000}', 'astral'],
    ['\u{ffff}', 'last of the plane below'],
    ['Upper', 'U'],
  ];
  for (const { encode, send } of VERSIONS) {
    assert.equal((await send(running, encode([{ ...UP, labels }]))).status, 204);
    assert.deepEqual(
      received(running)[0]?.labels.map(({ name }) => name),
      ['Upper', '__name__', 'zone', '\u{ffff}', '\u{10000}'],
    );
  }
});

test('PRW-R11: series may repeat and go back in time, and names and values are any UTF-8', async () => {
  await using running = await startReceiver();
  const labels: Label[] = [
    ['__name__', 'resource.cpu.usage'],
    ['a name with spaces', 'two\nlines'],
    ['mood', '😀'],
  ];
  const at = (timestamp: number): Series => ({ labels, samples: [{ value: 1, timestamp }] });
  for (const { encode, send } of VERSIONS) {
    assert.equal((await send(running, encode([at(3000), at(1000), at(2000)]))).status, 204);
    const series = received(running);
    assert.deepEqual(
      series.map(({ samples }) => samples),
      ['3000', '1000', '2000'].map((timestamp) => [{ value: 1, timestamp }]),
    );
    assert.deepEqual(
      series[0]?.labels,
      labels.map(([name, value]) => ({ name, value })),
    );
  }
});

test('PRW-R13: a native histogram that contradicts itself is refused, alone', async () => {
  await using running = await startReceiver();
  const bad: readonly (readonly [RegExp, object])[] = [
    [/has count 99 and 9 in its buckets/, { ...HISTOGRAM, count_int: 99 }],
    [/has schema 9/, { ...HISTOGRAM, schema: 9 }],
    [/has schema -5/, { ...HISTOGRAM, schema: -5 }],
    [/3 buckets and spans for 2/, { ...HISTOGRAM, positive_spans: [{ offset: 0, length: 2 }] }],
    [
      /span with a negative offset/,
      { ...HISTOGRAM, negative_spans: [{ length: 2 }, { offset: -1, length: 1 }] },
    ],
    [/negative count/, { ...HISTOGRAM, positive_deltas: [1, -2, 4] }],
    [/exponential schema has custom bounds/, { ...HISTOGRAM, custom_values: [1] }],
    [/custom bounds out of order/, { ...CUSTOM, custom_values: [2, 2] }],
    [/not a number/, { ...CUSTOM, custom_values: [1, NaN] }],
    [/\+Inf as its last/, { ...CUSTOM, custom_values: [1, Infinity] }],
    [/more buckets than custom bounds/, { ...CUSTOM, custom_values: [1] }],
    [/zero bucket/, { ...CUSTOM, zero_count_int: 1, count_int: 7 }],
    [/zero threshold/, { ...CUSTOM, zero_threshold: 0.5 }],
    [/negative buckets/, { ...CUSTOM, negative_spans: [{ offset: 0, length: 0 }] }],
    [/span with a negative offset/, { ...CUSTOM, positive_spans: [{ offset: -1, length: 3 }] }],
    [/has count 5 and 9/, { ...HISTOGRAM, count_int: 5, sum: NaN }],
    [
      /negative count/,
      { count_float: 1, positive_spans: [{ length: 1 }], positive_counts: [-0.5] },
    ],
  ];
  for (const { name, encode, send } of VERSIONS) {
    for (const [complaint, histogram] of bad) {
      const one = { labels: [LATENCY], histograms: [HISTOGRAM, histogram] };
      const answer = await send(running, encode([UP, one]));
      assert.equal(answer.status, 400, `${name} ${complaint}`);
      assert.match(answer.text, complaint);
      assert.equal(running.intake.batches.at(-1)?.items, 2);
      if (name === '2.0') assert.deepEqual(answer.written, [1, 1, 0]);
    }
  }
});

test('PRW-R13: sound histograms pass: exponential, custom, wide counts, NaN sums, stale ones', async () => {
  await using running = await startReceiver();
  const big = '18446744073709551615';
  const good = [
    HISTOGRAM,
    CUSTOM,
    { ...HISTOGRAM, schema: -4 },
    { ...HISTOGRAM, schema: 8 },
    { ...HISTOGRAM, sum: NaN, count_int: 12 },
    { ...HISTOGRAM, positive_spans: [{ offset: -5, length: 3 }] },
    {
      count_int: big,
      zero_count_int: '9223372036854775808',
      positive_spans: [{ length: 1 }],
      positive_deltas: ['9223372036854775807'],
    },
    {},
  ];
  for (const { encode, send } of VERSIONS) {
    const series = good.map((histogram) => ({ labels: [LATENCY], histograms: [histogram] }));
    const answer = await send(running, encode(series));
    assert.equal(answer.status, 204, answer.text);
    const stale = encode([{ labels: [LATENCY], histograms: [{ ...HISTOGRAM, count_int: 99 }] }]);
    const sum = Buffer.alloc(9, 0x19);
    sum.writeDoubleLE(HISTOGRAM.sum, 1);
    stale.writeBigUInt64LE(0x7ff0000000000002n, stale.indexOf(sum) + 1);
    assert.equal((await send(running, stale)).status, 204);
  }
});

test('PRW-R14: start timestamps of rc.4 stay, and created timestamps of rc.3 become them', async () => {
  await using running = await startReceiver();
  const own = { value: 1, timestamp: 1000, start_timestamp: 7 };
  const extra = { created_timestamp: 500 };
  const samples = [{ value: 1, timestamp: 1000 }, own, { ...own, start_timestamp: 0 }];
  const series = [
    { ...UP, samples, extra },
    { ...UP, samples, extra: { created_timestamp: 0 } },
    { labels: [LATENCY], histograms: [HISTOGRAM], extra },
  ];
  assert.equal((await send2(running, encode2(series))).status, 204);
  const starts = (of: object[] | undefined) =>
    of?.map((each) => ('start_timestamp' in each ? each.start_timestamp : undefined));
  const [first, second, third] = received(running);
  assert.deepEqual(starts(first?.samples), ['500', '7', '500']);
  assert.deepEqual(starts(second?.samples)?.slice(0, 2), [undefined, '7']);
  assert.deepEqual(starts(third?.histograms), ['500']);
});

test('PRW-R15: 1.0 requests carry metadata, exemplars and histograms, or metadata alone', async () => {
  await using running = await startReceiver();
  const metadata = [{ type: 1, metric_family_name: 'up', help: 'Is it?', unit: '' }];
  const exemplars = [{ labels: [['trace_id', 'abc'] as const], value: 1, timestamp: 9 }];
  const both = { ...UP, exemplars, histograms: [HISTOGRAM] };
  const alone = { labels: UP.labels, exemplars };
  const body = encode1([both, alone], { metadata });
  assert.equal((await send1(running, body)).status, 204);
  assert.deepEqual(Buffer.from(running.intake.batches[0]?.chunks[0] ?? []), body);
  assert.equal(running.intake.batches[0]?.items, 2);
  assert.equal((await send1(running, encode1([], { metadata }))).status, 204);
  assert.equal(running.intake.batches[1]?.items, 0);
  assert.equal(running.intake.batches[1].byteLength, encode1([], { metadata }).length);
  assert.equal((await send1(running, encode1([]))).status, 204);
  assert.equal(running.intake.batches.length, 2);
});

test('PRW-R16: a body of the other version is never acknowledged', async () => {
  await using running = await startReceiver();
  const two = await send1(running, encode2([UP]));
  assert.equal(two.status, 400);
  assert.match(two.text, /the body is remote-write 2\.0/);
  const one = await send2(running, encode1([UP]));
  assert.deepEqual([one.status, one.written], [400, [0, 0, 0]]);
  assert.match(one.text, /the body is remote-write 1\.0/);
  assert.equal(running.intake.batches.length, 0);
});

test('PRW-R17: symbols may lack the empty one, repeat, come last and in any order', async () => {
  await using running = await startReceiver();
  const symbols = ['test', '__name__', 'job', 'up', 'job', '__name__'];
  const extra = { labels_refs: [1, 3, 4, 0] };
  const body = encode2([{ ...UP, extra }], { symbols });
  const from = body.indexOf(Buffer.from([0x2a]));
  const turned = Buffer.concat([body.subarray(from), body.subarray(0, from)]);
  for (const each of [body, turned]) {
    assert.equal((await send2(running, each)).status, 204);
    assert.deepEqual(
      received(running)[0]?.labels.map(({ name, value }) => [name, value]),
      UP.labels,
    );
  }
});

test('PRW-R18: integer and floating-point histograms arrive as they were sent', async () => {
  await using running = await startReceiver();
  const float = {
    count_float: 4.5,
    sum: 2,
    zero_count_float: 0.5,
    positive_spans: [{ offset: 0, length: 2 }],
    positive_counts: [1.5, 2.5],
    reset_hint: 3,
    timestamp: '1000',
  };
  const series = [HISTOGRAM, float].map((each) => ({ labels: [LATENCY], histograms: [each] }));
  const sent = decodeForm(encode1(series)).timeseries.map(({ histograms }) => histograms);
  for (const { encode, send } of VERSIONS) {
    assert.equal((await send(running, encode(series))).status, 204);
    assert.deepEqual(
      received(running).map(({ histograms }) => histograms),
      sent,
    );
  }
});

test('PRW-R21: what a pipeline drops by intention counts as written', async () => {
  await using running = await startReceiver();
  running.intake.onConsume = () => ({ kind: 'accepted' });
  const answer = await send2(running, encode2([UP, UP]));
  assert.deepEqual([answer.status, answer.written], [204, [2, 0, 0]]);
});

test('metadata of 2.0 comes with its series, its strings in place', async () => {
  await using running = await startReceiver();
  const extra = { metadata: { type: 2, help_ref: 2, unit_ref: 4 } };
  assert.equal((await send2(running, encode2([{ ...UP, extra }]))).status, 204);
  assert.deepEqual(received(running)[0]?.metadata, { type: 2, help: 'up', unit: 'test' });
});
