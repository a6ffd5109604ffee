import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payloadOf } from '../../bench/load/payload.ts';
import { eventually, valueOf } from '../ends/gateway.ts';
import { watchMemory } from './ends/books.ts';
import { Bodies, Dice } from './ends/chaos.ts';
import { attackGrpc } from './ends/chaos-grpc.ts';
import { type Attack, attackHttp } from './ends/chaos-http.ts';
import { LONG, Scene } from './ends/scene.ts';

const ATTACKS = LONG ? 20_000 : 2000;
const AT_ONCE = 16;
const MAX_RSS_MIB = 512;
const SEED = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1e9);

test(`${ATTACKS} wrong requests over HTTP and gRPC: the process stays up, never answers 500, memory is bounded, refusals are counted, a valid request is served afterwards`, async (t) => {
  t.diagnostic(`MILLRACE_SEED=${SEED}`);
  const scene = new Scene(t);
  const backend = await scene.backend();
  const { gateway, http, grpc, page, output } = await scene.gateway({
    exporters: `  otlp_http: { endpoint: "http://127.0.0.1:${backend.http}" }`,
    to: 'otlp_http',
    service: '  shards: 2\n  admission: { max_bytes: 64MiB }',
    http: 'read_header_timeout: 1s, read_timeout: 2s, idle_timeout: 2s',
  });
  const memory = watchMemory(gateway.pid);
  scene.atEnd(() => memory.stop());
  const dice = new Dice(SEED);
  const bodies = new Bodies(dice);
  const broken: Attack[] = [];
  const statuses = new Map<string, number>();
  let left = ATTACKS;
  const attacker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const overGrpc = dice.whole(5) < 2;
      const attack = await (overGrpc
        ? attackGrpc(grpc, dice, bodies)
        : attackHttp(http, dice, bodies));
      const status = statusOf(attack);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === '500') broken.push(attack);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, attacker));
  assert.equal(gateway.output().includes('"level":"error"'), false, output());
  t.diagnostic(
    `peak ${memory.peak().toFixed(0)} MiB; ${JSON.stringify(Object.fromEntries(statuses))}`,
  );
  assert.deepEqual(broken, [], output());
  assert.ok(memory.peak() < MAX_RSS_MIB, `${memory.peak()} MiB`);

  const payload = payloadOf({ signal: 'traces', items: 20, itemBytes: 400 });
  const [overHttp] = scene.httpLanes(1, http);
  const [overGrpc] = await scene.grpcLanes(1, grpc);
  assert.ok(overHttp && overGrpc);
  payload.number(1_000_000, Date.now());
  assert.equal((await overHttp.send(payload.bytes)).status, 200);
  payload.number(2_000_000, Date.now());
  assert.equal((await overGrpc.send(payload.bytes)).code, 0);
  const valid = [
    [1_000_000, 1_000_020],
    [2_000_000, 2_000_020],
  ] as const;
  await eventually(
    () => backend.numbers.missing(valid) === 0,
    () => output(),
  );

  let text = '';
  await eventually(
    async () => {
      text = await page();
      return valueOf(text, 'millrace_admission_held_bytes') === 0;
    },
    () => `${valueOf(text, 'millrace_admission_held_bytes')} bytes are held for ever`,
  );
  const reasons = new Map<string, number>();
  for (const line of text.split('\n')) {
    const reason = /^millrace_admission_refused_requests\{.*reason="(\w+)"/.exec(line)?.[1];
    if (reason === undefined) continue;
    reasons.set(reason, (reasons.get(reason) ?? 0) + Number(line.split(' ').at(-1)));
  }
  t.diagnostic(`refused: ${JSON.stringify(Object.fromEntries(reasons))}`);
  for (const reason of ['malformed_protobuf', 'malformed_json', 'malformed_http', 'client_gone']) {
    assert.ok(reasons.has(reason), `${reason} is counted`);
  }
  assert.equal(valueOf(text, 'millrace_shard_restarts'), 0);
  assert.equal(await gateway.stop(), 0);
});

/** The status an attack was answered with; 500 for everything that says a bug was met. */
function statusOf({ answer }: Attack): string {
  const grpc = /^grpc-status: (\d+)/m.exec(answer)?.[1];
  if (grpc !== undefined) return /internal error/.test(answer) ? '500' : `grpc ${grpc}`;
  const status = /(?:^|\r\n)HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
  return status ?? /^:status: (\d+)/m.exec(answer)?.[1] ?? 'none';
}
