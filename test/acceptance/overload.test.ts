import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LoadOrder } from '../../bench/load/generator.ts';
import { runLoad, Sink } from '../../bench/systems/processes.ts';
import { eventually, valueOf } from '../ends/gateway.ts';
import { assertBalanced, booksOf, watchMemory } from './ends/books.ts';
import { after, drive, pause, Record, Sequence } from './ends/client.ts';
import type { Lane } from './ends/lanes.ts';
import { sizeOf } from './ends/numbers.ts';
import { LONG, Scene } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 512, itemBytes: 400 } as const;
const OVERLOAD_MS = LONG ? 60_000 : 8000;
/** Share of the saturation rate that must arrive; the saturation of a short run is known less well. */
const LEAST_SHARE = LONG ? 0.85 : 0.7;
const MAX_RSS_MIB = 350;
const BUDGET = 'admission: { max_bytes: 64MiB }';
/** What a full gateway may say: over HTTP, and as gRPC codes written as negative numbers. */
const RETRYABLE = new Set([503, 429, -14, -8]);

/** Two shards in front of a backend that takes its time, and lanes to them. */
async function slowBackend(t: TestContext) {
  const scene = new Scene(t);
  const backend = await scene.backend();
  backend.manner = () => ({ delayMs: 40 });
  const placed = await scene.gateway({
    exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    compression: none
    sending_queue: { num_consumers: 2, queue_size: 100000 }`,
    to: 'otlp_http',
    service: `  shards: 2\n  ${BUDGET}`,
  });
  const memory = watchMemory(placed.gateway.pid);
  scene.atEnd(() => memory.stop());
  const http = scene.httpLanes(8, placed.http);
  const grpc = await scene.grpcLanes(8, placed.grpc);
  return { ...placed, backend, memory, lanes: { http, grpc } };
}

type SlowBackend = Awaited<ReturnType<typeof slowBackend>>;

/**
 * Fills the budget as fast as all lanes can, which shows what the backend takes; then drives
 * `lanes` at twice that. Answers what share of it still arrived.
 */
async function overload(t: TestContext, scene: SlowBackend, lanes: readonly Lane[]) {
  const { backend, memory } = scene;
  const record = new Record();
  const load = { shape: SHAPE, sequence: new Sequence(), record };
  const all = [...scene.lanes.http, ...scene.lanes.grpc];
  const filled = drive(all, { ...load, until: after(4000), pauseMs: 100 });
  await pause(1000);
  const early = backend.taken.length;
  await filled;
  const saturation = (backend.taken.length - early) / 3;
  const atStart = backend.taken.length;
  await drive(lanes, { ...load, until: after(OVERLOAD_MS), rate: 2 * saturation });
  const arrived = ((backend.taken.length - atStart) * 1000) / OVERLOAD_MS;
  const share = arrived / saturation;
  t.diagnostic(
    `saturation ${saturation.toFixed(1)} requests/s, under overload ${arrived.toFixed(1)} (${share.toFixed(2)}); ` +
      `peak ${memory.peak().toFixed(0)} MiB; refusals ${JSON.stringify([...record.refusals])}`,
  );
  assert.ok(record.refused > 0, 'it was an overload');
  assert.deepEqual(
    [...record.refusals.keys()].filter((status) => !RETRYABLE.has(status)),
    [],
  );
  assert.equal(record.refusedWithoutHint, 0);
  assert.equal(record.unknown.length, 0);
  assert.ok(memory.peak() < MAX_RSS_MIB, `${memory.peak()} MiB`);
  assert.ok(share > LEAST_SHARE, `${share} of the saturation rate`);
  return record;
}

/** Nothing acknowledged is missing, nothing refused is uncounted, nothing is held for ever. */
async function assertComplete(t: TestContext, scene: SlowBackend, record: Record) {
  const { page, backend, output } = scene;
  const { books, refused } = await settled(page, 'otlp_http');
  t.diagnostic(`${JSON.stringify(books)}, ${backend.numbers.distinct} arrived`);
  assert.equal(backend.numbers.missing(record.acknowledged), 0, output());
  assert.equal(books.accepted, sizeOf(record.acknowledged));
  assert.equal(refused, record.refused, 'refusals are counted with a reason');
  assert.equal(valueOf(await page(), 'millrace_admission_held_bytes'), 0);
}

test('overload at twice what the backend takes, with a budget of 64 MiB: memory stays below 350 MiB, every refusal is retryable with a hint, no acknowledged item is missing, throughput holds', async (t) => {
  const scene = await slowBackend(t);
  const record = await overload(t, scene, [...scene.lanes.http, ...scene.lanes.grpc]);
  const statuses = [...record.refusals.keys()];
  assert.ok(
    statuses.some((status) => status > 0),
    'over HTTP',
  );
  assert.ok(
    statuses.some((status) => status < 0),
    'over gRPC',
  );
  await assertComplete(t, scene, record);
});

test('overload over one connection: the queue of the shard that has it is full, the other shard delivers as well, and throughput holds', async (t) => {
  const scene = await slowBackend(t);
  const record = await overload(t, scene, scene.lanes.grpc);
  await assertComplete(t, scene, record);
});

/** The page once everything held has gone out. */
async function settled(page: () => Promise<string>, exporter: string) {
  let text = '';
  await eventually(
    async () => {
      text = await page();
      return valueOf(text, 'millrace_exporter_held_items') === 0;
    },
    () => `${valueOf(text, 'millrace_exporter_held_items')} items are held`,
    30_000,
  );
  const books = booksOf(text, exporter, 'traces');
  assertBalanced(books, exporter);
  return { books, refused: valueOf(text, 'millrace_admission_refused_requests') };
}

for (const protocol of ['http', 'grpc'] as const) {
  test(`overload of the gateway itself by 400 senders over ${protocol}, with a budget of 64 MiB and 2 shards: memory stays below 350 MiB and no acknowledged item is missing`, async (t) => {
    const scene = new Scene(t);
    const sink = await Sink.start();
    scene.atEnd(() => sink.stop());
    await sink.reset(true);
    const { gateway, http, grpc, page, output } = await scene.gateway({
      exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${sink.ports.http}
    compression: none
    sending_queue: { queue_size: 100000, batch: { min_size: 8192, flush_timeout: 200ms } }`,
      to: 'otlp_http',
      service: `  shards: 2\n  ${BUDGET}`,
    });
    const memory = watchMemory(gateway.pid);
    scene.atEnd(() => memory.stop());
    const order: LoadOrder = {
      protocol,
      port: protocol === 'http' ? http : grpc,
      shape: SHAPE,
      encoding: 'identity',
      connections: 16,
      seconds: 4,
    };
    const calm = await runLoad(order);
    const saturation = (await sink.settled(300)).items / calm.seconds;
    const seconds = OVERLOAD_MS / 1000;
    const first = calm.next;
    const rate = (2 * saturation) / SHAPE.items;
    const before = await sink.report();
    const storm = await runLoad({ ...order, connections: 400, seconds, rate, first });
    const { items } = await sink.settled(500);
    const arrived = (items - before.items) / storm.seconds;
    t.diagnostic(
      `saturation ${(saturation / 1e6).toFixed(2)} M spans/s, under overload ${(arrived / 1e6).toFixed(2)} M; ` +
        `peak ${memory.peak().toFixed(0)} MiB; ${storm.requests} requests accepted, ${storm.refused} refused, ${storm.failed} failed`,
    );
    assert.equal(storm.refusedWithoutHint, 0);
    assert.equal(storm.failed + calm.failed, 0, output());
    assert.ok(memory.peak() < MAX_RSS_MIB, `${memory.peak()} MiB`);
    const { books } = await settled(page, 'otlp_http');
    assert.equal(books.dropped, 0);
    const refused = [...calm.unacknowledged, ...storm.unacknowledged];
    const absent = (await sink.missing([[0, storm.next]])) - (await sink.missing(refused));
    assert.equal(absent, 0, 'acknowledged items that never came');
  });
}
