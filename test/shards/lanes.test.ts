import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test, type TestContext } from 'node:test';
import { type RunningCollector, runCollector } from '../../src/collector.ts';
import { loadConfig } from '../../src/engine/config/load.ts';
import { registry } from '../../src/registry.ts';
import { eventually, freePorts } from '../ends/gateway.ts';
import { post, SeriesSink, writeRequest } from '../ends/series.ts';

const IDS = Array.from({ length: 60 }, (_, index) => `s${index}`);

interface Stand {
  readonly collector: RunningCollector;
  /** Posts rounds of all series, one after the other, until all are accepted; the last timestamp. */
  readonly write: (rounds: number) => Promise<number>;
}

/** One shard between a sender that keeps the order and these endpoints. */
async function stand(t: TestContext, urls: readonly string[], settings = ''): Promise<Stand> {
  const [port = 0] = await freePorts(1);
  const yaml = `
receivers:
  prometheus_remote_write: { endpoint: 127.0.0.1:${port} }
exporters:
  prometheus_remote_write:
    endpoints: [${urls.map((url) => `'${url}'`).join(', ')}]
${settings}
service:
  shards: 1
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    metrics:
      receivers: [prometheus_remote_write]
      exporters: [prometheus_remote_write]
`;
  const config = await loadConfig({ uris: [`yaml:${yaml}`] }, registry);
  const collector = await runCollector(config, registry, { write: () => undefined });
  const agent = new http.Agent({ keepAlive: true });
  t.after(async () => {
    agent.destroy();
    await collector.stop(AbortSignal.abort());
  });
  let timestamp = 0;
  const write = async (rounds: number): Promise<number> => {
    for (let round = 0; round < rounds; round++) {
      timestamp += 1;
      assert.equal(await post({ port, agent }, writeRequest(IDS, timestamp)), 204);
    }
    return timestamp;
  };
  return { collector, write };
}

async function sinkFor(t: TestContext, port = 0): Promise<SeriesSink> {
  const sink = await new SeriesSink().start(port);
  t.after(() => sink.close());
  return sink;
}

describe('several requests at once', () => {
  test('never have a series twice, and every series arrives in order', async (t) => {
    const sink = await sinkFor(t);
    sink.manner = () => ({ delayMs: 20 });
    // Requests of a few series, so that more waits than one of them holds.
    const { write } = await stand(t, [sink.url], '    max_batch_size_bytes: 2000');
    const rounds = await write(100);
    await eventually(
      () => sink.samples === rounds * IDS.length,
      () => `${sink.samples} samples`,
    );
    assert.deepEqual(sink.disordered, []);
    assert.deepEqual([...sink.clashes], []);
    assert.ok(sink.mostUnderWay > 1 && sink.mostUnderWay <= 5, `${sink.mostUnderWay} at once`);
  });

  test('hold up only the series of their own lane while they are repeated', async (t) => {
    const sink = await sinkFor(t);
    sink.manner = (ids) => ({ status: ids.includes('s0') ? 503 : 204 });
    const { collector, write } = await stand(t, [sink.url]);
    await write(20);
    const late = () => IDS.filter((id) => sink.series.get(id)?.length !== 20);
    await eventually(
      () => late().length < IDS.length / 2,
      () => `${late().length} series wait`,
    );
    assert.ok(late().includes('s0'));
    sink.manner = () => ({});
    await eventually(
      () => late().length === 0,
      () => `${late().length} series wait`,
    );
    assert.deepEqual(sink.disordered, []);
    await collector.stop();
    assert.equal(collector.metrics.sum('exporter_sent_metric_points'), 20 * IDS.length);
    assert.equal(collector.metrics.sum('exporter_dropped_items'), 0);
  });

  test('what waits behind a request that is given up is not repeated as long again', async (t) => {
    const sink = await sinkFor(t);
    sink.manner = (ids) => ({ status: ids.includes('s0') ? 503 : 204 });
    const { collector, write } = await stand(
      t,
      [sink.url],
      `    max_batch_size_bytes: 2000
    retry_on_failure: { initial_interval: 50ms, max_interval: 100ms, max_elapsed_time: 2s }`,
    );
    await write(30);
    const since = performance.now();
    const { metrics } = collector;
    const isDone = async (): Promise<boolean> => {
      await metrics.text();
      return metrics.sum('exporter_held_items') === 0;
    };
    await eventually(isDone, () => `${metrics.sum('exporter_held_items')} items are held`);
    assert.ok(performance.now() - since < 6000, `${performance.now() - since} ms`);
    assert.equal(sink.series.get('s0'), undefined);
    const dropped = metrics.sum('exporter_dropped_items', { reason: 'retry_expired' });
    assert.equal(sink.samples + dropped, 30 * IDS.length);
  });
});

describe('several endpoints', () => {
  test('have each its share of the series, and no other has any of it', async (t) => {
    const sinks = [await sinkFor(t), await sinkFor(t), await sinkFor(t)];
    const { write } = await stand(
      t,
      sinks.map(({ url }) => url),
    );
    await write(10);
    const samples = () => sinks.reduce((sum, sink) => sum + sink.samples, 0);
    await eventually(
      () => samples() === 10 * IDS.length,
      () => `${samples()} samples`,
    );
    for (const sink of sinks) assert.ok(sink.series.size > 5, `${sink.series.size} of 60 series`);
    assert.equal(
      sinks.reduce((sum, { series }) => sum + series.size, 0),
      IDS.length,
    );
  });

  test('take over the series of one that is down, and give them back in order', async (t) => {
    const [first, second] = [await sinkFor(t), await sinkFor(t)];
    const { port } = first;
    const { collector, write } = await stand(
      t,
      [first.url, second.url],
      '    rehash_after: 500ms\n    retry_on_failure: { max_elapsed_time: 0s }',
    );
    await write(5);
    await eventually(
      () => first.samples + second.samples === 5 * IDS.length,
      () => 'the first rounds have not arrived',
    );
    const own = new Set(first.series.keys());
    const others = IDS.filter((id) => !own.has(id));
    await first.close();
    await write(5);
    // The series of the other endpoint do not wait.
    await eventually(
      () => others.every((id) => second.series.get(id)?.length === 10),
      () => 'series of the other endpoint wait',
    );
    await eventually(
      () => [...own].every((id) => second.series.get(id)?.length === 5),
      () => 'the series of the dead endpoint were not taken over',
    );
    const back = await sinkFor(t, port);
    await eventually(
      async () => {
        await write(1);
        return [...own].every((id) => back.series.has(id));
      },
      () => `${back.series.size} of ${own.size} series are back`,
    );
    const last = await write(1);
    await eventually(
      () => [...own].every((id) => back.series.get(id)?.at(-1)?.timestamp === last),
      () => 'the last round has not arrived',
    );
    for (const sink of [first, second, back]) {
      assert.deepEqual(sink.disordered, []);
      assert.deepEqual([...sink.clashes], []);
    }
    await collector.stop();
    const arrived = first.samples + second.samples + back.samples;
    assert.equal(arrived, last * IDS.length);
    assert.equal(collector.metrics.sum('exporter_sent_metric_points'), arrived);
  });
});
