import assert from 'node:assert/strict';
import { test } from 'node:test';
import { histogram, OPEN_METRICS, series, serving, TIME, typed } from './fixture.test.ts';

const [COUNTER, GAUGE, SUMMARY, INFO, STATESET] = [1, 2, 5, 6, 7];
const OPEN = { enable_open_metrics: true };
const UTF8 = 'text/plain; version=1.0.0; escaping=allow-utf-8';

test('MAP-29: the page is in the format the scraper likes best, and says which that is', async (t) => {
  const text = 'text/plain; version=0.0.4; charset=utf-8';
  const utf8 = 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8';
  const open = 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores';
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const server = await serving(t);
  const offering = await serving(t, OPEN);
  for (const [accept, expected, offered] of [
    ['', text, text],
    ['*/*', text, text],
    ['text/html, image/png', text, text],
    ['application/json;q=nonsense', text, text],
    [prometheus3, utf8, open.replace('underscores', 'allow-utf-8')],
    ['text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0', text, open],
    ['application/openmetrics-text;version=1.0.0;q=0,text/plain', text, text],
    ['application/openmetrics-text;version=9,text/plain;version=1.0.0;q=0.1', utf8, utf8],
    ['text/plain;version=1.0.0;escaping=nonsense', utf8, utf8],
  ] as const) {
    const scheme = accept.includes('allow-utf-8') ? 'allow-utf-8' : 'underscores';
    const named = (type: string) => type.replace(/escaping=.*/, `escaping=${scheme}`);
    assert.equal((await server.ask(accept)).headers.get('content-type'), named(expected), accept);
    assert.equal((await offering.ask(accept)).headers.get('content-type'), named(offered), accept);
  }
});

test('MAP-30, MAP-31: names that are not of the old alphabet are escaped as the scraper wants it', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('foo.bar_total', { 'a.b': 'x', ok: 'y' }, 1, typed(COUNTER))]);
  const escaped = (scheme: string) =>
    lines(`text/plain;version=1.0.0;escaping=${scheme}`, 'comments');
  assert.deepEqual(await escaped('allow-utf-8'), [
    '# TYPE "foo.bar_total" counter',
    '{"foo.bar_total","a.b"="x",ok="y"} 1',
  ]);
  assert.deepEqual(await escaped('underscores'), [
    '# TYPE foo_bar_total counter',
    'foo_bar_total{a_b="x",ok="y"} 1',
  ]);
  assert.deepEqual(await escaped('dots'), [
    '# TYPE foo_dot_bar__total counter',
    'foo_dot_bar__total{a_dot_b="x",ok="y"} 1',
  ]);
  assert.deepEqual(await escaped('values'), [
    '# TYPE U__foo_2E_bar__total counter',
    'U__foo_2E_bar__total{U__a_2E_b="x",ok="y"} 1',
  ]);
  assert.deepEqual(await lines(), ['foo_bar_total{a_b="x",ok="y"} 1']);
});

test('MAP-31: labels that meet under one name are joined, and a digit in front is no letter', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('5xx', { 'a.b': '1', a_b: '2' })]);
  assert.deepEqual(await lines(), ['_xx{a_b="1;2"} 1']);
});

test('MAP-32: families are whole and in order, with one TYPE and HELP in front', async (t) => {
  const { take, lines } = await serving(t);
  const gauge = typed(GAUGE, 'a \\ and\na line');
  await take([
    series('b', { zone: 'x' }, 1, gauge),
    ...histogram('h', { zone: 'x' }, { '10': 3, '0.5': 1, '2': 2, '+Inf': 4 }),
    series('untold'),
    series('b', { zone: 'say "hi"\\\n' }, Number.NaN, gauge),
    series('a_info', { v: '1' }, 1, typed(INFO)),
    series('s', { s: 'on' }, 1, typed(STATESET)),
    ...histogram('h', { zone: 'y' }, { '+Inf': 9 }),
  ]);
  assert.deepEqual(await lines('', 'comments'), [
    '# TYPE a_info gauge',
    'a_info{v="1"} 1',
    '# HELP b a \\\\ and\\na line',
    '# TYPE b gauge',
    'b{zone="x"} 1',
    'b{zone="say \\"hi\\"\\\\\\n"} NaN',
    '# HELP h how long',
    '# TYPE h histogram',
    'h_bucket{le="0.5",zone="x"} 1',
    'h_bucket{le="2",zone="x"} 2',
    'h_bucket{le="10",zone="x"} 3',
    'h_bucket{le="+Inf",zone="x"} 4',
    'h_sum{zone="x"} 2',
    'h_count{zone="x"} 4',
    'h_bucket{le="+Inf",zone="y"} 9',
    'h_sum{zone="y"} 4.5',
    'h_count{zone="y"} 9',
    '# TYPE s gauge',
    's{s="on"} 1',
    '# TYPE untold untyped',
    'untold 1',
  ]);
});

test('MAP-32: a +Inf bucket that is missing is the count, and without both nothing is shown', async (t) => {
  const { take, lines, counts } = await serving(t);
  const some = histogram('h', {}, { '1': 2, '+Inf': 5 });
  await take(some.filter(({ labels }) => labels['le'] !== '+Inf'));
  assert.deepEqual(await lines(), [
    'h_bucket{le="1"} 2',
    'h_bucket{le="+Inf"} 5',
    'h_sum 2.5',
    'h_count 5',
  ]);
  await take(histogram('lone', {}, { '1': 2 }).slice(0, 1));
  assert.equal((await lines()).length, 4);
  assert.equal(counts.get('exporter_scrape_omitted incomplete_histogram'), 1);
});

test('a bucket whose le is no number is left out, and a unit that is none', async (t) => {
  const { take, lines, counts } = await serving(t, OPEN);
  await take([
    ...histogram('h', {}, { nonsense: 1, '+Inf': 5 }),
    series('a_\n', {}, 1, typed(GAUGE, '', '\n')),
  ]);
  assert.deepEqual(await lines(OPEN_METRICS, 'comments'), [
    '# TYPE "a_\\n" gauge',
    '{"a_\\n"} 1',
    '# HELP h how long',
    '# TYPE h histogram',
    'h_bucket{le="+Inf"} 5',
    'h_sum 2.5',
    'h_count 5',
    '# EOF',
  ]);
  assert.equal(counts.get('exporter_scrape_omitted wrong_member'), 1);
});

test('MAP-9: an attribute le of a histogram is no bound', async (t) => {
  const { take, lines } = await serving(t);
  const attribute = { le: 'user' };
  const some = histogram('h', {}, { '1': 2, '+Inf': 5 });
  const [one, , sum, count] = some;
  const withLe = (of: typeof one) => ({ ...of!, labels: { ...of!.labels, ...attribute } });
  await take([one!, withLe(sum), withLe(count)]);
  assert.deepEqual(await lines(), [
    'h_bucket{le="1"} 2',
    'h_bucket{le="+Inf"} 5',
    'h_sum{le="user"} 2.5',
    'h_count{le="user"} 5',
  ]);
});

test('MAP-16: quantiles of a summary are ascending', async (t) => {
  const { take, lines } = await serving(t);
  const of = typed(SUMMARY);
  await take([
    series('s_count', {}, 3, of),
    series('s', { quantile: '0.99' }, 9, of),
    series('s', { quantile: '0.5' }, 5, of),
    series('s_sum', {}, 20, of),
  ]);
  assert.deepEqual(
    (await lines()).filter((line) => line.includes('quantile')),
    ['s{quantile="0.5"} 5', 's{quantile="0.99"} 9'],
  );
});

test('N-5: values are as Go reads them', async (t) => {
  const { take, lines } = await serving(t);
  const values = [Infinity, -Infinity, -0, 1e21, 1e-7, 2 ** 53];
  await take(values.map((value, index) => series(`v${index}`, {}, value)));
  assert.deepEqual(await lines(), [
    'v0 +Inf',
    'v1 -Inf',
    'v2 -0',
    'v3 1e+21',
    'v4 1e-7',
    'v5 9007199254740992',
  ]);
});

test('MAP-33: OpenMetrics has the suffix in samples alone, units, canonical bounds and an end', async (t) => {
  const { take, lines } = await serving(t, OPEN);
  const of = typed(COUNTER, 'say "it"', 'bytes');
  const samples = [{ value: 7, timestamp: TIME, start_timestamp: TIME - 1500 }];
  await take([
    series('io_bytes_total', { d: 'a' }, 7, { ...of, samples }),
    series('plain', {}, 1, typed(COUNTER)),
    series('target_info', { v: '1' }, 1, typed(INFO, 'Target metadata')),
    ...histogram('h', {}, { '1': 1, '1000000': 2, '+Inf': 3 }),
    series('temperature', {}, 1, typed(GAUGE, '', 'celsius')),
  ]);
  assert.deepEqual(await lines(OPEN_METRICS, 'comments'), [
    '# HELP h how long',
    '# TYPE h histogram',
    'h_bucket{le="1.0"} 1',
    'h_bucket{le="1e+06"} 2',
    'h_bucket{le="+Inf"} 3',
    'h_sum 1.5',
    'h_count 3',
    '# HELP io_bytes say \\"it\\"',
    '# TYPE io_bytes counter',
    '# UNIT io_bytes bytes',
    'io_bytes_total{d="a"} 7',
    'io_bytes_created{d="a"} 1699999998.5',
    '# TYPE plain unknown',
    'plain 1',
    '# HELP target Target metadata',
    '# TYPE target info',
    'target_info{v="1"} 1',
    '# TYPE temperature gauge',
    'temperature 1',
    '# EOF',
  ]);
});

test('MAP-33: exemplars stand behind counters and buckets, where OpenMetrics has room for them', async (t) => {
  const { take, lines } = await serving(t, OPEN);
  const exemplar = (value: string, timestamp = TIME) => ({
    labels: [{ name: 'trace_id', value }],
    value: 0.5,
    timestamp,
  });
  await take([
    series('c_total', {}, 1, {
      ...typed(COUNTER),
      exemplars: [exemplar('new'), exemplar('old', TIME - 1)],
    }),
    series('g', {}, 1, { ...typed(GAUGE), exemplars: [exemplar('g')] }),
    series('h_bucket', { le: '+Inf' }, 1, { ...typed(3), exemplars: [exemplar('😀'.repeat(121))] }),
  ]);
  assert.deepEqual(await lines(OPEN_METRICS), [
    'c_total 1 # {trace_id="new"} 0.5 1700000000.000',
    'g 1',
    'h_bucket{le="+Inf"} 1',
  ]);
  await take([
    {
      labels: { __name__: 'h_bucket', le: '+Inf' },
      exemplars: [exemplar('😀'.repeat(120), TIME + 1)],
    },
  ]);
  assert.match(
    (await lines(OPEN_METRICS)).at(-1) ?? '',
    /# \{trace_id="(😀){120}"\} 0.5 1700000000.001$/u,
  );
  assert.ok((await lines()).every((line) => !line.includes('trace_id')));
});

test('MAP-33: of families whose names clash the later is left out, and impossible values are', async (t) => {
  const { take, lines, counts } = await serving(t, OPEN);
  await take([
    series('a', {}, 1, typed(GAUGE)),
    series('a_total', {}, 2, typed(COUNTER)),
    series('b_total', {}, -2, typed(COUNTER)),
    series('b_total', { ok: '1' }, 2, typed(COUNTER)),
  ]);
  assert.deepEqual(await lines(OPEN_METRICS), ['a 1', 'b_total{ok="1"} 2']);
  assert.equal(counts.get('exporter_scrape_omitted conflicting_name'), 1);
  assert.equal(counts.get('exporter_scrape_omitted impossible_value'), 1);
  assert.deepEqual((await lines()).length, 4);
});

test('MAP-34: no timestamps unless asked for, in the unit of the format', async (t) => {
  const quiet = await serving(t);
  const loud = await serving(t, { send_timestamps: true, ...OPEN });
  for (const { take } of [quiet, loud]) await take([series('up')]);
  assert.deepEqual(await quiet.lines(), ['up 1']);
  assert.deepEqual(await loud.lines(), [`up 1 ${TIME}`]);
  assert.deepEqual(await loud.lines(OPEN_METRICS), ['up 1 1700000000.000']);
});

test('MAP-34: gzip for who takes it', async (t) => {
  const { take, ask, url } = await serving(t);
  const many = Array.from({ length: 20_000 }, (_, index) =>
    series('m', { index: `${index}`, text: 'a label that is the same in every series' }),
  );
  await take(many);
  const packed = await ask('', { 'accept-encoding': 'gzip' });
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  const plain = await ask('', { 'accept-encoding': 'identity' });
  assert.equal(plain.headers.get('content-encoding'), null);
  const page = await plain.text();
  assert.ok(page.length > 1024 * 1024);
  assert.ok((await packed.text()) === page);
  const head = await fetch(url, { method: 'HEAD' });
  assert.equal(await head.text(), '');
});

test('MAP-15: native histograms have what text has words for', async (t) => {
  const { take, lines } = await serving(t);
  const spans = [{ offset: 0, length: 3 }];
  const exponential = {
    count_int: 9,
    sum: 4.5,
    schema: 3,
    positive_spans: spans,
    positive_deltas: [1, 2, 2],
    timestamp: TIME,
  };
  const custom = { ...exponential, schema: -53, custom_values: [0.5, 2] };
  const floats = {
    count_float: 4.5,
    sum: 1,
    schema: -53,
    positive_spans: spans,
    positive_counts: [1, 2, 1.5],
    custom_values: [0.5, 2],
    timestamp: TIME,
  };
  const native = (name: string, one: object) => ({
    labels: { __name__: name, zone: 'a' },
    histograms: [one],
  });
  await take([native('e', exponential), native('c', custom), native('f', floats)]);
  assert.deepEqual(await lines('', 'comments'), [
    '# TYPE c histogram',
    'c_bucket{zone="a",le="0.5"} 1',
    'c_bucket{zone="a",le="2"} 4',
    'c_bucket{zone="a",le="+Inf"} 9',
    'c_sum{zone="a"} 4.5',
    'c_count{zone="a"} 9',
    '# TYPE e histogram',
    'e_bucket{zone="a",le="+Inf"} 9',
    'e_sum{zone="a"} 4.5',
    'e_count{zone="a"} 9',
    '# TYPE f histogram',
    'f_bucket{zone="a",le="0.5"} 1',
    'f_bucket{zone="a",le="2"} 3',
    'f_bucket{zone="a",le="+Inf"} 4.5',
    'f_sum{zone="a"} 1',
    'f_count{zone="a"} 4.5',
  ]);
});

test('a page elsewhere does not exist, and nothing but GET is answered', async (t) => {
  const { url } = await serving(t, { path: '/federate' });
  assert.equal((await fetch(url)).status, 404);
  assert.equal((await fetch(url.replace('/metrics', '/federate?x=1'))).status, 200);
  assert.match(await (await fetch(new URL('/', url))).text(), /metrics are at \/federate/);
  assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 405);
});

test('UTF-8 names are quoted in comments and samples where the scraper takes them', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('größe "m"', {}, 1, typed(GAUGE, 'h'))]);
  assert.deepEqual(await lines(UTF8, 'comments'), [
    '# HELP "größe \\"m\\"" h',
    '# TYPE "größe \\"m\\"" gauge',
    '{"größe \\"m\\""} 1',
  ]);
});
