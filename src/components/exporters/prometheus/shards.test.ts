import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import type { PeerAnswer, Peers } from '../../../contract/context.ts';
import {
  chunkOf,
  histogram,
  OPEN_METRICS,
  series,
  serving,
  typed,
  untyped,
} from './fixture.test.ts';

/** Shards that ask each other as threads would: what they say is cloned, bytes are moved. */
function company(count: number): {
  readonly peers: readonly Peers[];
  readonly silent: Set<number>;
} {
  const answers = new Map<number, (question: unknown) => Promise<PeerAnswer>>();
  const silent = new Set<number>();
  const peers = Array.from(
    { length: count },
    (_, index): Peers => ({
      onQuestion: (answer) => void answers.set(index, answer),
      ask: async (question) => {
        const asked = [...answers].filter(([other]) => other !== index && !silent.has(other));
        return Promise.all(
          asked.map(async ([, answer]) => {
            const said = await answer(structuredClone(question));
            return structuredClone(said, { transfer: said.bytes.map(({ buffer }) => buffer) });
          }),
        );
      },
    }),
  );
  return { peers, silent };
}

const shard = (index: number, peers: Peers) => ({ shard: { index, count: 3 }, peers });

test('a page has the series of all shards, each family in one place', async (t) => {
  const { peers } = company(3);
  const shards = await Promise.all(
    peers.map((one, index) => serving(t, { enable_open_metrics: true }, shard(index, one))),
  );
  const gauge = typed(2, 'h');
  await shards[0]!.take([series('m', { i: '0' }, 1, gauge), series('a', {}, 1, gauge)]);
  await shards[1]!.take([series('m', { i: '1' }, 1, gauge)]);
  await shards[2]!.take([
    ...histogram('h', {}, { '1': 1, '+Inf': 2 }),
    series('m', { i: '2' }, 1, gauge),
  ]);
  const expected = [
    '# HELP a h',
    '# TYPE a gauge',
    'a 1',
    '# HELP h how long',
    '# TYPE h histogram',
    'h_bucket{le="1"} 1',
    'h_bucket{le="+Inf"} 2',
    'h_sum 1',
    'h_count 2',
    '# HELP m h',
    '# TYPE m gauge',
  ];
  for (const [index, one] of shards.entries()) {
    const lines = await one.lines('', 'comments');
    assert.deepEqual(lines.slice(0, -3), expected, `shard ${index}`);
    assert.deepEqual(lines.slice(-3).toSorted(), ['m{i="0"} 1', 'm{i="1"} 1', 'm{i="2"} 1']);
  }
  const open = await shards[1]!.lines(OPEN_METRICS, 'comments');
  assert.deepEqual(open.slice(-1), ['# EOF']);
});

test('metadata that came to one shard is known to the others', async (t) => {
  const { peers } = company(3);
  const shards = await Promise.all(peers.map((one, index) => serving(t, {}, shard(index, one))));
  await shards[0]!.take(untyped(histogram('h', {}, { '+Inf': 2 })));
  await shards[1]!.takeChunk(chunkOf([series('x')], [{ type: 3, metric_family_name: 'h' }]));
  for (const one of shards)
    assert.equal((await one.lines('', 'comments'))[0], '# TYPE h histogram');
});

test('a page that lacks the series of a shard is not shown', async (t) => {
  const { peers, silent } = company(3);
  const shards = await Promise.all(peers.map((one, index) => serving(t, {}, shard(index, one))));
  silent.add(2);
  const answer = await shards[0]!.ask();
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /1 of the other shards did not answer/);
  silent.clear();
  assert.equal((await shards[0]!.ask()).status, 200);
});

test('scrapes at the same time share a page, and slow ones hold a few at most', async (t) => {
  const { take, url, ask, counts } = await serving(t);
  // More than the buffers of a connection take.
  const text = 'x'.repeat(2000);
  const many = Array.from({ length: 8000 }, (_, index) => series('m', { index: `${index}`, text }));
  await take(many);
  const together = await Promise.all(Array.from({ length: 8 }, () => ask()));
  const pages = await Promise.all(together.map(async (one) => (await one.text()).length));
  assert.equal(new Set(pages).size, 1);
  const { port, hostname } = new URL(url);
  const slow: net.Socket[] = [];
  t.after(() => {
    for (const socket of slow) socket.destroy();
  });
  for (let i = 0; i < 4; i++) {
    const socket = net.connect(Number(port), hostname);
    slow.push(socket);
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'readable');
  }
  const refused = await ask();
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /too many pages/);
  assert.equal(counts.get('exporter_scrapes refused'), 1);
  const closed = slow.map((socket) => once(socket, 'close'));
  for (const socket of slow) socket.destroy();
  await Promise.all(closed);
  while ((await ask()).status !== 200) await new Promise((resolve) => setImmediate(resolve));
});
