import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../wire/writer.ts';
import { MEMBER, Membership } from './membership.ts';
import { SeriesPartition } from './partition.ts';

type Labels = Readonly<Record<string, string>>;

/** Labels as the form has them. */
function encode(labels: Labels): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (const name of Object.keys(labels).sort()) {
    writer.open(1).string(1, name).string(2, labels[name]!).close();
  }
  return writer.finish();
}

function read(labels: Labels) {
  const bytes = encode(labels);
  const of = new Membership().read(bytes, 0, bytes.length);
  const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString();
  return {
    member: of.member,
    stem: text(of.nameStart, of.stemEnd),
    bound: text(of.boundStart, of.boundEnd),
    hash: of.hash,
  };
}

test('series of a histogram are members of one group, by their names and le alone', () => {
  const common = { a: '1', Z: '2', zone: 'x' };
  const bucket = read({ ...common, __name__: 'h_bucket', le: '0.5' });
  assert.deepEqual(
    { ...bucket, hash: 0 },
    { member: MEMBER.bucket, stem: 'h', bound: '0.5', hash: 0 },
  );
  for (const [labels, member] of [
    [{ __name__: 'h_bucket', le: '+Inf' }, MEMBER.bucket],
    [{ __name__: 'h_sum' }, MEMBER.sum],
    [{ __name__: 'h_count' }, MEMBER.count],
    [{ __name__: 'h', quantile: '1' }, MEMBER.quantile],
    [{ __name__: 'h' }, MEMBER.plain],
  ] as const) {
    const of = read({ ...common, ...labels });
    assert.deepEqual([of.member, of.stem, of.hash], [member, 'h', bucket.hash]);
  }
  for (const other of [
    { ...common, __name__: 'h_bucket', le: '1', zone: 'y' },
    { ...common, __name__: 'i_bucket', le: '1' },
    { ...common, __name__: 'h_bucket', le: '1', more: 'x' },
  ]) {
    assert.notEqual(read(other).hash, bucket.hash);
  }
});

test('what only looks like a member is none', () => {
  for (const [labels, stem] of [
    [{ __name__: 'h_bucket' }, 'h_bucket'],
    [{ __name__: '_sum' }, '_sum'],
    [{ __name__: 'h', le: '1' }, 'h'],
  ] as const) {
    const of = read(labels);
    assert.deepEqual([of.member, of.stem, of.bound], [MEMBER.plain, stem, '']);
  }
  assert.equal(read({ __name__: 'h_sum', quantile: '1' }).bound, '');
});

test('a partition that keeps groups has all series of a histogram in one place', () => {
  const places = new Map<string, Set<number>>();
  const divided = new SeriesPartition(8, (hash) => hash >>> 29, true);
  for (let pod = 0; pod < 100; pod++) {
    for (const labels of [
      { __name__: 'h_bucket', le: '1', pod: `${pod}` },
      { __name__: 'h_bucket', le: '2', pod: `${pod}` },
      { __name__: 'h_sum', pod: `${pod}` },
      { __name__: 'h_count', pod: `${pod}` },
    ]) {
      const series = new Writer().open(1).raw(encode(labels));
      const chunk = series.open(2).uint(2, 1).close().close().finish();
      const place = divided.divide(chunk, 0).findIndex((share) => share !== undefined);
      const known = places.get(`${pod}`) ?? new Set();
      places.set(`${pod}`, known.add(place));
    }
  }
  assert.ok([...places.values()].every(({ size }) => size === 1));
  const used = new Set([...places.values()].flatMap((each) => [...each]));
  assert.equal(used.size, 8, 'the hash spreads them');
});
