import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { Turns } from './turns.ts';

/** Keeps the thread busy, as decoding does. */
function burn(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function drained(turns: Turns): Promise<void> {
  while (turns.waiting > 0) await nextTurn();
}

describe('taking turns', () => {
  test('work starts at once while nothing waits', () => {
    const turns = new Turns();
    let ran = 0;
    turns.take({ tenant: 'a', bytes: 1, run: () => ran++ });
    turns.take({ tenant: 'a', bytes: 1, run: () => ran++ });
    assert.equal(ran, 2);
  });

  test('work waits when this turn of the event loop has spent its time', async () => {
    const turns = new Turns();
    const ran: string[] = [];
    turns.take({ tenant: 'a', bytes: 1, run: () => burn(6) });
    turns.take({ tenant: 'a', bytes: 1, run: () => ran.push('a') });
    assert.equal(turns.waiting, 1);
    assert.deepEqual(ran, []);
    await nextTurn();
    assert.deepEqual(ran, ['a']);
  });

  test('a slice ends after a few milliseconds, so that sockets are read', async () => {
    const turns = new Turns();
    const perSlice: number[] = [];
    let ran = 0;
    turns.take({ tenant: 'a', bytes: 1, run: () => burn(6) });
    for (let index = 0; index < 12; index++) {
      turns.take({
        tenant: 'a',
        bytes: 1,
        run: () => {
          burn(2);
          ran++;
        },
      });
    }
    while (turns.waiting > 0) {
      const before = ran;
      await nextTurn();
      if (ran > before) perSlice.push(ran - before);
    }
    assert.ok(perSlice.length >= 4, `${perSlice.length} slices`);
    assert.ok(Math.max(...perSlice) <= 3, `at most ${Math.max(...perSlice)} per slice`);
  });

  test('a tenant that sends much does not keep one that sends little waiting', async () => {
    const turns = new Turns();
    const order: string[] = [];
    turns.take({ tenant: 'x', bytes: 1, run: () => burn(6) });
    for (let index = 0; index < 1000; index++) {
      turns.take({ tenant: 'noisy', bytes: 100_000, run: () => order.push('noisy') });
    }
    turns.take({ tenant: 'quiet', bytes: 100_000, run: () => order.push('quiet') });
    await drained(turns);
    assert.equal(order.length, 1001);
    assert.ok(order.indexOf('quiet') <= 3, `quiet came after ${order.indexOf('quiet')} others`);
  });

  test('tenants get the same bytes, whatever the size of their requests', async () => {
    const turns = new Turns();
    const bytes = { large: 0, small: 0 };
    let atHalf: typeof bytes | undefined;
    const add = (tenant: 'large' | 'small', size: number): void => {
      turns.take({
        tenant,
        bytes: size,
        run: () => {
          bytes[tenant] += size;
          if (bytes.small >= 4_000_000) atHalf ??= { ...bytes };
        },
      });
    };
    turns.take({ tenant: 'x', bytes: 1, run: () => burn(6) });
    for (let index = 0; index < 16; index++) add('large', 1_000_000);
    for (let index = 0; index < 800; index++) add('small', 10_000);
    await drained(turns);
    assert.deepEqual(bytes, { large: 16_000_000, small: 8_000_000 });
    assert.ok(atHalf !== undefined);
    const ratio = atHalf.large / atHalf.small;
    assert.ok(ratio > 0.7 && ratio < 1.4, `large got ${ratio} times what small got`);
  });

  test('tenants that come and go leave nothing behind', async () => {
    const turns = new Turns();
    let ran = 0;
    turns.take({ tenant: 'x', bytes: 1, run: () => burn(6) });
    for (let index = 0; index < 5000; index++) {
      turns.take({ tenant: `t${index % 100}`, bytes: 500_000, run: () => ran++ });
    }
    await drained(turns);
    assert.equal(ran, 5000);
    assert.equal(turns.waiting, 0);
    turns.take({ tenant: 't1', bytes: 1, run: () => ran++ });
    await nextTurn();
    assert.equal(ran, 5001);
  });
});
