import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { reflection } from '../../../formats/prometheus/reflection.ts';
import { chunkOf, histogram, series, serving, TIME, typed, untyped } from './fixture.test.ts';

const [UNKNOWN, COUNTER, GAUGE, HISTOGRAM] = [0, 1, 2, 3];

/** The schema with doubles as the 64 bits they are: plain numbers cannot say a stale marker. */
const BITS = protobuf.Root.fromJSON(
  JSON.parse(
    JSON.stringify(reflection()).replaceAll('"double"', '"fixed64"'),
  ) as protobuf.INamespace,
).lookupType('Request');
const STALE_BITS = String(0x7ff0000000000002n);

function staleChunk(name: string, part: object) {
  const labels = [{ name: '__name__', value: name }];
  const message = BITS.fromObject({ timeseries: [{ labels, ...part }] });
  return new Uint8Array(BITS.encode(message).finish());
}

test('of a series the newest sample is shown, and older ones are lost and counted', async (t) => {
  const { take, lines } = await serving(t);
  const sample = (value: number, timestamp: number) => series('m', {}, value, { timestamp });
  assert.deepEqual(await take([sample(1, TIME)]), { kind: 'accepted' });
  const outcome = await take([sample(9, TIME - 1), series('other')]);
  assert.ok(outcome.kind === 'partial');
  assert.deepEqual([outcome.rejected, outcome.reason], [1, 'out_of_order']);
  await take([sample(2, TIME)]);
  assert.deepEqual(await lines(), ['m 2', 'other 1']);
  const several = [3, 4, 5].map((value) => ({ value, timestamp: TIME + value }));
  assert.deepEqual(await take([{ labels: { __name__: 'm' }, samples: several }]), {
    kind: 'accepted',
  });
  assert.deepEqual(await lines(), ['m 5', 'other 1']);
});

test('MAP-19: a stale marker ends a series at once, of samples and of histograms', async (t) => {
  const { take, takeChunk, lines, counts } = await serving(t);
  const native = { count_int: 1, sum: 1, schema: 0, timestamp: TIME };
  await take([series('m'), series('kept'), { labels: { __name__: 'h' }, histograms: [native] }]);
  assert.equal((await lines()).length, 5);
  await takeChunk(staleChunk('m', { samples: [{ value: STALE_BITS, timestamp: TIME + 1 }] }));
  await takeChunk(staleChunk('h', { histograms: [{ sum: STALE_BITS, timestamp: TIME + 1 }] }));
  await takeChunk(staleChunk('never', { samples: [{ value: STALE_BITS, timestamp: TIME }] }));
  assert.deepEqual(await lines(), ['kept 1']);
  assert.equal(counts.get('exporter_series'), 1);
  await take([series('m', {}, 5, { timestamp: TIME + 2 })]);
  assert.deepEqual(await lines(), ['kept 1', 'm 5']);
});

test('MAP-34: series that were not heard of for metric_expiration disappear, from memory too', async (t) => {
  const { take, lines, clock, counts } = await serving(t, { metric_expiration: '1m' });
  await take([series('old'), series('kept')]);
  clock.move(50_000);
  await take([series('kept', {}, 2)]);
  clock.move(20_000);
  assert.deepEqual(await lines(), ['kept 2']);
  await take([series('kept', {}, 3)]);
  assert.equal(counts.get('exporter_series'), 1);
});

test('further series than there is room for are lost and counted, known ones go on', async (t) => {
  const { take, lines, counts, clock } = await serving(t, { series_memory: 10_000 });
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => series('m', { index: `${index}` }));
  const outcome = await take(many(100));
  assert.ok(outcome.kind === 'partial' && outcome.reason === 'series_limit');
  const held = counts.get('exporter_series') ?? 0;
  assert.equal(outcome.rejected, 100 - held);
  assert.ok(held > 5 && (counts.get('exporter_series_bytes') ?? 0) <= 10_000);
  assert.deepEqual(await take([series('m', { index: '0' }, 7)]), { kind: 'accepted' });
  assert.equal((await lines())[0], 'm{index="0"} 7');
  clock.move(600_000);
  await take([]);
  const again = await take(many(5));
  assert.deepEqual(again, { kind: 'accepted' });
});

test('MAP-6: who says another type than the first is lost and counted, until the first is gone', async (t) => {
  const { take, lines, clock } = await serving(t);
  await take([series('m', { from: 'a' }, 1, typed(COUNTER))]);
  const outcome = await take([series('m', { from: 'b' }, 2, typed(GAUGE))]);
  assert.ok(outcome.kind === 'partial' && outcome.reason === 'conflicting_type');
  assert.deepEqual(await lines(), ['m{from="a"} 1']);
  clock.move(301_000);
  assert.deepEqual(await take([series('m', { from: 'b' }, 2, typed(GAUGE))]), { kind: 'accepted' });
  assert.deepEqual(await lines('', 'comments'), ['# TYPE m gauge', 'm{from="b"} 2']);
});

test('of two texts of help the later is shown', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('m', { from: 'a' }, 1, typed(COUNTER, 'first'))]);
  await take([series('m', { from: 'b' }, 1, typed(COUNTER, 'second'))]);
  const [help] = await lines('', 'comments');
  assert.equal(help, '# HELP m second');
});

test('metadata that comes apart from series names the types of those that are there', async (t) => {
  const { take, takeChunk, lines } = await serving(t);
  await take(
    untyped([...histogram('h', {}, { '1': 1, '+Inf': 2 }), series('c_total'), series('x_sum')]),
  );
  assert.deepEqual(
    (await lines('', 'comments')).filter((line) => line.startsWith('#')),
    ['c_total', 'h_bucket', 'h_count', 'h_sum', 'x_sum'].map((name) => `# TYPE ${name} untyped`),
  );
  const told = (type: number, metric_family_name: string, help = '') => ({
    type,
    metric_family_name,
    help,
  });
  await takeChunk(
    chunkOf([], [told(HISTOGRAM, 'h', 'how long'), told(COUNTER, 'c'), told(GAUGE, 'x_sum')]),
  );
  assert.deepEqual(await lines('', 'comments'), [
    '# TYPE c_total counter',
    'c_total 1',
    '# HELP h how long',
    '# TYPE h histogram',
    'h_bucket{le="1"} 1',
    'h_bucket{le="+Inf"} 2',
    'h_sum 1',
    'h_count 2',
    '# TYPE x_sum gauge',
    'x_sum 1',
  ]);
});

test('metadata without content says nothing', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('m', {}, 1, typed(UNKNOWN)), series('m', { a: 'b' }, 1, typed(COUNTER))]);
  assert.equal((await lines('', 'comments'))[0], '# TYPE m counter');
});

test('exemplars of a series that has no sample are nothing to show', async (t) => {
  const { take, lines, counts } = await serving(t);
  await take([{ labels: { __name__: 'm' }, exemplars: [{ labels: [], value: 1, timestamp: 1 }] }]);
  assert.deepEqual(await lines(), []);
  assert.equal(counts.get('exporter_series'), 0);
});

test('const_labels are given to series that have none of the name', async (t) => {
  const { take, lines } = await serving(t, { const_labels: { zone: 'z', region: 'r"' } });
  await take([series('bare'), series('m', { zone: 'mine' }), series('n', { a: 'b' })]);
  assert.deepEqual(await lines(), [
    'bare{zone="z",region="r\\""} 1',
    'm{zone="mine",region="r\\""} 1',
    'n{a="b",zone="z",region="r\\""} 1',
  ]);
});

test('TEN-8: series of two tenants are told apart by a label that nobody can forge', async (t) => {
  const { take, lines } = await serving(t);
  await take([series('m', {}, 1)]);
  await take([series('m', {}, 2)], 'team-a');
  await take([series('m', { tenant: 'team-a' }, 3)], 'team-b');
  assert.deepEqual((await lines()).toSorted(), [
    'm 1',
    'm{exported_tenant="team-a",tenant="team-b"} 3',
    'm{tenant="team-a"} 2',
  ]);
});

test('TEN-8: without a label for tenants there is but one', async (t) => {
  const { take, lines } = await serving(t, { tenant_label: '' });
  const outcome = await take([series('m', {}, 2)], 'team-a');
  assert.ok(outcome.kind === 'rejected' && outcome.reason === 'tenant_without_label');
  await take([series('m', { tenant: 'own' }, 1)]);
  assert.deepEqual(await lines(), ['m{tenant="own"} 1']);
});
