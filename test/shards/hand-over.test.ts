import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import type { RunningCollector } from '../../src/collector.ts';
import { eventually } from '../ends/gateway.ts';
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

/** Requests one after the other over `lanes` connections for `ms`; the answers in order. */
async function drive(
  gateway: BoxGateway,
  ms: number,
  lanes: number,
): Promise<{ answers: BoxAnswer[]; sum: number }> {
  const answers: BoxAnswer[] = [];
  const until = performance.now() + ms;
  let next = 0;
  let sum = 0;
  const agent = new http.Agent({ keepAlive: true, maxSockets: lanes });
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const number = ++next;
      const answer = await send({ port: gateway.port, agent }, String(number).padEnd(1000));
      answers.push(answer);
      if (answer.outcome === 'accepted') sum += number;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  agent.destroy();
  return { answers, sum };
}

function decodedBy(answers: readonly BoxAnswer[], shard: number): number {
  return answers.filter(({ decoded }) => decoded === shard).length;
}

describe('hand-over', () => {
  test('where ports cannot be shared shard 0 listens alone and a saturated one shares its work', async () => {
    const gateway = await boxes({ shards: 2, burnMs: 3, reusePort: false });
    const { answers, sum } = await drive(gateway, 3000, 8);
    const { metrics } = gateway.collector;
    assert.ok(answers.every(({ outcome, received }) => outcome === 'accepted' && received === 0));
    const away = decodedBy(answers, 1);
    assert.equal(metrics.sum('handover_requests'), away);
    const late = answers.slice(-200);
    const share = decodedBy(late, 1) / late.length;
    assert.ok(share > 0.25 && share < 0.75, `share at the end is ${share}`);
    const isEmpty = async (): Promise<boolean> => {
      await metrics.text();
      return metrics.value('admission_held_bytes') === 0;
    };
    await eventually(isEmpty, () => `${metrics.value('admission_held_bytes')} bytes are held`);
    await gateway.collector.stop();
    assert.equal(metrics.value('tally_sum', { exporter: 'tally' }), sum);
    assert.equal(metrics.sum('tally_count'), answers.length);
    assert.equal(metrics.sum('receiver_accepted_log_records'), answers.length);
  });

  test('a shard that is not saturated hands nothing over', async () => {
    const gateway = await boxes({ shards: 2, reusePort: false });
    for (let index = 0; index < 50; index++) {
      assert.equal((await send({ port: gateway.port }, '1')).decoded, 0);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(gateway.collector.metrics.sum('handover_requests'), 0);
  });

  test('requests handed to a shard that dies are answered retry, never success', async () => {
    const gateway = await boxes({ shards: 2, burnMs: 3, reusePort: false });
    const { metrics } = gateway.collector;
    const before = drive(gateway, 3000, 16);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (metrics.sum('handover_requests') < 100) return;
        clearInterval(timer);
        resolve();
      }, 5);
    });
    await gateway.collector.shards[1]?.kill();
    const { answers } = await before;
    const lost = answers.filter(({ reason }) => reason === 'shard_lost');
    assert.ok(answers.every((answer) => answer.outcome === 'accepted' || lost.includes(answer)));
    assert.ok(lost.every(({ outcome, afterMs }) => outcome === 'retry' && afterMs !== undefined));
    assert.equal(metrics.sum('handover_lost_requests'), lost.length);
    assert.ok(lost.length > 0, 'some were outstanding');
    await gateway.collector.stop();
    // The answer may die with the shard, never the other way round.
    const accepted = answers.length - lost.length;
    const books = metrics.sum('exporter_sent_log_records') + metrics.sum('exporter_dropped_items');
    assert.ok(books >= accepted && books <= answers.length, `${books} of ${accepted}`);
  });

  test('after the death of a peer its successor takes work again', async () => {
    const gateway = await boxes({ shards: 2, burnMs: 3, reusePort: false });
    await gateway.collector.shards[1]?.kill();
    const { answers } = await drive(gateway, 2500, 8);
    assert.ok(decodedBy(answers, 1) > 0);
  });
});
