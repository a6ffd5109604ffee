import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OTHER, type SeriesAnnouncement, ShardMetrics } from './shard-metrics.ts';

function recorded(seriesPerName?: number) {
  const announced: SeriesAnnouncement[] = [];
  const metrics = new ShardMetrics(0, (message) => announced.push(message), seriesPerName);
  return { announced, metrics };
}

function cellOf({ memory, slot }: SeriesAnnouncement): number | undefined {
  assert(memory !== undefined);
  return new Float64Array(memory)[slot];
}

test('the same name and labels answer the same instrument, in whatever order the labels come', () => {
  const { announced, metrics } = recorded();
  const first = metrics.meter({ receiver: 'otlp' }).counter('requests', 'h', { transport: 'grpc' });
  const again = metrics.meter({ transport: 'grpc' }).counter('requests', 'h', { receiver: 'otlp' });
  assert.equal(first, again);
  assert.equal(announced.length, 1);
});

test('a series is announced once, with its page only when the page is new', () => {
  const { announced, metrics } = recorded();
  const meter = metrics.meter();
  meter.counter('first', 'a').add(2);
  meter.gauge('second', 'b').set(5);
  const [first, second] = announced;
  assert(first !== undefined && second !== undefined);
  assert.equal(cellOf(first), 2);
  assert.equal(second.memory, undefined);
  assert.deepEqual([first.page, second.page, first.slot, second.slot], [0, 0, 0, 1]);
});

test('a histogram that does not fit the page starts the next one', () => {
  const { announced, metrics } = recorded();
  const bounds = Array.from({ length: 600 }, (_, index) => index);
  metrics.meter().histogram('one', 'h', bounds);
  metrics.meter().histogram('two', 'h', bounds);
  assert.deepEqual(
    announced.map(({ page, slot, memory }) => [page, slot, memory !== undefined]),
    [
      [0, 0, true],
      [1, 0, true],
    ],
  );
});

test('a histogram counts a value on a bound in the bucket of that bound', () => {
  const { announced, metrics } = recorded();
  const histogram = metrics.meter().histogram('sizes', 'h', [1, 10]);
  for (const value of [0, 1, 2, 10, 11]) histogram.record(value);
  const [{ memory } = {}] = announced;
  assert(memory !== undefined);
  assert.deepEqual([...new Float64Array(memory).slice(0, 4)], [2, 2, 1, 24]);
});

test('a counter never goes back', () => {
  const { announced, metrics } = recorded();
  const counter = metrics.meter().counter('items', 'h');
  for (const amount of [3, -1, Number.NaN, 0]) counter.add(amount);
  const [first] = announced;
  assert(first !== undefined);
  assert.equal(cellOf(first), 3);
});

test('labels from outside cannot make more series than the bound', () => {
  const { announced, metrics } = recorded(10);
  const meter = metrics.meter({ receiver: 'otlp' });
  for (let index = 0; index < 1000; index += 1) {
    meter.counter('refusals', 'h', { tenant: `tenant-${index}` }).add(1);
  }
  assert.equal(announced.length, 11);
  assert.deepEqual(announced[10]?.labels, { receiver: 'otlp', tenant: OTHER });
  const [{ memory } = {}] = announced;
  assert(memory !== undefined);
  assert.equal(new Float64Array(memory)[10], 990);
});

test('labels of the configuration still get their series after the bound', () => {
  const { announced, metrics } = recorded(1);
  metrics.meter({ exporter: 'a' }).counter('sent', 'h');
  metrics.meter({ exporter: 'b' }).counter('sent', 'h');
  assert.deepEqual(announced[1]?.labels, { exporter: 'b' });
});

test('a name that means two kinds is a bug and says so', () => {
  const { metrics } = recorded();
  metrics.meter().counter('items', 'h');
  assert.throws(
    () => metrics.meter().gauge('items', 'h'),
    /metric items is a counter, not a gauge/,
  );
});
