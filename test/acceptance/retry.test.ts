import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payloadOf } from '../../bench/load/payload.ts';
import { encodePartialSuccess } from '../../src/formats/otlp/reply/partial-success.ts';
import { encodeStatus } from '../../src/formats/otlp/reply/status.ts';
import { eventually, valueOf } from '../ends/gateway.ts';
import type { Backend, Verdict } from './ends/backend.ts';
import { assertBalanced, booksOf, dropReasons } from './ends/books.ts';
import { after, drive, Record, Sequence } from './ends/client.ts';
import { sizeOf } from './ends/numbers.ts';
import { type Placed, Scene } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 20, itemBytes: 400 } as const;
const EXPORTERS = ['otlp_http', 'otlp_grpc'] as const;
const protocolOf = { otlp_http: 'http', otlp_grpc: 'grpc' } as const;

/** A gateway with an exporter of each protocol, each to a backend of its own. */
async function pair(scene: Scene) {
  const backends = { otlp_http: await scene.backend(), otlp_grpc: await scene.backend() };
  const retry = 'retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }';
  const placed = await scene.gateway({
    exporters: `
  otlp_http: { endpoint: "http://127.0.0.1:${backends.otlp_http.http}", ${retry} }
  otlp_grpc: { endpoint: "127.0.0.1:${backends.otlp_grpc.grpc}", tls: { insecure: true }, ${retry} }`,
    to: EXPORTERS.join(', '),
    service: '  shards: 2',
  });
  return { backends, placed };
}

async function sendOne(scene: Scene, placed: Placed, first = 0): Promise<void> {
  const [lane] = scene.httpLanes(1, placed.http);
  const payload = payloadOf(SHAPE);
  payload.number(first, Date.now());
  assert.equal((await lane?.send(payload.bytes))?.status, 200);
}

/** Waits until nothing is held and all is accounted for, and answers the page. */
async function quiet(placed: Placed): Promise<string> {
  let page = '';
  await eventually(
    async () => {
      page = await placed.page();
      return EXPORTERS.every((id) => {
        const { accepted, sent, dropped, held } = booksOf(page, id, 'traces');
        return accepted > 0 && held === 0 && accepted === sent + dropped;
      });
    },
    () => placed.output(),
  );
  return page;
}

/** Answers each protocol's first request with `first`, all later ones with success. */
function once(backend: Backend, first: Verdict): void {
  backend.manner = () => (backend.attempts.length === 1 ? first : {});
}

test('OTLP-C3: 503 with Retry-After and UNAVAILABLE with RetryInfo are tried again, and not sooner than asked', async (t) => {
  const scene = new Scene(t);
  const { backends, placed } = await pair(scene);
  once(backends.otlp_http, { status: 503, headers: { 'retry-after': '2' } });
  const details = encodeStatus('protobuf', { code: 14, message: 'busy', retryAfterMs: 1500 });
  once(backends.otlp_grpc, { code: 14, details });
  await sendOne(scene, placed);
  const page = await quiet(placed);
  for (const id of EXPORTERS) {
    const [one = 0, two = 0] = backends[id].attempts;
    const asked = id === 'otlp_http' ? 2000 : 1500;
    t.diagnostic(`${id}: came back after ${two - one} ms of ${asked}`);
    assert.ok(two - one >= asked, `${id}: ${two - one} ms`);
    assert.ok(two - one < asked + 1500, `${id}: ${two - one} ms`);
    assert.equal(backends[id].numbers.distinct, SHAPE.items);
    assert.equal(booksOf(page, id, 'traces').sent, SHAPE.items);
    assert.equal(valueOf(page, 'millrace_exporter_retries', { exporter: id }), 1);
  }
});

test('OTLP-C4: a partial success is counted and never tried again', async (t) => {
  const scene = new Scene(t);
  const { backends, placed } = await pair(scene);
  const body = encodePartialSuccess('traces', 'protobuf', 3, 'three are too old');
  for (const id of EXPORTERS) backends[id].manner = () => ({ body });
  await sendOne(scene, placed);
  const page = await quiet(placed);
  for (const id of EXPORTERS) {
    const books = booksOf(page, id, 'traces');
    assert.deepEqual(books, { accepted: 20, sent: 17, dropped: 3, held: 0 }, id);
    assert.equal(backends[id].attempts.length, 1);
    assert.equal(Object.keys(dropReasons(page, id)).length, 1);
    t.diagnostic(`${id}: ${JSON.stringify(dropReasons(page, id))}`);
  }
  assert.match(placed.output(), /three are too old/);
});

test('OTLP-C1 OTLP-C2: what can never succeed is dropped after one attempt and counted with a reason', async (t) => {
  const scene = new Scene(t);
  const { backends, placed } = await pair(scene);
  backends.otlp_http.manner = () => ({ status: 400 });
  backends.otlp_grpc.manner = () => ({ code: 3 });
  await sendOne(scene, placed);
  const page = await quiet(placed);
  for (const id of EXPORTERS) {
    const books = booksOf(page, id, 'traces');
    assert.deepEqual(books, { accepted: 20, sent: 0, dropped: 20, held: 0 }, id);
    assert.equal(backends[id].attempts.length, 1);
    const reasons = Object.keys(dropReasons(page, id));
    assert.equal(reasons.length, 1);
    t.diagnostic(`${id}: ${reasons.join(', ')}`);
  }
});

test('a backend that is restarted under load gets everything, over HTTP and gRPC', async (t) => {
  const scene = new Scene(t);
  const { backends, placed } = await pair(scene);
  const lanes = [...scene.httpLanes(4, placed.http), ...(await scene.grpcLanes(4, placed.grpc))];
  const record = new Record();
  const load = { shape: SHAPE, sequence: new Sequence(), record, rate: 100 };
  const loaded = drive(lanes, { ...load, until: after(4000) });
  for (let times = 0; times < 3; times += 1) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await Promise.all(EXPORTERS.map((id) => backends[id].close()));
    await new Promise((resolve) => setTimeout(resolve, 400));
    await Promise.all(EXPORTERS.map((id) => backends[id].open()));
  }
  await loaded;
  assert.equal(record.refused + record.unknown.length, 0);
  const page = await quiet(placed);
  const sent = sizeOf(record.acknowledged);
  for (const id of EXPORTERS) {
    const books = booksOf(page, id, 'traces');
    assertBalanced(books, id);
    assert.equal(backends[id].numbers.missing(record.acknowledged), 0, id);
    assert.deepEqual(books, { accepted: sent, sent, dropped: 0, held: 0 }, id);
    t.diagnostic(`${protocolOf[id]}: ${sent} items, ${backends[id].numbers.duplicates} came twice`);
  }
});
