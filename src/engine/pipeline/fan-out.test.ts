import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { batch, idle } from '../../../test/flow/ends.ts';
import { combine, FanOut, type Outlet } from './fan-out.ts';

const PARTIAL: Outcome = { kind: 'partial', rejected: 2, reason: 'p', message: 'm' };
const REJECTED: Outcome = { kind: 'rejected', reason: 'r', message: 'm' };
const RETRY: Outcome = { kind: 'retry', reason: 't', message: 'm', afterMs: 1000 };

function outlet(answer: Outcome | Error, refusal?: Outcome) {
  const taken: Batch[] = [];
  const made = {
    taken,
    refusal: () => refusal,
    consume: (given: Batch) => {
      taken.push(given);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  return made satisfies Outlet;
}

const noBug = (error: unknown): void => assert.fail(String(error));

test('the outcome is the worst for the client: retry, rejected, partial, accepted', () => {
  const f = (outcomes: Outcome[], expected: Outcome) => {
    assert.deepEqual(combine(outcomes), expected);
    assert.deepEqual(combine(outcomes.toReversed()), expected);
  };
  f([ACCEPTED, ACCEPTED], ACCEPTED);
  f([ACCEPTED, PARTIAL], PARTIAL);
  f([PARTIAL, REJECTED, ACCEPTED], REJECTED);
  f([REJECTED, RETRY, PARTIAL], RETRY);
  f([RETRY, { ...RETRY, afterMs: 2000 }], { ...RETRY, afterMs: 2000 });
  f([PARTIAL, { ...PARTIAL, rejected: 5 }], { ...PARTIAL, rejected: 5 });
});

test('all get the same bytes', async () => {
  const outlets = [outlet(ACCEPTED), outlet(ACCEPTED), outlet(ACCEPTED)];
  const given = batch({});
  const fanOut = new FanOut(outlets.slice(0, 2), outlets.slice(2), noBug);
  assert.equal(await fanOut.consume(given), ACCEPTED);
  for (const each of outlets) assert.deepEqual(each.taken, [given]);
});

test('where one required outlet has no room, none is given anything', async () => {
  const [first, full, other] = [outlet(ACCEPTED), outlet(ACCEPTED, RETRY), outlet(ACCEPTED)];
  const fanOut = new FanOut([first, full], [other], noBug);
  assert.equal(await fanOut.consume(batch({})), RETRY);
  assert.deepEqual([first.taken, full.taken, other.taken], [[], [], []]);
});

test('an outlet that lets callers wait is not asked for room', async () => {
  const blocking = { ...outlet(ACCEPTED, RETRY), waits: true };
  const fanOut = new FanOut([blocking, outlet(ACCEPTED)], [], noBug);
  assert.equal(await fanOut.consume(batch({})), ACCEPTED);
  assert.equal(blocking.taken.length, 1);
});

test('best-effort outlets are passed over when they have no room, and never heard', async () => {
  const errors: unknown[] = [];
  const full = { ...outlet(ACCEPTED, RETRY), waits: true };
  const failing = outlet(REJECTED);
  const broken = outlet(new Error('broken'));
  const fanOut = new FanOut([], [full, failing, broken], (error) => void errors.push(error));
  assert.equal(await fanOut.consume(batch({})), ACCEPTED);
  await idle();
  assert.deepEqual([full.taken.length, failing.taken.length, errors.length], [0, 1, 1]);
});

test('a bug in one branch is a rejection, said to whoever keeps the log', async () => {
  const errors: unknown[] = [];
  const good = outlet(ACCEPTED);
  const fanOut = new FanOut(
    [outlet(new Error('broken')), good],
    [],
    (error) => void errors.push(error),
  );
  const outcome = await fanOut.consume(batch({}));
  assert.equal(outcome.kind === 'rejected' && outcome.fault, 'internal');
  assert.deepEqual([good.taken.length, errors.length], [1, 1]);
});
