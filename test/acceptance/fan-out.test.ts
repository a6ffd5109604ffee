import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, valueOf } from '../ends/gateway.ts';
import { assertBalanced, booksOf, dropReasons } from './ends/books.ts';
import { after, drive, quantile, Record, Sequence } from './ends/client.ts';
import { sizeOf } from './ends/numbers.ts';
import { Scene } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 50, itemBytes: 400 } as const;
const PHASE_MS = 2500;
const RATE = 40;

interface Branch {
  readonly down: string;
  readonly pipeline?: string;
}

/** One pipeline to three backends, of which the first is to be down and the second slow. */
async function fanOut(scene: Scene, { down, pipeline = '' }: Branch) {
  const [gone, slow, healthy] = [
    await scene.backend(),
    await scene.backend(),
    await scene.backend(),
  ];
  const { gateway, http, grpc, page, output } = await scene.gateway({
    exporters: `
  otlp_http/down:
    endpoint: http://127.0.0.1:${gone.http}
    retry_on_failure: { initial_interval: 100ms, max_interval: 300ms }
    sending_queue: ${down}
  otlp_grpc/slow:
    endpoint: 127.0.0.1:${slow.grpc}
    tls: { insecure: true }
    sending_queue: { queue_size: 10000 }
  otlp_http/healthy:
    endpoint: http://127.0.0.1:${healthy.http}
    sending_queue: { queue_size: 10000 }`,
    to: 'otlp_http/down, otlp_grpc/slow, otlp_http/healthy',
    service: '  shards: 2',
    pipeline,
  });
  const lanes = [...scene.httpLanes(4, http), ...(await scene.grpcLanes(2, grpc))];
  const record = new Record();
  const sequence = new Sequence();
  return {
    backends: { gone, slow, healthy },
    record,
    output,
    page,
    load: (ms: number) =>
      drive(lanes, { shape: SHAPE, sequence, record, until: after(ms), rate: RATE }),
    stop: () => gateway.stop(),
  };
}

test('fan-out to three, one down, one slow: the healthy one sees no delay, the one that returns gets all, the books balance to the item', async (t) => {
  const run = await fanOut(new Scene(t), { down: '{ queue_size: 10000 }' });
  const { gone, slow, healthy } = run.backends;
  await run.load(1000);
  healthy.ages.length = 0;
  await run.load(PHASE_MS);
  const before = quantile(healthy.ages, 0.9);
  healthy.ages.length = 0;
  await gone.close();
  slow.manner = () => ({ delayMs: 200 });
  await run.load(PHASE_MS);
  const during = quantile(healthy.ages, 0.9);
  t.diagnostic(`p90 age at the healthy backend: ${before} ms before, ${during} ms during`);
  assert.ok(during < Math.max(before * 2, 60), `${before} ms before, ${during} ms during`);
  assert.equal(run.record.refused, 0);
  assert.equal(run.record.unknown.length, 0);

  const sent = sizeOf(run.record.acknowledged);
  const outage = await run.page();
  for (const id of ['otlp_http/down', 'otlp_grpc/slow', 'otlp_http/healthy']) {
    assertBalanced(booksOf(outage, id, 'traces'), id);
  }
  assert.ok(booksOf(outage, 'otlp_http/down', 'traces').held > 0, 'the queue holds the rest');

  await gone.open();
  await eventually(
    () => [gone, slow, healthy].every(({ numbers }) => numbers.distinct === sent),
    () => `${gone.numbers.distinct}, ${slow.numbers.distinct} of ${sent}: ${run.output()}`,
  );
  assert.equal(gone.numbers.missing(run.record.acknowledged), 0);
  let page = '';
  await eventually(
    async () => {
      page = await run.page();
      return valueOf(page, 'millrace_exporter_held_items') === 0;
    },
    () => `held: ${valueOf(page, 'millrace_exporter_held_items')}`,
  );
  assert.equal(valueOf(page, 'millrace_receiver_accepted_spans'), sent);
  for (const id of ['otlp_http/down', 'otlp_grpc/slow', 'otlp_http/healthy']) {
    const books = booksOf(page, id, 'traces');
    assert.deepEqual(books, { accepted: sent, sent, dropped: 0, held: 0 }, id);
  }
  t.diagnostic(`${sent} items, all three have all of them`);
  assert.equal(await run.stop(), 0);
});

test('a best-effort exporter that is down with a tiny queue fails no request, and its losses are counted with a reason', async (t) => {
  const run = await fanOut(new Scene(t), {
    down: '{ queue_size: 4 }',
    pipeline: 'best_effort: [otlp_http/down]',
  });
  const { gone, slow, healthy } = run.backends;
  await gone.close();
  await run.load(PHASE_MS);
  assert.equal(run.record.refused, 0);
  assert.equal(run.record.unknown.length, 0);
  const sent = sizeOf(run.record.acknowledged);
  await eventually(
    () => healthy.numbers.distinct === sent && slow.numbers.distinct === sent,
    () => `${healthy.numbers.distinct}, ${slow.numbers.distinct} of ${sent}`,
  );
  const page = await run.page();
  const books = booksOf(page, 'otlp_http/down', 'traces');
  t.diagnostic(`${sent} items; best effort: ${JSON.stringify(books)}`);
  assertBalanced(books, 'otlp_http/down');
  assert.equal(books.accepted, sent, 'all that was received is in its books');
  const { queue_full: dropped = 0 } = dropReasons(page, 'otlp_http/down');
  assert.ok(dropped > 0, 'dropped for want of room');
  assert.equal(dropped, books.dropped);
  assert.ok(books.held > 0 && books.held <= 4 * SHAPE.items, `${books.held} held`);
  await gone.open();
  await eventually(
    () => gone.numbers.distinct === books.held,
    () => `${gone.numbers.distinct} of ${books.held}`,
  );
  assert.equal(await run.stop(), 0);
});
