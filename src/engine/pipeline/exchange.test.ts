import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batch, stand } from '../../../test/flow/ends.ts';
import { type Batch, withChunks } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { Exchange } from './exchange.ts';
import type { Outlet } from './fan-out.ts';

/** Answers for three shards, and what each was given. */
class Shards {
  readonly answers: Outcome[] = [ACCEPTED, ACCEPTED, ACCEPTED];
  readonly given: Batch[][] = [[], [], []];
  readonly passedOver: Batch[] = [];
  /** Whether the shard answers before it dies. */
  readonly alive = [true, true, true];
  reachable = true;

  outlet(shard: number): Outlet {
    return {
      consume: (of) => {
        this.given[shard]!.push(of);
        return Promise.resolve(this.answers[shard]!);
      },
      passedOver: (of) => void this.passedOver.push(of),
    };
  }
}

/** The exchange of shard 1 of three. */
function open() {
  const shards = new Shards();
  const { context, clock, numbers } = stand();
  const exchange = new Exchange({
    name: 'x',
    divide: (of) => of.chunks.map((chunk) => withChunks(of, [chunk], 10)),
    destination: { as: () => shards.outlet(1) },
    crossing: {
      here: 1,
      reaches: () => shards.reachable,
      give: async (owner, { batch: part }) =>
        shards.alive[owner]! ? shards.outlet(owner).consume(part) : undefined,
    },
    context: { ...context, shard: { index: 1, count: 3 } },
  });
  return { exchange, shards, clock, numbers };
}

/** A batch with a part for each of three shards. */
function whole(): Batch {
  const chunks = [1, 2, 3].map((first) => new Uint8Array(10).fill(first));
  return withChunks(batch(), chunks, 30);
}

const LOSS: Outcome = { kind: 'partial', rejected: 4, reason: 'bad', message: 'four are bad' };
const REFUSED: Outcome = { kind: 'rejected', reason: 'bad', message: 'all are bad' };
const FULL: Outcome = { kind: 'retry', reason: 'queue_full', message: 'full', afterMs: 5000 };

test('every shard gets its part, and losses of parts add up', async () => {
  const { exchange, shards } = open();
  const given = whole();
  assert.equal(await exchange.as('queued').consume(given), ACCEPTED);
  assert.deepEqual(
    shards.given.map(([part]) => part?.chunks[0]?.[0]),
    [1, 2, 3],
  );
  assert.equal(shards.given[1]![0]!.chunks[0], given.chunks[1], 'the own part is not copied');
  assert.notEqual(shards.given[0]![0]!.chunks[0], given.chunks[0], 'what is moved is');
  shards.answers[0] = LOSS;
  shards.answers[2] = REFUSED;
  const outcome = await exchange.as('queued').consume(whole());
  assert.ok(outcome.kind === 'partial');
  assert.equal(outcome.rejected, 14);
  shards.answers.fill(REFUSED);
  assert.deepEqual(await exchange.as('queued').consume(whole()), REFUSED);
});

test('one part without room is a retry of all, and says what may come twice', async () => {
  const { exchange, shards, numbers } = open();
  shards.answers[0] = LOSS;
  shards.answers[2] = FULL;
  assert.deepEqual(await exchange.as('queued').consume(whole()), FULL);
  assert.equal(numbers.sum('exchange_repeated_items'), 16);
});

test('an owner that had no room lately gets nothing, nor does anybody else', async () => {
  const { exchange, shards, clock } = open();
  shards.answers[2] = FULL;
  await exchange.as('queued').consume(whole());
  shards.answers[2] = ACCEPTED;
  assert.deepEqual(exchange.as('queued').refusal?.(whole()), FULL);
  assert.deepEqual(await exchange.as('queued').consume(whole()), FULL);
  assert.equal(shards.given[0]!.length, 1);
  await clock.advance(200);
  assert.equal(await exchange.as('queued').consume(whole()), ACCEPTED);
});

test('a limit of one tenant at an owner holds up no other tenant', async () => {
  const { exchange, shards } = open();
  shards.answers[2] = { ...FULL, scope: 'tenant' };
  await exchange.as('queued').consume(whole());
  shards.answers[2] = ACCEPTED;
  assert.equal((await exchange.as('queued').consume(whole())).kind, 'retry');
  const { origin } = whole();
  const other = { ...whole(), origin: { ...origin, tenant: 'other' } };
  assert.equal(await exchange.as('queued').consume(other), ACCEPTED);
});

test('an owner that dies or is away is a retry', async () => {
  const { exchange, shards } = open();
  shards.alive[0] = false;
  const dying = await exchange.as('queued').consume(whole());
  assert.equal(dying.kind === 'retry' && dying.reason, 'shard_lost');
  const { exchange: other, shards: away } = open();
  away.reachable = false;
  const outcome = await other.as('queued').consume(whole());
  assert.equal(outcome.kind === 'retry' && outcome.reason, 'shard_lost');
  assert.deepEqual(away.given, [[], [], []], 'nothing is given to anybody');
});

test('nobody comes back with a best-effort batch: what is lost of it is in the books', async () => {
  const { exchange, shards } = open();
  shards.alive[0] = false;
  await exchange.as('best_effort').consume(whole());
  assert.deepEqual(
    shards.passedOver.map(({ items }) => items),
    [10],
  );
  shards.reachable = false;
  await exchange.as('best_effort').consume(whole());
  assert.equal(shards.passedOver.at(-1)?.items, 30);
});
