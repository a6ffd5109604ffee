import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { payloadOf } from '../../bench/load/payload.ts';
import { eventually, valueOf } from '../ends/gateway.ts';
import type { Backend } from './ends/backend.ts';
import { after, drive, quantile, Record, Sequence } from './ends/client.ts';
import type { Heard, Lane } from './ends/lanes.ts';
import { Scene } from './ends/scene.ts';

const SHAPE = { signal: 'traces', items: 20, itemBytes: 400 } as const;
const HEADER = 'X-Scope-OrgID';
const TENANCY = `tenancy: { headers: [${HEADER}], required: true }`;
/** Numbers of the second tenant begin here. */
const FAR = 50_000_000;

const payload = payloadOf(SHAPE);

async function gatewayTo(scene: Scene, backend: Backend, service: string, http = '') {
  return scene.gateway({
    exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    tenant_header: ${HEADER}
    sending_queue: { queue_size: 100000, batch: { min_size: 100000, flush_timeout: 100ms } }
  otlp_grpc:
    endpoint: 127.0.0.1:${backend.grpc}
    tls: { insecure: true }
    tenant_header: ${HEADER}
    sending_queue: { queue_size: 100000, batch: { min_size: 100000, flush_timeout: 100ms } }`,
    to: 'otlp_http, otlp_grpc',
    service: `  ${service}`,
    http,
  });
}

/** Sends one request over HTTP and one over gRPC with this header. */
async function both(
  scene: Scene,
  placed: { readonly http: number; readonly grpc: number },
  headers: { [name: string]: string | string[] },
): Promise<{ http: Heard; grpc: Heard }> {
  const [overHttp] = scene.httpLanes(1, placed.http, { headers });
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const [overGrpc] = await scene.grpcLanes(1, placed.grpc, { headers: lower });
  assert.ok(overHttp && overGrpc);
  payload.number(0, Date.now());
  return { http: await overHttp.send(payload.bytes), grpc: await overGrpc.send(payload.bytes) };
}

describe('tenants', () => {
  test('TEN-1 TEN-7: ids up to 150 allowed characters are taken in any case of the header, over HTTP and gRPC alike; everything else is refused', async (t) => {
    const scene = new Scene(t);
    const backend = await scene.backend();
    const placed = await gatewayTo(scene, backend, `shards: 2\n  ${TENANCY}`);
    for (const id of ['a', 'team-1', "A!-_.*'()9", 'x'.repeat(150)]) {
      for (const name of [HEADER, HEADER.toLowerCase(), HEADER.toUpperCase()]) {
        const { http, grpc } = await both(scene, placed, { [name]: id });
        assert.deepEqual([http.status, grpc.code], [200, 0], `${name}: ${id}`);
      }
      await eventually(
        () =>
          ['http', 'grpc'].every((protocol) =>
            backend.taken.some(
              ({ headers }) =>
                headers[HEADER.toLowerCase()] === id &&
                (headers[':path'] === undefined) === (protocol === 'http'),
            ),
          ),
        () => `${id} did not arrive under its name`,
      );
    }
    const taken = backend.taken.length;
    const wrong = ['a|b', 'a/b', 'a b', 'a:b', '.', '..', '__mimir_cluster', 'x'.repeat(151)];
    for (const id of wrong) {
      const { http, grpc } = await both(scene, placed, { [HEADER]: id });
      assert.deepEqual([http.status, grpc.code], [400, 3], id);
    }
    const page = await placed.page();
    const refused = { reason: 'tenant_invalid' };
    assert.equal(valueOf(page, 'millrace_admission_refused_requests', refused), wrong.length * 2);
    assert.ok(backend.taken.length <= taken + 2);
  });

  test('TEN-2: no tenant where one is required is 401 and UNAUTHENTICATED, an invalid one 400 and INVALID_ARGUMENT', async (t) => {
    const scene = new Scene(t);
    const backend = await scene.backend();
    const placed = await gatewayTo(scene, backend, `shards: 1\n  ${TENANCY}`);
    const none = await both(scene, placed, {});
    assert.deepEqual([none.http.status, none.grpc.code], [401, 16]);
    const empty = await both(scene, placed, { [HEADER]: '' });
    assert.deepEqual([empty.http.status, empty.grpc.code], [400, 3]);
    const twice = await both(scene, placed, { [HEADER]: ['a', 'b'] });
    assert.deepEqual([twice.http.status, twice.grpc.code], [400, 3]);
    const page = await placed.page();
    const missing = { reason: 'tenant_missing' };
    assert.equal(valueOf(page, 'millrace_admission_refused_requests', missing), 2);
    assert.equal(backend.taken.length, 0);
  });

  test('TEN-8: two tenants over HTTP and gRPC never share an outgoing request', async (t) => {
    const scene = new Scene(t);
    const backend = await scene.backend();
    const placed = await gatewayTo(scene, backend, `shards: 2\n  ${TENANCY}`);
    const record = new Record();
    const loads = ['one', 'two'].map(async (tenant, index) => {
      const headers = { [HEADER.toLowerCase()]: tenant };
      const lanes = [
        ...scene.httpLanes(3, placed.http, { headers }),
        ...(await scene.grpcLanes(3, placed.grpc, { headers })),
      ];
      const sequence = new Sequence(index * FAR);
      await drive(lanes, { shape: SHAPE, sequence, record, until: after(1500), rate: 150 });
    });
    await Promise.all(loads);
    assert.equal(record.refused, 0);
    await eventually(
      () => backend.numbers.missing(record.acknowledged) === 0,
      () => 'items are missing',
    );
    let joined = 0;
    for (const { headers, numbers } of backend.taken) {
      const tenant = headers[HEADER.toLowerCase()];
      const belongs = (number: number): boolean => number >= FAR === (tenant === 'two');
      assert.ok(tenant === 'one' || tenant === 'two', String(tenant));
      assert.ok(numbers.every(belongs), `a request of ${tenant} holds items of the other`);
      if (numbers.length > SHAPE.items) joined += 1;
    }
    t.diagnostic(`${backend.taken.length} requests went out, ${joined} of them joined`);
    assert.ok(joined > 0, 'requests were joined');
  });

  test('TEN-9: a client cannot send a tenant through that the gateway did not choose', async (t) => {
    const scene = new Scene(t);
    const backend = await scene.backend();
    const placed = await gatewayTo(scene, backend, 'shards: 1', 'include_metadata: true');
    const { http, grpc } = await both(scene, placed, { [HEADER]: 'somebody-else' });
    assert.deepEqual([http.status, grpc.code], [200, 0]);
    await eventually(
      () => backend.taken.length >= 2,
      () => 'nothing arrived',
    );
    for (const { headers } of backend.taken) {
      assert.equal(headers[HEADER.toLowerCase()], 'default');
    }
  });
});

test('TEN-8: a tenant that sends 50 times as much does not get the quiet one refused, and the quiet one is served promptly', async (t) => {
  const scene = new Scene(t);
  const backend = await scene.backend();
  backend.manner = () => ({ delayMs: 50 });
  const { page, http, grpc, output } = await scene.gateway({
    exporters: `
  otlp_http:
    endpoint: http://127.0.0.1:${backend.http}
    compression: none
    tenant_header: ${HEADER}
    sending_queue: { queue_size: 100000, num_consumers: 2 }`,
    to: 'otlp_http',
    service: `  shards: 2\n  ${TENANCY}\n  admission: { max_bytes: 32MiB }`,
  });
  const lanesOf = async (tenant: string, count: number): Promise<Lane[]> => {
    const headers = { [HEADER.toLowerCase()]: tenant };
    return [
      ...scene.httpLanes(count, http, { headers }),
      ...(await scene.grpcLanes(count, grpc, { headers })),
    ];
  };
  const shape = { signal: 'traces', items: 200, itemBytes: 400 } as const;
  const [noisy, quiet] = [new Record(), new Record()];
  const until = after(6000);
  const loud = drive(await lanesOf('noisy', 16), {
    shape,
    sequence: new Sequence(),
    record: noisy,
    until,
    rate: 500,
    pauseMs: 0,
  });
  const still = drive(await lanesOf('quiet', 2), {
    shape,
    sequence: new Sequence(FAR),
    record: quiet,
    until,
    rate: 10,
  });
  await Promise.all([loud, still]);
  const ages: number[] = [];
  await eventually(
    () => backend.numbers.missing(quiet.acknowledged) === 0,
    () => `the quiet tenant's items are missing: ${output()}`,
  );
  for (const { at, headers, numbers } of backend.taken) {
    if (headers[HEADER.toLowerCase()] !== 'quiet') continue;
    const index = Math.floor(((numbers[0] ?? FAR) - FAR) / shape.items);
    const sentAt = quiet.sentAt[index];
    if (sentAt !== undefined) ages.push(at - sentAt);
  }
  const text = await page();
  const served = quantile(ages, 0.99);
  const answered = quantile(quiet.latencies, 0.99);
  t.diagnostic(
    `noisy: ${noisy.acknowledged.length} accepted, ${JSON.stringify([...noisy.refusals])}; quiet: ${quiet.acknowledged.length} accepted, ` +
      `${quiet.refused} refused, answered in ${answered.toFixed(0)} ms (p99), at the backend after ${served} ms (p99)`,
  );
  assert.ok(noisy.refused > 0, 'the noisy tenant is over its share');
  assert.equal(quiet.refused, 0, JSON.stringify([...quiet.refusals]));
  assert.equal(quiet.unknown.length, 0);
  assert.ok(quiet.acknowledged.length > 40);
  assert.ok(answered < 500, `answered after ${answered} ms`);
  assert.ok(served < 1500, `served after ${served} ms`);
  const limit = { tenant: 'noisy' };
  assert.equal(valueOf(text, 'millrace_admission_refused_requests', limit), noisy.refused);
  assert.equal(valueOf(text, 'millrace_admission_refused_requests', { tenant: 'quiet' }), 0);
});
