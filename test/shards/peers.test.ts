import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { RunningCollector } from '../../src/collector.ts';
import { eventually } from '../ends/gateway.ts';
import { type BoxOptions, startBoxes } from './box-gateway.ts';

const running: RunningCollector[] = [];

async function boxes(options: BoxOptions) {
  const gateway = await startBoxes(options);
  running.push(gateway.collector);
  return gateway;
}

after(async () => {
  await Promise.all(running.map((collector) => collector.stop(AbortSignal.abort())));
});

/** What the other shards answer to a box that asks them; shard 0 alone has the port. */
async function ask(port: number, question: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/${question}`);
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

describe('peers', () => {
  test('a component asks itself in all other shards, and bytes come with the answers', async () => {
    const { port } = await boxes({ shards: 3, reusePort: false });
    assert.deepEqual(await ask(port, 'who'), [
      ['who 1', [1, 7]],
      ['who 2', [2, 7]],
    ]);
  });

  test('with one shard there are no peers', async () => {
    const { port } = await boxes({ shards: 1 });
    assert.equal(await ask(port, 'who'), undefined);
  });

  test('who fails, hangs or is dead has no answer, and the others do', async () => {
    const { collector, port, lines } = await boxes({ shards: 2, reusePort: false });
    assert.deepEqual(await ask(port, 'fail'), []);
    assert.deepEqual(await ask(port, 'hang'), []);
    const hanging = ask(port, 'hang');
    await collector.shards[1]?.kill();
    assert.deepEqual(await hanging, []);
    await eventually(
      () => collector.shards[1]?.ready === true,
      () => lines.join(''),
    );
    assert.deepEqual(await ask(port, 'who'), [['who 1', [1, 7]]]);
  });
});

describe('reports', () => {
  test('what components show is on the status server, from all shards together', async () => {
    const { collector } = await boxes({ shards: 2, adminAddress: '127.0.0.1:0' });
    const base = `http://127.0.0.1:${collector.adminPort}`;
    const response = await fetch(`${base}/api/v1/targets`);
    const answer = (await response.json()) as { data: { activeTargets: unknown[] } };
    assert.deepEqual(answer.data.activeTargets, [
      { scrapePool: 'boxes', scrapeUrl: 'box 0' },
      { scrapePool: 'boxes', scrapeUrl: 'box 1' },
    ]);
    const page = await (await fetch(`${base}/targets`)).text();
    assert.match(page, /<h2>boxes \(0 of 2 up\)<\/h2>/);
  });

  test('a shard that is gone is said to be missing, and the page comes all the same', async () => {
    const { collector } = await boxes({ shards: 2, adminAddress: '127.0.0.1:0' });
    await collector.shards[1]?.kill();
    const url = `http://127.0.0.1:${collector.adminPort}/api/v1/targets`;
    const answer = (await (await fetch(url)).json()) as { warnings: string[] };
    assert.match(answer.warnings[0] ?? '', /shards 1 did not answer/);
  });
});
