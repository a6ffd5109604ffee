import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { payloadOf } from '../../bench/load/payload.ts';
import { Sink } from '../../bench/systems/processes.ts';
import { eventually, freePorts, valueOf } from '../ends/gateway.ts';
import { assertBalanced, booksOf } from './ends/books.ts';
import type { Lane } from './ends/lanes.ts';
import { Scene, yamlOf } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 512, itemBytes: 400 } as const;
const STREAMS = 24;
const BODIES = 150;

/** Sends every body once, compressed, over lanes that share one connection. */
async function sendAll(lanes: readonly Lane[], first: number): Promise<number> {
  const payload = payloadOf(SHAPE);
  const bodies = Array.from({ length: BODIES }, (_, index) => {
    payload.number(first + index * SHAPE.items, Date.now());
    return gzipSync(payload.bytes, { level: 1 });
  });
  let refused = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
        const heard = await lane.send(body);
        if (heard.code === 0) continue;
        refused += 1;
      }
    }),
  );
  return refused;
}

for (const transport of ['tcp', 'unix'] as const) {
  test(`one ${transport} connection with all the load over 2 shards: work is handed over, the data is complete and nothing comes twice`, async (t) => {
    const scene = new Scene(t);
    const sink = await Sink.start();
    scene.atEnd(() => sink.stop());
    await sink.reset(true);
    const folder = mkdtempSync(join(tmpdir(), 'millrace-socket-'));
    scene.atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'otlp.sock');
    const [http = 0, grpc = 0, metrics = 0] = await freePorts(3);
    let yaml = yamlOf(
      {
        exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${sink.ports.http}
    sending_queue: { queue_size: 100000 }`,
        to: 'otlp_http',
        service: '  shards: 2',
      },
      [http, grpc, metrics],
    );
    if (transport === 'unix') {
      yaml = yaml.replace(`"127.0.0.1:${grpc}"`, `"${path}", transport: unix`);
    }
    const listening = transport === 'unix' ? http : grpc;
    const { gateway, page, output } = await scene.run(yaml, { http, grpc: listening, metrics });
    const lanes = await scene.grpcLanes(STREAMS, transport === 'unix' ? path : grpc, {
      encoding: 'gzip',
    });
    const handedSoFar = async (): Promise<number> =>
      valueOf(await page(), 'millrace_handover_requests');
    let rounds = 0;
    for (; rounds < 12 && (await handedSoFar()) < 20; rounds += 1) {
      assert.equal(await sendAll(lanes, rounds * BODIES * SHAPE.items), 0);
    }
    const total = rounds * BODIES * SHAPE.items;
    const text = await page();
    const requests = valueOf(text, 'millrace_handover_requests');
    t.diagnostic(`${requests} of ${rounds * BODIES} requests were handed over`);
    assert.ok(requests >= 20, output());
    await eventually(
      async () => (await sink.report()).items >= total,
      () => `items of ${total} are missing`,
    );
    const seen = await sink.settled(200);
    assert.equal(seen.distinct, total);
    assert.equal(seen.duplicates, 0);
    assert.equal(await sink.missing([[0, total]]), 0);
    const books = booksOf(await page(), 'otlp_http', 'traces');
    assertBalanced(books, 'otlp_http');
    assert.equal(books.sent, total);
    const end = await page();
    assert.equal(valueOf(end, 'millrace_receiver_accepted_spans'), total);
    assert.equal(valueOf(end, 'millrace_handover_lost_requests'), 0);
    const handed = valueOf(end, 'millrace_handover_requests');
    const bytes = valueOf(end, 'millrace_handover_bytes');
    assert.ok(bytes > handed * 1000, `what is handed over is whole requests: ${bytes} bytes`);
    assert.equal(await gateway.stop(), 0);
  });
}
