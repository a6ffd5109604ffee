import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitsOf, Page, T0 } from './fixture.test.ts';
import { referenceParse } from './reference-parser.test.ts';

const TEXT = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000
# a remark
#HELP not one
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
{"my.metric", "label name"="ä€😀", empty=""} NaN
# TYPE h histogram
h_bucket{le="0.05"} 24054
h_bucket { le = "1" , } 33444
h_bucket{le="+Inf"} 144320
h_sum 53423.000000000000001
h_count 144320
# TYPE s summary
s{quantile="0.01"} 3102
s_sum 1.7560473e+07
a{b="c" d="e"}0x1
`;

const OPEN_METRICS = `# TYPE foo counter
# HELP foo counts \\"things\\"
foo_total{a="b"} 17.0 1520879607.789 # {id="counter-test"} 5
foo_created{a="b"} 1520872607.123
# TYPE go_seconds gauge
# UNIT go_seconds seconds
go_seconds -0
# TYPE h histogram
h_bucket{le="1"} 3 # {trace_id="abc",span_id="d\\\\e"} 0.67 1520879607.7
h_bucket{le="+Inf"} 5
h_count 5
# TYPE st stateset
st{st="on"} 1
{"name with space",x="y"} 1e-3
# EOF
`;

function compare(page: Uint8Array, strict: boolean, target: Page): void {
  const expected = referenceParse(page, strict);
  const time = target.time;
  const { error, reason, series, counts } = target.scrape(page, strict);
  const shown = () => JSON.stringify(Buffer.from(page).toString('latin1'));
  if (expected === undefined) {
    assert.ok(/^(?:parse|invalid_labels)$/.test(reason), `taken, or ${error}: ${shown()}`);
    return;
  }
  assert.equal(error, '', shown());
  assert.equal(counts.scraped, expected.length, shown());
  // The first sample of a series counts; samples at other times follow, those of the future not.
  const wanted: string[] = [];
  const last = new Map<string, number>();
  for (const { labels, value, time: own } of expected) {
    const at = own ?? time;
    if (at > time + 600_000 || at <= (last.get(labels) ?? -Infinity)) continue;
    if (own === undefined && last.has(labels)) continue;
    last.set(labels, at);
    const bits = Number.isNaN(value) ? '7ff8000000000001' : bitsOf(value);
    wanted.push(`${labels} ${bits} ${at}`);
  }
  const found = series.map(({ labels, bits, time: at }) => `${labels} ${bits} ${at}`);
  assert.deepEqual(found.sort(), wanted.sort(), shown());
}

/** A page that is new to its reader, and the same once more. */
function check(page: Uint8Array, strict: boolean): void {
  compare(page, strict, new Page({ trackTimestampsStaleness: true }));
}

function* prefixes(text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let end = 0; end <= bytes.length; end++) yield bytes.subarray(0, end);
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

const PIECES = [
  '{',
  '}',
  '"',
  '\\',
  '\n',
  ' ',
  '\t',
  ',',
  '=',
  '#',
  '# TYPE ',
  ' 1',
  'le',
  'é',
  '\xff',
  '\0',
  '1e5',
  '-',
  '.',
  'NaN',
  '# EOF\n',
  '=""',
  '\\n',
  '99999999999999999999',
];

function mutated(text: string, next: (below: number) => number): Uint8Array {
  let bytes = Buffer.from(text);
  for (let times = 1 + next(3); times > 0; times--) {
    const at = next(bytes.length);
    const piece = Buffer.from(PIECES[next(PIECES.length)]!, next(2) === 0 ? 'latin1' : 'utf8');
    const to = Math.min(bytes.length, at + next(6));
    bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(to)]);
  }
  return bytes;
}

test('every prefix of a page is taken or refused as the reference parser does', () => {
  for (const prefix of prefixes(TEXT)) check(prefix, false);
  for (const prefix of prefixes(OPEN_METRICS)) check(prefix, true);
});

test('pages with random damage are taken or refused as the reference parser does', () => {
  const next = random(7);
  for (let round = 0; round < 1500; round++) {
    check(mutated(TEXT.replace('}0x1', '} 1'), next), false);
    check(mutated(OPEN_METRICS, next), true);
  }
});

test('what is remembered of pages never changes what another page says', () => {
  const next = random(11);
  for (let round = 0; round < 150; round++) {
    const target = new Page({ honorTimestamps: false });
    for (let scrape = 0; scrape < 8; scrape++) {
      const page = mutated(TEXT.replace('}0x1', '} 1'), next);
      const fresh = new Page({ honorTimestamps: false });
      fresh.time = target.time;
      const [found, wanted] = [target.scrape(page), fresh.scrape(page)];
      assert.equal(found.error, wanted.error);
      assert.deepEqual(found.counts.scraped, wanted.counts.scraped);
      const values = (of: typeof found) =>
        of.series
          .filter(({ bits }) => bits !== '7ff0000000000002')
          .map(({ labels, bits, time }) => `${labels} ${bits} ${time}`)
          .sort();
      assert.deepEqual(values(found), values(wanted));
    }
  }
});

test('bytes that are nothing at all are refused', () => {
  const next = random(3);
  for (let round = 0; round < 2000; round++) {
    const page = Uint8Array.from({ length: next(60) }, () => next(256));
    check(page, round % 2 === 0);
  }
  assert.equal(new Page().time, T0);
});

test('a line of a million labels, of quotes or of digits is refused without delay', () => {
  const lines = [
    `a{${'b="c",'.repeat(300_000)}} 1\n`,
    `a{b="${'\\"'.repeat(1_000_000)} 1\n`,
    `a ${'1'.repeat(5_000_000)}\n`,
    `${'a{b="'.repeat(300_000)}\n`,
    `#${' '.repeat(5_000_000)}HELP`,
    `a 1 ${'9'.repeat(1_000_000)}\n`,
  ];
  for (const line of lines) {
    const began = performance.now();
    const { error } = new Page().scrape(line);
    assert.ok(line.startsWith('#') || error !== '');
    assert.ok(performance.now() - began < 2000);
  }
});
