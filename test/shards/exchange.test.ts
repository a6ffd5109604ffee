import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test, type TestContext } from 'node:test';
import { type RunningCollector, runCollector } from '../../src/collector.ts';
import { loadConfig } from '../../src/engine/config/load.ts';
import { registry } from '../../src/registry.ts';
import { eventually, freePorts } from '../ends/gateway.ts';
import { post, SeriesSink, writeRequest } from '../ends/series.ts';

interface Stand {
  readonly sink: SeriesSink;
  readonly collector: RunningCollector;
  /** Connections to the gateway, of which each shard has some. */
  readonly agents: readonly http.Agent[];
  readonly port: number;
}

const CONNECTIONS = 8;

const PIPELINE = '      exporters: [prometheus_remote_write]';

/** Remote-write in, remote-write out, through two shards; settings are added to the exporter and the pipeline. */
async function stand(t: TestContext, exporter: string, pipeline = PIPELINE): Promise<Stand> {
  const sink = await new SeriesSink().start();
  const [port = 0] = await freePorts(1);
  const yaml = `
receivers:
  prometheus_remote_write: { endpoint: 127.0.0.1:${port} }
exporters:
  prometheus_remote_write:
    endpoint: ${sink.url}
${exporter}
  nop: {}
service:
  shards: 2
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    metrics:
      receivers: [prometheus_remote_write]
${pipeline}
`;
  const config = await loadConfig({ uris: [`yaml:${yaml}`] }, registry);
  const collector = await runCollector(config, registry, { write: () => undefined });
  const agents = Array.from(
    { length: CONNECTIONS },
    () => new http.Agent({ keepAlive: true, maxSockets: 1 }),
  );
  t.after(async () => {
    for (const agent of agents) agent.destroy();
    await collector.stop(AbortSignal.abort());
    await sink.close();
  });
  return { sink, collector, agents, port };
}

const IDS = Array.from({ length: 50 }, (_, index) => `s${index}`);

describe('the exchange', () => {
  test('keeps the order of every series, whichever shards its requests went to', async (t) => {
    const { sink, collector, agents, port } = await stand(
      t,
      '    sending_queue: { num_consumers: 1 }',
    );
    const rounds = 200;
    for (let round = 1; round <= rounds; round++) {
      // The next request leaves when this one is answered, over another connection.
      const agent = agents[round % CONNECTIONS]!;
      assert.equal(await post({ port, agent }, writeRequest(IDS, round)), 204);
    }
    await eventually(
      () => sink.samples === rounds * IDS.length,
      () => `${sink.samples} samples`,
    );
    assert.deepEqual(sink.disordered, []);
    assert.equal(sink.series.size, IDS.length);
    const { metrics } = collector;
    await metrics.text();
    assert.ok(metrics.sum('exchange_items') > 0, 'both shards had requests');
    assert.equal(metrics.sum('exporter_accepted_items'), rounds * IDS.length);
    assert.equal(metrics.sum('exporter_sent_metric_points'), rounds * IDS.length);
  });

  test('has every series leave from one shard', async (t) => {
    const { sink, agents, port } = await stand(t, '    sending_queue: { num_consumers: 1 }');
    await Promise.all(
      agents.map(async (agent, lane) => {
        for (let round = 0; round < 20; round++) {
          const body = writeRequest(IDS, 1 + round * CONNECTIONS + lane);
          assert.equal(await post({ port, agent }, body), 204);
        }
      }),
    );
    await eventually(
      () => sink.samples === 20 * CONNECTIONS * IDS.length,
      () => `${sink.samples} samples`,
    );
    // With one request under way each shard keeps to one connection.
    const connections = [...sink.series.values()].map(
      (arrived) => new Set(arrived.map(({ connection }) => connection)),
    );
    assert.ok(connections.every(({ size }) => size === 1));
    assert.equal(new Set(connections.flatMap((one) => [...one])).size, 2);
  });

  test('answers retry while an owner has no room, and loses nothing that was accepted', async (t) => {
    const settings = `
    sending_queue: { num_consumers: 1, queue_size: 4 }
    retry_on_failure: { max_elapsed_time: 0s }`;
    const { sink, collector, agents, port } = await stand(t, settings);
    sink.manner = () => ({ status: 503 });
    const statuses = await Promise.all(
      agents.map((agent, lane) => post({ port, agent }, writeRequest(IDS, lane + 1))),
    );
    const more = await Promise.all(
      agents.map((agent, lane) => post({ port, agent }, writeRequest(IDS, lane + 101))),
    );
    const answers = [...statuses, ...more];
    assert.ok(answers.includes(503), answers.join(' '));
    const accepted = answers.filter((status) => status === 204).length;
    assert.ok(answers.every((status) => status === 204 || status === 503));
    sink.manner = () => ({});
    const { metrics } = collector;
    const isDone = async (): Promise<boolean> => {
      await metrics.text();
      return metrics.sum('exporter_held_items') === 0;
    };
    await eventually(isDone, () => `${metrics.sum('exporter_held_items')} items are held`);
    // What was refused may have come in part, and is counted as such.
    const repeated = metrics.sum('exchange_repeated_items');
    assert.equal(sink.samples, accepted * IDS.length + repeated);
    assert.equal(metrics.sum('exporter_sent_metric_points'), sink.samples);
    assert.equal(metrics.sum('exporter_dropped_items'), 0);
  });

  test('answers with the worst of the parts once they are delivered', async (t) => {
    const settings =
      '    sending_queue: { num_consumers: 1 }\n    retry_on_failure: { enabled: false }';
    const { sink, agents, port } = await stand(
      t,
      settings,
      `${PIPELINE}\n      acknowledge: delivered`,
    );
    const first = new Set<string>();
    sink.manner = (ids) => {
      for (const id of ids) first.add(id);
      return { status: 204 };
    };
    assert.equal(await post({ port, agent: agents[0]! }, writeRequest(IDS, 1)), 204);
    assert.equal(first.size, IDS.length, 'all parts were delivered before the answer');
    assert.equal(sink.samples, IDS.length);
    sink.manner = (ids) => ({ status: ids.includes('s0') ? 503 : 204 });
    assert.equal(await post({ port, agent: agents[0]! }, writeRequest(IDS, 2)), 503);
  });

  test('answers retry for what a dying owner had, and goes on with its successor', async (t) => {
    const { sink, collector, agents, port } = await stand(
      t,
      '    sending_queue: { num_consumers: 1 }',
    );
    let stop = false;
    let accepted = 0;
    const statuses = new Set<number>();
    const load = agents.map(async (agent, lane) => {
      for (let round = 0; !stop; round++) {
        const status = await post(
          { port, agent },
          writeRequest(IDS, 1 + round * CONNECTIONS + lane),
        );
        statuses.add(status);
        if (status === 204) accepted += 1;
      }
    });
    await eventually(
      () => accepted > 50,
      () => `${accepted} accepted`,
    );
    await collector.shards[1]?.kill();
    await eventually(
      () => collector.shards[1]?.ready === true,
      () => 'shard 1 is not back',
    );
    const before = accepted;
    await eventually(
      () => accepted > before + 50,
      () => `${accepted} accepted`,
    );
    stop = true;
    await Promise.all(load);
    assert.deepEqual(
      [...statuses].filter((status) => ![0, 204, 503].includes(status)),
      [],
    );
    await collector.stop();
    const { metrics } = collector;
    const lost = metrics.sum('exporter_dropped_items');
    assert.equal(
      metrics.sum('exporter_accepted_items'),
      metrics.sum('exporter_sent_metric_points') + lost,
    );
    assert.ok(sink.samples + lost >= accepted * IDS.length, `${sink.samples} + ${lost}`);
  });

  test('does not hold up a request for an exporter that is best effort, and counts what it lacks', async (t) => {
    const settings = `
    sending_queue: { num_consumers: 1, queue_size: 2 }`;
    const { sink, collector, agents, port } = await stand(
      t,
      settings,
      '      exporters: [prometheus_remote_write, nop]\n      best_effort: [prometheus_remote_write]',
    );
    sink.manner = () => ({ status: 503 });
    const requests = 64;
    for (let index = 0; index < requests; index++) {
      const agent = agents[index % CONNECTIONS]!;
      assert.equal(await post({ port, agent }, writeRequest(IDS, index + 1)), 204);
    }
    const { metrics } = collector;
    await metrics.text();
    const exporter = 'prometheus_remote_write';
    assert.equal(
      metrics.sum('exporter_accepted_items', { exporter }),
      requests * IDS.length,
      'every item is in the books',
    );
    assert.ok(metrics.sum('exporter_dropped_items', { exporter }) > 0);
  });
});
