import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import { reflection } from '../reflection.ts';
import { readRemoteWrite1 } from './remote-write-1.ts';
import { readRemoteWrite2 } from './remote-write-2.ts';
import { ExpansionError } from './symbols.ts';

const root = protobuf.Root.fromJSON(reflection());
root.add(new protobuf.Type('Wrapper').add(new protobuf.Field('series', 1, 'bytes')));
const encode = (type: string, value: object) =>
  new Uint8Array(root.lookupType(type).encode(value).finish());

/** Milliseconds of CPU that `work` takes on this thread. */
function cpuMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

const MANY = 40_000;
const BAD = Array.from({ length: MANY }, () => ({ schema: 9 }));
const NAMES = Array.from({ length: MANY }, (_, i) => `label_${String(i).padStart(6, '0')}`);

test('a series of very many labels and very many faults costs no more than its bytes', () => {
  const labels = ['__name__', ...NAMES].map((name) => ({ name, value: 'v' }));
  const one = encode('Request', { timeseries: [{ labels, histograms: BAD }] });
  const symbols = ['', 'v', '__name__', ...NAMES];
  const refs = [2, 1, ...NAMES.flatMap((_, i) => [i + 3, 1])];
  const series = [{ labels_refs: refs, histograms: BAD }];
  const two = encode('Request2', { symbols, timeseries: series });
  const spent = cpuMs(() => {
    assert.equal(readRemoteWrite1(one).refused?.items, MANY);
    assert.equal(readRemoteWrite2(two, 1 << 24).refused?.items, MANY);
  });
  assert.ok(spent < 1500, `${spent} ms`);
});

test('long symbols that many series refer to in vain are bounded like those that are taken', () => {
  const long = 'x'.repeat(1 << 20);
  const symbols = ['', `${long}a`, `${long}b`, 'v'];
  const timeseries = Array.from({ length: 10_000 }, () => ({
    labels_refs: [2, 3, 1, 3],
    samples: [{ value: 1 }],
  }));
  const request = encode('Request2', { symbols, timeseries });
  const spent = cpuMs(() => {
    assert.throws(() => readRemoteWrite2(request, 1 << 24), ExpansionError);
  });
  assert.ok(spent < 1500, `${spent} ms`);
});

test('tables of empty symbols and series of empty labels are cut off before they take memory', () => {
  const symbols = new Uint8Array(8 << 20);
  for (let at = 0; at < symbols.length; at += 2) symbols[at] = 0x22;
  assert.throws(() => readRemoteWrite2(symbols, 1 << 24), /more than 1048576 symbols/);
  const labels = new Uint8Array(1 << 20);
  for (let at = 0; at < labels.length; at += 2) labels[at] = 0x0a;
  const one = encode('Wrapper', { series: labels });
  assert.equal(readRemoteWrite1(one).refused?.reason, 'too_many_labels');
  const refs = encode('Request2', {
    symbols: ['a'],
    timeseries: [
      { labels_refs: Array.from({ length: 200_000 }, () => 0), samples: [{ value: 1 }] },
    ],
  });
  assert.equal(readRemoteWrite2(refs, 1 << 24).refused?.reason, 'too_many_labels');
});
