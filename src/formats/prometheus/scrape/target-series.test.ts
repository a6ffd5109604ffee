import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelabelRules } from '../relabel/rules.ts';
import { rulesSettings } from '../relabel/settings.ts';
import { Page, T0 } from './fixture.test.ts';
import { SeriesMemory } from './series-memory.ts';

const STALE = '7ff0000000000002';
const TARGET = [
  { name: 'instance', value: 'i:1' },
  { name: 'job', value: 'j' },
];
const UP = [{ name: 'up', help: 'Up.', value: 1 }];

function rules(...configs: object[]): RelabelRules {
  return new RelabelRules(rulesSettings().parse(configs), 'utf8');
}

function labelsOf(page: Page, text: string): string[] {
  return page.scrape(text).series.map(({ labels }) => labels);
}

function staleOf({ series }: { series: readonly { labels: string; bits: string }[] }): string[] {
  return series.filter(({ bits }) => bits === STALE).map(({ labels }) => labels);
}

test('labels of the target win, and those of the page are kept under other names', () => {
  const page = new Page({ target: TARGET });
  const text = 'a{job="x",instance="",exported_job="y",z="1"} 1\n';
  assert.deepEqual(labelsOf(page, text), [
    '__name__=a|exported_exported_job=x|exported_job=y|instance=i:1|job=j|z=1',
  ]);
});

test('with honor_labels those of the page win, and an empty one takes the label away', () => {
  const page = new Page({ target: TARGET, honorLabels: true });
  assert.deepEqual(labelsOf(page, 'a{job="x",instance=""} 1\nb 1\n'), [
    '__name__=a|job=x',
    '__name__=b|instance=i:1|job=j',
  ]);
});

test('names with upper case and quoted names are sorted by their bytes', () => {
  assert.deepEqual(labelsOf(new Page(), '{"m.x",Z="1",a="2","ä"="3"} 1\n'), [
    'Z=1|__name__=m.x|a=2|ä=3',
  ]);
});

test('rules drop and rename series, and each line pays for them once', () => {
  let applied = 0;
  const counting = rules(
    { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
    { source_labels: ['a'], target_label: 'b', replacement: 'x-$1' },
    { regex: 'a', action: 'labeldrop' },
  );
  const apply = counting.apply.bind(counting);
  counting.apply = (labels) => {
    applied++;
    return apply(labels);
  };
  const page = new Page({ rules: counting, target: TARGET });
  const text = 'go_x 1\nm{a="1"} 1\n';
  const { series, counts } = page.scrape(text);
  assert.deepEqual(
    series.map(({ labels }) => labels),
    ['__name__=m|b=x-1|instance=i:1|job=j'],
  );
  assert.deepEqual([counts.scraped, counts.kept, counts.added], [2, 1, 1]);
  page.scrape(text);
  assert.equal(applied, 2);
});

test('external labels are added where a series has none of that name', () => {
  const page = new Page({ external: [{ name: 'region', value: 'eu' }] });
  const { series } = page.scrape('a{region="us"} 1\nb 1\n', false, UP);
  const labels = series.map((each) => each.labels);
  assert.deepEqual(labels, [
    '__name__=a|region=us',
    '__name__=b|region=eu',
    '__name__=up|region=eu',
  ]);
});

test('N-1: a series that vanishes is marked as stale once, with the exact bits', () => {
  const page = new Page({ target: TARGET });
  page.scrape('# TYPE a gauge\na 1\nb 2\n');
  const gone = page.scrape('b 2\n');
  const [, stale] = gone.series;
  assert.deepEqual([stale?.labels, stale?.bits], ['__name__=a|instance=i:1|job=j', STALE]);
  assert.deepEqual([stale?.time, stale?.type], [T0 + 1000, 2]);
  assert.deepEqual(staleOf(page.scrape('b 2\n')), []);
});

test('a page that fails marks everything as stale, and nothing of it is sent', () => {
  const page = new Page();
  page.scrape('a 1\nb 2\n');
  const failed = page.scrape('a 1\nc 3\nb{ 2\n', false, [{ ...UP[0]!, value: 0 }]);
  assert.equal(failed.reason, 'parse');
  assert.match(failed.error, /line 3 .*: "b\{ 2"$/);
  assert.deepEqual(
    failed.series.map(({ labels, bits }) => [labels, bits === STALE]),
    [
      ['__name__=a', true],
      ['__name__=b', true],
      ['__name__=up', false],
    ],
  );
  const after = page.scrape(undefined, false, UP);
  assert.deepEqual(staleOf(after), []);
  const again = page.scrape('a 1\nb 2\n');
  assert.equal(again.counts.added, 0);
  assert.deepEqual(staleOf(again), []);
});

test('the order of lines and of labels may change without anything becoming stale', () => {
  const page = new Page();
  page.scrape('a{x="1",y="2"} 1\nb 1\nc 1\n');
  const { series, counts } = page.scrape('c 3\na{y="2",x="1"} 5\nb 4\n');
  const values = series.map(({ labels, value }) => `${labels} ${value}`);
  assert.deepEqual(values, ['__name__=c 3', '__name__=a|x=1|y=2 5', '__name__=b 4']);
  assert.equal(counts.added, 0);
});

test('a series that is there twice counts once', () => {
  const { series, counts } = new Page().scrape('a{x="1"} 1\na{x="1"} 2\na{ x="1" } 3\n');
  assert.deepEqual(
    series.map(({ value }) => value),
    [1],
  );
  assert.equal(counts.left.duplicate, 2);
});

test('times of the page are used, such series are never stale, and the same sample comes once', () => {
  const page = new Page();
  assert.equal(page.scrape(`a 1 ${T0 - 500}\n`).series[0]?.time, T0 - 500);
  assert.deepEqual(page.scrape(`a 1 ${T0 - 500}\n`).series, []);
  const late = page.scrape(`a 1 ${T0 - 700}\n`);
  assert.deepEqual([late.series, late.counts.left.out_of_order], [[], 1]);
  assert.equal(page.scrape(`a 1 ${T0}\n`).series[0]?.time, T0);
  const ahead = page.scrape(`a 1 ${T0 + 3_600_000}\n`);
  assert.deepEqual([ahead.series, ahead.counts.left.too_far_ahead], [[], 1]);
  assert.deepEqual(page.scrape('b 1\n').series.length, 1);
});

test('times of the page before 1971 and before the epoch keep their value', () => {
  const times = [-5, 0, 12345, 2 ** 35 - 1, 2 ** 35];
  const page = new Page();
  for (const time of times) assert.equal(page.scrape(`a 1 ${time}\n`).series[0]?.time, time);
});

test('without honor_timestamps times of the page mean nothing, and with tracking they get stale', () => {
  const own = new Page({ honorTimestamps: false });
  assert.equal(own.scrape('a 1 5\n').series[0]?.time, T0);
  assert.deepEqual(staleOf(own.scrape('b 1\n')), ['__name__=a']);
  const tracked = new Page({ trackTimestampsStaleness: true });
  tracked.scrape(`a 1 ${T0 - 5}\n`);
  assert.deepEqual(staleOf(tracked.scrape('b 1\n')), ['__name__=a']);
});

test('type, help and unit go with the series of a family, and follow when they change', () => {
  const page = new Page();
  const text = (help: string) =>
    `# HELP h_seconds ${help}\n# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_bucket{le="1"} 1\nh_seconds_count 1\nother 1\n# EOF\n`;
  const facts = (help: string) =>
    page.scrape(text(help), true).series.map((each) => [each.type, each.help, each.unit]);
  const known = (help: string) => [
    [3, help, 'seconds'],
    [3, help, 'seconds'],
    [0, '', ''],
  ];
  assert.deepEqual(facts('First \\"help\\"'), known('First "help"'));
  assert.deepEqual(facts('Second'), known('Second'));
  assert.deepEqual(facts('First \\"help\\"'), known('First "help"'));
});

test('exemplars go with their samples, each once', () => {
  const page = new Page();
  const text = (value: number) =>
    `# TYPE a counter\na_total 1 # {trace_id="x"} ${value} 1760000000.25\n# EOF\n`;
  assert.deepEqual(page.scrape(text(0.5), true).series[0]?.exemplars, [
    { labels: 'trace_id=x', value: 0.5, time: 1_760_000_000_250 },
  ]);
  assert.deepEqual(page.scrape(text(0.5), true).series[0]?.exemplars, []);
  assert.equal(page.scrape(text(0.6), true).series[0]?.exemplars.length, 1);
  const long = page.scrape(`a_total 1 # {a="${'x'.repeat(128)}"} 1\n# EOF\n`, true);
  assert.deepEqual([long.series[0]?.exemplars, long.counts.left.exemplar], [[], 1]);
});

test('limits fail the whole page', () => {
  const f = (options: object, text: string, reason: string) => {
    const { reason: found, series } = new Page(options).scrape(text);
    assert.deepEqual([found, series], [reason, []]);
  };
  const limits = { labels: 0, nameBytes: 0, valueBytes: 0 };
  f({ sampleLimit: 1 }, 'a 1\nb 1\n', 'sample_limit');
  f({ limits: { ...limits, labels: 1 } }, 'a{b="c"} 1\n', 'label_limit');
  f({ limits: { ...limits, nameBytes: 8 } }, 'a{b23456789="c"} 1\n', 'label_limit');
  f({ limits: { ...limits, valueBytes: 3 } }, 'a{b="1234"} 1\n', 'label_limit');
  f({ naming: 'legacy' }, '{"a.b"} 1\n', 'invalid_labels');
  f({}, 'a{b="1",b="2"} 1\n', 'invalid_labels');
  f({}, '{""} 1\n', 'invalid_labels');
  const dropped = rules({ source_labels: ['__name__'], regex: 'b', action: 'drop' });
  assert.equal(new Page({ sampleLimit: 1, rules: dropped }).scrape('a 1\nb 1\n').error, '');
});

test('stale markers of a chunk that was not taken come again with the next', () => {
  const page = new Page();
  page.scrape('a 1\nb 1\n').settle(true);
  const refused = page.scrape('b 1\n');
  assert.deepEqual(staleOf(refused), ['__name__=a']);
  refused.settle(false);
  const next = page.scrape('b 1\n');
  assert.deepEqual(staleOf(next), ['__name__=a']);
  next.settle(true);
  assert.deepEqual(staleOf(page.scrape('b 1\n')), []);
});

test('a sample with a time of its own that was not sent comes with the next page', () => {
  const page = new Page({ sampleLimit: 2 });
  const line = `a 1 ${T0 - 500}\n`;
  page.scrape(line).settle(false);
  assert.equal(page.scrape(`${line}b 1\nc 1\n`).reason, 'sample_limit');
  assert.equal(page.scrape(line).series.length, 1);
  assert.equal(page.scrape(line).series.length, 0);
});

test('the last chunk of a target marks its series and its reports as stale', () => {
  const page = new Page();
  page.scrape('a 1\n', false, UP).settle(true);
  const { items } = page.series.end(page.time);
  assert.equal(items, 2);
});

test('memory stays bounded when every page is another one, and a page beyond it fails', () => {
  const page = new Page();
  const text = (round: number, lines: number) =>
    Array.from({ length: lines }, (_each, at) => `m{round="${round}",at="${at}"} 1\n`).join('');
  for (let round = 0; round < 5; round++) page.scrape(text(round, 500)).settle(true);
  const after5 = page.memory.used;
  for (let round = 5; round < 60; round++) page.scrape(text(round, 500)).settle(true);
  assert.ok(page.memory.used <= after5, `${page.memory.used} <= ${after5}`);
  for (let round = 0; round < 60; round++) page.scrape(`${text(round, 500)}broken`).settle(true);
  assert.ok(page.memory.used <= 2 * after5, `${page.memory.used} <= 2 * ${after5}`);
  const small = new Page({ memory: new SeriesMemory(100_000) });
  assert.equal(small.scrape(text(1, 5000)).reason, 'series_memory');
  small.series.release();
  assert.equal(small.memory.used, 0);
});
