import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import type { RunningCollector } from '../../src/collector.ts';
import type { BoxAnswer } from './boxes.ts';
import { type BoxGateway, type BoxOptions, send, startBoxes } from './box-gateway.ts';

const running: RunningCollector[] = [];

async function boxes(options: BoxOptions): Promise<BoxGateway> {
  const gateway = await startBoxes(options);
  running.push(gateway.collector);
  return gateway;
}

after(async () => {
  await Promise.all(running.map((collector) => collector.stop(AbortSignal.abort())));
});

const BODY = '1'.padEnd(10_000);

/** Sends without a pause over `lanes` connections until `over` aborts. */
async function flood(
  port: number,
  lanes: number,
  over: AbortSignal,
): Promise<readonly BoxAnswer[]> {
  const answers: BoxAnswer[] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: lanes });
  const lane = async (): Promise<void> => {
    while (!over.aborted) answers.push(await send({ port, agent }, BODY, 'noisy'));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  agent.destroy();
  return answers;
}

/** Latencies of requests one after the other, in ascending order, and what was not accepted. */
async function probe(
  port: number,
  times: number,
): Promise<{ latencies: number[]; bad: unknown[] }> {
  const latencies: number[] = [];
  const bad: unknown[] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let index = 0; index < times; index++) {
    const start = performance.now();
    const answer = await send({ port, agent }, BODY, 'quiet');
    latencies.push(performance.now() - start);
    if (answer.outcome !== 'accepted') bad.push(answer);
  }
  agent.destroy();
  return { latencies: latencies.toSorted((a, b) => a - b), bad };
}

describe('fairness', () => {
  test('a tenant with 100 times the requests does not keep another waiting', async () => {
    const { port, collector } = await boxes({ shards: 1, burnMs: 2 });
    const over = new AbortController();
    const flooding = flood(port, 100, over.signal);
    const { latencies, bad } = await probe(port, 60);
    over.abort();
    const noisy = await flooding;
    assert.deepEqual(bad, []);
    // One after the other, the quiet tenant would wait for 100 requests of 2 ms each.
    const median = latencies[30] ?? 0;
    assert.ok(median < 60, `half of the requests took more than ${median} ms`);
    const received = (tenant: string): number =>
      collector.metrics.sum('tenant_received_items', { tenant });
    assert.equal(received('quiet'), 60);
    assert.equal(received('noisy'), noisy.length);
  });

  test('a tenant that fills its share is refused by name, and no other is', async () => {
    const { port, collector } = await boxes({
      shards: 1,
      burnMs: 2,
      maxBytes: 400_000,
      tenantShare: 0.5,
    });
    const over = new AbortController();
    const flooding = flood(port, 40, over.signal);
    const { bad } = await probe(port, 40);
    over.abort();
    const noisy = await flooding;
    assert.deepEqual(bad, []);
    const refused = noisy.filter(({ outcome }) => outcome !== 'accepted');
    assert.ok(refused.length > 0);
    assert.ok(refused.every(({ reason }) => reason === 'tenant_memory_budget'));
    const counted = (tenant: string): number =>
      collector.metrics.sum('admission_refused_requests', { tenant });
    assert.equal(counted('noisy'), refused.length);
    assert.equal(counted('quiet'), 0);
  });
});
