import assert from 'node:assert/strict';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import type { RunningCollector } from '../../src/collector.ts';
import { eventually, freePorts } from '../ends/gateway.ts';
import { type BoxOptions, send, startBoxes } from './box-gateway.ts';

const running: RunningCollector[] = [];

async function boxes(options: BoxOptions) {
  const gateway = await startBoxes(options);
  running.push(gateway.collector);
  return gateway;
}

after(async () => {
  await Promise.all(running.map((collector) => collector.stop(AbortSignal.abort())));
});

describe('shards', () => {
  test('what one shard accepts arrives, and a stop delivers the rest first', async () => {
    const { collector, port } = await boxes({ shards: 1 });
    for (let number = 1; number <= 10; number++) {
      const answer = await send({ port }, String(number));
      assert.equal(answer.outcome, 'accepted');
    }
    await collector.stop();
    assert.equal(collector.metrics.value('tally_sum', { exporter: 'tally' }), 55);
    assert.equal(collector.metrics.sum('receiver_accepted_log_records'), 10);
    assert.equal(collector.metrics.sum('exporter_accepted_items'), 10);
    await assert.rejects(send({ port }, '1'));
  });

  test('a port that is taken is said with its address, its receiver and its holder', async () => {
    const [port = 0] = await freePorts(1);
    const holder = net.createServer();
    await new Promise<void>((resolve) => {
      holder.listen({ port, host: '127.0.0.1', reusePort: true }, resolve);
    });
    await assert.rejects(boxes({ shards: 2, port }), (error: Error) => {
      assert.match(error.message, new RegExp(`127.0.0.1:${port} for receiver box`));
      assert.match(error.message, new RegExp(`process ${process.pid} `));
      return true;
    });
    holder.close();
  });

  test('when a receiver cannot start, nothing is left running and the reason is said', async () => {
    const [port = 0] = await freePorts(1);
    // Two receivers that bind the same port, which the probe is not told of.
    await assert.rejects(
      boxes({ shards: 1, port, twice: true }),
      /cannot start receiver box\/2: .*EADDRINUSE/,
    );
    const free = net.createServer();
    await new Promise<void>((resolve, reject) => {
      free.once('error', reject);
      free.listen({ port, host: '127.0.0.1' }, resolve);
    });
    free.close();
  });

  test('a shard that dies is replaced within 2 s and counted, and the others go on', async () => {
    const { collector, port, lines } = await boxes({ shards: 2 });
    await collector.shards[0]?.kill();
    const killed = performance.now();
    await eventually(
      () => collector.shards[0]?.ready === true && collector.metrics.sum('shard_restarts') === 1,
      () => lines.join(''),
    );
    assert.ok(performance.now() - killed < 2000, `${performance.now() - killed} ms`);
    for (let index = 0; index < 20; index++) {
      assert.equal((await send({ port }, '1')).outcome, 'accepted');
    }
    assert.equal(collector.health().ready, true);
    assert.ok(lines.some((line) => line.includes('shard 0 died')));
  });

  test('what a dead shard held is dropped as shard_lost and its budget is given back', async () => {
    const { collector, port } = await boxes({ shards: 1, stall: true, maxBytes: 100_000 });
    const body = '1'.padEnd(20_000);
    for (let index = 0; index < 3; index++) {
      assert.equal((await send({ port }, body)).outcome, 'accepted');
    }
    const { metrics } = collector;
    assert.equal(metrics.sum('exporter_held_items'), 3);
    await collector.shards[0]?.kill();
    await eventually(
      () => collector.shards[0]?.ready === true,
      () => 'no replacement',
    );
    assert.equal(metrics.sum('exporter_dropped_items', { reason: 'shard_lost' }), 3);
    assert.equal(metrics.sum('exporter_held_items'), 0);
    assert.equal((await send({ port }, body)).outcome, 'accepted');
    const accepted = metrics.sum('exporter_accepted_items');
    assert.equal(accepted, 4);
  });

  test('a shard that crashes while it starts is tried again, later and later', async () => {
    const { collector, port, lines } = await boxes({ shards: 1 });
    const crash = (): Promise<unknown> => send({ port }, 'crash').catch(() => undefined);
    for (let times = 1; times <= 3; times++) {
      await crash();
      await eventually(
        () =>
          collector.metrics.sum('shard_restarts') === times && collector.shards[0]?.ready === true,
        () => lines.join(''),
      );
    }
    assert.equal((await send({ port }, '1')).outcome, 'accepted');
  });

  test('a stop reports what could not be delivered', async () => {
    const { collector, port, lines } = await boxes({
      shards: 1,
      stall: true,
      shutdownTimeoutMs: 400,
    });
    await send({ port }, '1');
    await send({ port }, '2');
    await collector.stop();
    assert.equal(collector.metrics.sum('exporter_dropped_items', { reason: 'shutdown' }), 2);
    assert.ok(
      lines.some((line) => line.includes('"dropped_items":2')),
      lines.join(''),
    );
  });
});
