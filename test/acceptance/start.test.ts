import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { freePorts } from '../ends/gateway.ts';
import { runProgram } from './ends/program.ts';
import { Scene, yamlOf } from './ends/scene.ts';

const EXPORTERS = '  otlp_http: { endpoint: "http://127.0.0.1:1" }';

/** Holds ports until the test is over, and counts who comes. */
async function hold(scene: Scene, ports: readonly number[]): Promise<{ connections: number }> {
  const seen = { connections: 0 };
  for (const port of ports) {
    const server = createServer((socket) => {
      seen.connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
    scene.atEnd(() => server.close());
  }
  return seen;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

for (const shards of [1, 2]) {
  test(`a port that is taken stops a start with ${shards} shard(s): address, receiver and holder are named, the code is not 0`, async (t) => {
    const ports = await freePorts(3);
    const [http = 0, grpc = 0] = ports;
    await hold(new Scene(t), [http, grpc]);
    const service = `  shards: ${shards}`;
    const yaml = yamlOf({ exporters: EXPORTERS, to: 'otlp_http', service }, ports);
    const { code, err } = await runProgram('run', yaml);
    assert.notEqual(code, 0);
    assert.notEqual(code, null, `it went on: ${err}`);
    for (const port of [http, grpc]) {
      assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} for receiver otlp`));
    }
    assert.match(err, new RegExp(`process ${process.pid} `));
    assert.doesNotMatch(err, /\n {4}at /, 'no stack trace');
  });
}

test('a port of the self-metrics that is taken is named, and the code is not 0', async (t) => {
  const ports = await freePorts(3);
  await hold(new Scene(t), [ports[2] ?? 0]);
  const yaml = yamlOf({ exporters: EXPORTERS, to: 'otlp_http' }, ports);
  const { code, err } = await runProgram('run', yaml);
  assert.notEqual(code, 0);
  assert.notEqual(code, null, `it went on: ${err}`);
  assert.match(err, new RegExp(`127\\.0\\.0\\.1:${ports[2]}`));
});

const mistaken = ([http = 0, grpc = 0, metrics = 0]: readonly number[]): string => `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${grpc}", max_recv_msg_size: 4 }
      http: { endpoint: "127.0.0.1:${http}" }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:1
    timeout: 10
    sending_queue: { queue_size: -1 }
  otlp_htttp/eu: {}
service:
  shard: 2
  telemetry: { metrics: { address: "127.0.0.1:${metrics}" } }
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlp_http, nowhere] }
    trace: { receivers: [otlp], exporters: [otlp_http] }
`;

const MISTAKES: readonly (readonly [number, RegExp])[] = [
  [5, /max_recv_msg_size/],
  [10, /timeout/],
  [11, /queue_size/],
  [12, /otlp_htttp/],
  [14, /shard/],
  [17, /batch/],
  [17, /nowhere/],
  [18, /trace\b/],
];

for (const command of ['run', 'validate']) {
  test(`${command} with an invalid configuration: every mistake at once, each with its line, and nothing is bound`, async () => {
    const ports = await freePorts(3);
    let bound = 0;
    const { code, out, err } = await runProgram(command, mistaken(ports), async () => {
      const answers = await Promise.all(ports.map(accepts));
      bound += answers.filter(Boolean).length;
    });
    assert.notEqual(code, 0);
    assert.notEqual(code, null, 'it went on');
    assert.equal(bound, 0);
    const lines = (out + err).split('\n');
    for (const [line, what] of MISTAKES) {
      const place = new RegExp(`:${line}(:|\\b)`);
      assert.ok(
        lines.some((text) => place.test(text) && what.test(text)),
        `line ${line} ${String(what)}: ${out}${err}`,
      );
    }
  });
}

test('validate binds nothing and contacts nobody: it passes while others hold all ports', async (t) => {
  const [http = 0, grpc = 0, metrics = 0, backend = 0] = await freePorts(4);
  const seen = await hold(new Scene(t), [http, grpc, metrics, backend]);
  const exporters = `
  otlp_http: { endpoint: "http://127.0.0.1:${backend}" }
  otlp_grpc: { endpoint: "127.0.0.1:${backend}", tls: { insecure: true } }`;
  const yaml = yamlOf({ exporters, to: 'otlp_http, otlp_grpc' }, [http, grpc, metrics]);
  const { code, out, err } = await runProgram('validate', yaml);
  assert.equal(code, 0, out + err);
  assert.equal(seen.connections, 0);
});
