import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import type { Bytes } from '../../../contract/batch.ts';
import { reflection } from '../reflection.ts';
import { SeriesRewriter } from './rewrite.ts';
import { RelabelRules } from './rules.ts';
import { rulesSettings } from './settings.ts';

const REQUEST = protobuf.Root.fromJSON(reflection()).lookupType('Request');
const CACHE_BYTES = 1 << 20;

type Labels = Record<string, string>;

/** A request as protobufjs has it. */
type Request = Record<string, Record<string, unknown>[]>;

function encode(request: Record<string, unknown>): Bytes {
  return Uint8Array.from(REQUEST.encode(REQUEST.fromObject(request)).finish());
}

function decode(bytes: Bytes): Request {
  return REQUEST.toObject(REQUEST.decode(bytes), { longs: Number }) as Request;
}

function series(labels: Labels, parts: Record<string, unknown> = {}): Record<string, unknown> {
  const list = Object.entries(labels).map(([name, value]) => ({ name, value }));
  return { labels: list, samples: [{ value: 1.5, timestamp: 1000 }], ...parts };
}

function rewriter(...rules: Record<string, unknown>[]): SeriesRewriter {
  return new SeriesRewriter(new RelabelRules(rulesSettings().parse(rules), 'utf8'), CACHE_BYTES);
}

const EVERYTHING = {
  samples: [{ value: Number.NaN, timestamp: -1, start_timestamp: 5 }],
  exemplars: [{ labels: [{ name: 'drop_me', value: 'b' }], value: 2, timestamp: 3 }],
  histograms: [{ count_int: 1, sum: 2, schema: 3, timestamp: 4 }],
  metadata: { type: 1, help: 'drop_me', unit: 's' },
};

const DROP_B = { action: 'drop', source_labels: ['a'], regex: 'b' };
const SET_C = { source_labels: ['a'], regex: 'c', target_label: 'aa', replacement: 'ü' };

test('a chunk that the rules leave alone is the chunk', () => {
  const chunk = encode({ timeseries: [series({ __name__: 'up', a: 'x' }, EVERYTHING)] });
  const rewritten = rewriter(DROP_B, SET_C, { source_labels: ['a'], target_label: 'a' });
  for (let round = 0; round < 2; round++) assert.equal(rewritten.rewrite(chunk).bytes, chunk);
  assert.deepEqual([rewritten.lookups.hits, rewritten.lookups.misses], [1, 1]);
});

test('labels that change are sorted in, everything around them stays bit by bit', () => {
  const metadata = [{ type: 1, metric_family_name: 'up', help: 'h' }];
  const before = [
    series({ __name__: 'up', a: 'x' }),
    series({ __name__: 'up', a: 'c', b: '1' }, EVERYTHING),
  ];
  const after = [before[0], series({ __name__: 'up', a: 'c', aa: 'ü', b: '1' }, EVERYTHING)];
  const chunk = encode({ timeseries: before, metadata });
  const expected = encode({ timeseries: after, metadata });
  const { bytes } = rewriter(SET_C).rewrite(chunk);
  assert.deepEqual(bytes, expected);
  assert.notEqual(bytes.buffer, chunk.buffer);
});

test('the bits of a stale marker survive', () => {
  const chunk = encode({
    timeseries: [series({ __name__: 'up', a: 'c' }, { samples: [{ value: 1, timestamp: 1 }] })],
  });
  const view = Buffer.from(chunk.buffer);
  const marker = Buffer.from('020000000000f07f', 'hex');
  marker.copy(chunk, view.indexOf(Buffer.from('000000000000f03f', 'hex')));
  assert.ok(Buffer.from(rewriter(SET_C).rewrite(chunk).bytes).includes(marker));
});

test('REL-15: rules see the name of the metric, and a series they leave without one is counted', () => {
  const chunk = encode({
    timeseries: [
      series({ __name__: 'foo_total', __tmp: 'x' }),
      series({ __name__: 'nameless', a: '1' }, EVERYTHING),
    ],
  });
  const { bytes, dropped, nameless } = rewriter(
    {
      source_labels: ['__name__'],
      regex: 'foo_(.*)',
      target_label: '__name__',
      replacement: 'bar_$1',
    },
    { source_labels: ['__name__'], regex: 'nameless', target_label: '__name__', replacement: '' },
  ).rewrite(chunk);
  assert.deepEqual([dropped, nameless], [0, 2]);
  assert.deepEqual(
    decode(bytes)['timeseries']?.map((each) => each['labels']),
    [
      [
        { name: '__name__', value: 'bar_total' },
        { name: '__tmp', value: 'x' },
      ],
    ],
  );
});

test('REL-16: a dropped series takes its exemplars, histograms and metadata with it', () => {
  const family = [{ type: 1, metric_family_name: 'up' }];
  const chunk = encode({
    timeseries: [
      series({ __name__: 'up', a: 'b' }, EVERYTHING),
      series({ __name__: 'up' }, EVERYTHING),
    ],
    metadata: family,
  });
  const { bytes, dropped } = rewriter(DROP_B).rewrite(chunk);
  assert.equal(dropped, 2);
  assert.deepEqual(
    bytes,
    encode({ timeseries: [series({ __name__: 'up' }, EVERYTHING)], metadata: family }),
  );
});

test('REL-16: labels of exemplars and metadata are not relabelled', () => {
  const chunk = encode({ timeseries: [series({ __name__: 'up', drop_me: 'b' }, EVERYTHING)] });
  const { bytes } = rewriter({ action: 'labeldrop', regex: 'drop_me' }).rewrite(chunk);
  assert.deepEqual(bytes, encode({ timeseries: [series({ __name__: 'up' }, EVERYTHING)] }));
});

test('a chunk that lies in the middle of a buffer is read in its place', () => {
  const alone = encode({ timeseries: [series({ __name__: 'up', a: 'c' })] });
  const around = new Uint8Array(alone.length + 20).fill(0xff);
  around.set(alone, 10);
  const inside = around.subarray(10, 10 + alone.length);
  assert.deepEqual(rewriter(SET_C).rewrite(inside).bytes, rewriter(SET_C).rewrite(alone).bytes);
});

test('what is remembered stays within its bytes and does not hold the chunks', () => {
  const rewritten = rewriter({ source_labels: ['a'], target_label: 'b' });
  for (let index = 0; index < 5000; index++) {
    const chunk = encode({ timeseries: [series({ __name__: 'up', a: `${index}`.padEnd(100) })] });
    rewritten.rewrite(chunk);
    assert.ok(rewritten.bytes <= CACHE_BYTES);
  }
  assert.ok(rewritten.bytes > CACHE_BYTES / 2);
});

test('long names and values, and more than one label behind the last, are written whole', () => {
  const long = 'n'.repeat(300);
  const chunk = encode({ timeseries: [series({ __name__: 'up', a: 'v'.repeat(20_000) })] });
  const { bytes } = rewriter(
    { source_labels: ['a'], target_label: long },
    { target_label: 'z', replacement: '1' },
    { target_label: 'A', replacement: '2' },
  ).rewrite(chunk);
  assert.deepEqual(
    bytes,
    encode({
      timeseries: [
        series({
          A: '2',
          __name__: 'up',
          a: 'v'.repeat(20_000),
          [long]: 'v'.repeat(20_000),
          z: '1',
        }),
      ],
    }),
  );
});
