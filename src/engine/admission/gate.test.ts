import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Batch, batchOf, type Bytes, type Signal } from '../../contract/batch.ts';
import type { Decoded, Permit, RawRequest } from '../../contract/component.ts';
import type { Context } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { releaseAll, retainAll, takeBytes } from '../../wire/memory.ts';
import { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { Admission } from './admission.ts';
import { Budget } from './budget.ts';
import { createBudgetMemory, publishPressure, totalHeld } from './budget-memory.ts';
import type { Elsewhere } from './elsewhere.ts';

const silent: Context['log'] = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

type Decode = (request: RawRequest, permit: Permit) => Decoded | Outcome | Promise<Decoded>;

function requestOf(bytes: number, tenant = 'a'): RawRequest {
  return {
    signal: 'logs',
    body: new Uint8Array(bytes),
    encoding: 'identity',
    format: 'protobuf',
    tenant,
    metadata: {},
    receivedAt: 0,
  };
}

function decoded(body: Bytes, items = 1): Decoded {
  const origin = { receiver: 'r', tenant: 'a', receivedAt: 0, metadata: {} };
  return { batch: batchOf(body, items, { signal: 'logs', form: 'otlp', origin }) };
}

/** A gate over a budget of 1000 bytes, 600 per tenant, with both sides in the test's hands. */
function gateOf(
  ends: {
    decode?: Decode;
    consume?: (batch: Batch, budget: Budget) => Promise<Outcome>;
    refusal?: (batch: Batch) => Outcome | undefined;
    elsewhere?: Elsewhere;
  } = {},
) {
  const memory = createBudgetMemory({
    secret: 's',
    shards: 1,
    maxBytes: 1000,
    tenantMaxBytes: 600,
  });
  const metrics = new MetricsRegistry();
  const budget = new Budget(memory, 0);
  const admission = new Admission({
    budget,
    tenancy: { headers: ['x-tenant-id'], default: 'a' },
    meter: metrics.meter(),
    log: silent,
    ...(ends.elsewhere === undefined ? {} : { elsewhere: ends.elsewhere }),
  });
  const consume = ends.consume ?? (() => Promise.resolve(ACCEPTED));
  const entry = {
    consume: (batch: Batch) => consume(batch, budget),
    ...(ends.refusal === undefined ? {} : { refusal: ends.refusal }),
  };
  const gate = admission.gate('r', (signal: Signal) => (signal === 'logs' ? entry : undefined));
  gate.bind({ decode: ends.decode ?? ((request) => decoded(request.body)) });
  return { admission, gate, memory, metrics, held: () => totalHeld(memory) };
}

function permitOf(answer: Permit | Outcome): Permit {
  assert.ok(!('kind' in answer), 'admitted');
  return answer;
}

function refusalOf(answer: Permit | Outcome | undefined): Outcome & { kind: 'retry' } {
  assert.ok(answer !== undefined && 'kind' in answer && answer.kind === 'retry', 'refused');
  assert.ok(answer.afterMs !== undefined && answer.afterMs >= 1000 && answer.afterMs <= 30_000);
  return answer;
}

describe('the gate of a receiver', () => {
  test('what came over gRPC and over HTTP is counted apart', async () => {
    const { gate, metrics } = gateOf();
    const send = (more: object) =>
      gate.submit({ ...requestOf(10), ...more }, permitOf(gate.admit('a', 10)));
    await send({ transport: 'grpc' });
    await send({ transport: 'http' });
    await send({});
    const refusal: Outcome = { kind: 'rejected', reason: 'x', message: 'x' };
    gate.refused('logs', 'a', refusal, 'grpc');
    gate.refused('logs', 'a', refusal);
    const items = (transport: string) =>
      metrics.sum('receiver_accepted_log_records', { receiver: 'r', transport });
    assert.deepEqual([items('grpc'), items('http')], [1, 2]);
    const failed = (transport: string) =>
      metrics.sum('receiver_requests', { transport, outcome: 'failure' });
    assert.deepEqual([failed('grpc'), failed('http')], [1, 1]);
  });

  test('a request holds its bytes until it is answered, and not longer', async () => {
    let answer: (outcome: Outcome) => void = () => undefined;
    const consumed = new Promise<Outcome>((resolve) => {
      answer = resolve;
    });
    const { gate, held } = gateOf({ consume: () => consumed });
    const permit = permitOf(gate.admit('a', 600));
    const reply = gate.submit(requestOf(600), permit);
    assert.equal(held(), 600);
    answer(ACCEPTED);
    assert.deepEqual(await reply, { outcome: ACCEPTED });
    assert.equal(held(), 0);
    permit.release();
    assert.equal(held(), 0);
  });

  test('what a queue holds until it is delivered is charged once', async () => {
    const { promise: delivered, resolve: deliver } = Promise.withResolvers<Outcome>();
    const context = gateOf({
      consume: async (batch, budget) => {
        retainAll(batch.chunks);
        budget.charge('a', batch.byteLength);
        const outcome = await delivered;
        budget.release('a', batch.byteLength);
        releaseAll(batch.chunks);
        return outcome;
      },
    });
    const request = { ...requestOf(600), body: takeBytes(600) };
    const reply = context.gate.submit(request, permitOf(context.gate.admit('a', 600)));
    assert.equal(context.held(), 600);
    deliver(ACCEPTED);
    assert.deepEqual(await reply, { outcome: ACCEPTED });
    assert.equal(context.held(), 0);
  });

  test('bytes that a queue has only a changed copy of keep their room until they are let go', async () => {
    const { promise: delivered, resolve: deliver } = Promise.withResolvers<Outcome>();
    const context = gateOf({
      consume: async (batch, budget) => {
        budget.charge('a', batch.byteLength);
        const outcome = await delivered;
        budget.release('a', batch.byteLength);
        return outcome;
      },
    });
    const reply = context.gate.submit(requestOf(300), permitOf(context.gate.admit('a', 300)));
    assert.equal(context.held(), 600);
    deliver(ACCEPTED);
    await reply;
    assert.equal(context.held(), 0);
  });

  test('what no queue has room for is refused before it is read, unless another shard may take it', () => {
    let share = 0;
    const asked: number[] = [];
    const context = gateOf({
      refusal: (batch) => {
        asked.push(batch.byteLength);
        if (batch.byteLength <= 100) return undefined;
        return { kind: 'retry', reason: 'queue_full', message: 'full' };
      },
      elsewhere: {
        get share() {
          return share;
        },
        offer: () => undefined,
      },
    });
    const { gate } = context;
    assert.equal(refusalOf(gate.admit('a', 101, 'logs')).reason, 'queue_full');
    assert.equal(context.held(), 0);
    const permit = permitOf(gate.admit('a', 0, 'logs'));
    assert.equal(refusalOf(permit.resize(101)).reason, 'queue_full');
    assert.equal(permit.resize(100), undefined);
    assert.deepEqual(asked, [101, 0, 101, 100]);
    share = 0.1;
    permitOf(gate.admit('a', 101, 'logs'));
    permitOf(gate.admit('a', 101, 'traces'));
    assert.equal(asked.length, 4);
  });

  test('over the tenant its own refusal, over the whole one that says so', () => {
    const { gate } = gateOf();
    permitOf(gate.admit('a', 600));
    const tenant = refusalOf(gate.admit('a', 1));
    assert.equal(tenant.reason, 'tenant_memory_budget');
    assert.equal(tenant.scope, 'tenant_room');
    permitOf(gate.admit('b', 400));
    const whole = refusalOf(gate.admit('c', 1));
    assert.equal(whole.reason, 'memory_budget');
    assert.equal(whole.scope, undefined);
  });

  test('TEN-12: a request that no budget has room for is refused for good', () => {
    const { gate, held } = gateOf();
    const answer = gate.admit('a', 601);
    assert.ok('kind' in answer && answer.kind === 'rejected' && answer.fault === 'too_large');
    const permit = permitOf(gate.admit('a', 10));
    const grown = permit.resize(601);
    assert.ok(grown?.kind === 'rejected' && grown.fault === 'too_large');
    assert.equal(held(), 10);
  });

  test('a resize charges the difference, or leaves things as they were', () => {
    const { gate, held } = gateOf();
    const permit = permitOf(gate.admit('a', 100));
    assert.equal(permit.resize(600), undefined);
    assert.equal(held(), 600);
    permitOf(gate.admit('b', 390));
    assert.equal(permit.resize(50), undefined);
    assert.equal(held(), 440);
    permitOf(gate.admit('c', 500));
    assert.equal(refusalOf(permit.resize(111)).reason, 'memory_budget');
    assert.equal(held(), 940);
    permit.release();
    permit.release();
    assert.equal(held(), 890);
    assert.equal(permit.resize(200), undefined);
    assert.equal(held(), 890);
  });

  test('a request of another shard is charged only what it grows beyond its body', async () => {
    const seen: number[] = [];
    const context = gateOf({
      decode: (request, permit) => {
        seen.push(context.held());
        assert.equal(permit.resize(500), undefined);
        seen.push(context.held());
        return decoded(request.body);
      },
    });
    const reply = await context.admission.serve('r', requestOf(200));
    assert.deepEqual(reply, { outcome: ACCEPTED });
    assert.deepEqual([...seen, context.held()], [0, 300, 0]);
  });

  test('items refused one by one make a partial success, and are not accepted', async () => {
    const { gate, metrics } = gateOf({
      decode: (request) => ({
        ...decoded(request.body, 7),
        refused: { items: 3, reason: 'invalid_item', message: 'no' },
        counts: { written: 7 },
      }),
    });
    const reply = await gate.submit(requestOf(10), permitOf(gate.admit('a', 10)));
    assert.deepEqual(reply, {
      outcome: { kind: 'partial', rejected: 3, reason: 'invalid_item', message: 'no' },
      counts: { written: 7 },
    });
    assert.equal(metrics.sum('receiver_accepted_log_records'), 7);
    assert.equal(metrics.sum('receiver_failed_log_records'), 3);
    assert.equal(metrics.sum('tenant_received_items', { tenant: 'a' }), 7);
    assert.equal(metrics.sum('receiver_requests', { outcome: 'success' }), 1);
  });

  test('what a pipeline refuses is counted as refused and always has a hint', async () => {
    const { gate, metrics, held } = gateOf({
      consume: () => Promise.resolve({ kind: 'retry', reason: 'queue_full', message: 'full' }),
    });
    const reply = await gate.submit(requestOf(10), permitOf(gate.admit('a', 10)));
    assert.equal(refusalOf(reply.outcome).reason, 'queue_full');
    assert.equal(metrics.sum('receiver_accepted_log_records'), 0);
    assert.equal(metrics.sum('receiver_refused_log_records'), 1);
    assert.equal(metrics.sum('admission_refused_requests', { reason: 'queue_full' }), 1);
    assert.equal(held(), 0);
  });

  test('a bug in a receiver costs its request only, and gives the room back', async () => {
    const { gate, held, metrics } = gateOf({
      decode: () => {
        throw new Error('oops');
      },
    });
    const { outcome } = await gate.submit(requestOf(10), permitOf(gate.admit('a', 10)));
    assert.ok(outcome.kind === 'rejected' && outcome.fault === 'internal');
    assert.ok(!outcome.message.includes('oops'));
    assert.equal(held(), 0);
    assert.equal(metrics.sum('receiver_requests', { outcome: 'failure' }), 1);
  });

  test('a signal without a pipeline is unimplemented', async () => {
    const { gate, held } = gateOf();
    const request = { ...requestOf(10), signal: 'traces' as const };
    const { outcome } = await gate.submit(request, permitOf(gate.admit('a', 10)));
    assert.ok(outcome.kind === 'rejected' && outcome.fault === 'unimplemented');
    assert.equal(held(), 0);
  });

  test('a request whose shard died is answered retry and gives its room back', async () => {
    const { gate, held } = gateOf({
      elsewhere: { share: 1, offer: () => Promise.resolve(undefined) },
    });
    const { outcome } = await gate.submit(requestOf(10), permitOf(gate.admit('a', 10)));
    assert.equal(refusalOf(outcome).reason, 'shard_lost');
    assert.equal(held(), 0);
  });

  test('the memory of the process: above soft new work is refused, above hard all', async () => {
    const { gate, memory } = gateOf();
    const permit = permitOf(gate.admit('a', 10));
    publishPressure(memory, 1);
    assert.equal(refusalOf(gate.admit('a', 10)).reason, 'process_memory');
    assert.equal(permit.resize(20), undefined);
    assert.deepEqual((await gate.submit(requestOf(20), permit)).outcome, ACCEPTED);
    publishPressure(memory, 0);
    const other = permitOf(gate.admit('a', 10));
    publishPressure(memory, 2);
    assert.equal(refusalOf(other.resize(20)).reason, 'process_memory');
    const { outcome } = await gate.submit(requestOf(10), other);
    assert.equal(refusalOf(outcome).reason, 'process_memory');
  });

  test('tenants beyond the first thousand are counted together', async () => {
    const { gate, metrics } = gateOf();
    for (let index = 0; index < 1010; index++) {
      const tenant = `t${index}`;
      await gate.submit(requestOf(10, tenant), permitOf(gate.admit(tenant, 10)));
    }
    assert.equal(metrics.sum('tenant_received_items'), 1010);
    assert.equal(metrics.sum('tenant_received_items', { tenant: '_other' }), 10);
  });
});
