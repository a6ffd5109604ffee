import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Budget } from './budget.ts';
import {
  clearShard,
  createBudgetMemory,
  SHARED_SLOTS,
  TENANT_SLOTS,
  totalHeld,
  type BudgetMemory,
} from './budget-memory.ts';

function memoryOf(limits: Partial<BudgetMemory> = {}): BudgetMemory {
  return createBudgetMemory({
    secret: 'test',
    shards: 2,
    maxBytes: 1000,
    tenantMaxBytes: 600,
    ...limits,
  });
}

describe('the byte budgets', () => {
  test('a budget is spent to the last byte and no further, over all shards', () => {
    const memory = memoryOf();
    const [one, two] = [new Budget(memory, 0), new Budget(memory, 1)];
    assert.equal(one.take(one.slotOf('a'), 600), undefined);
    assert.equal(two.take(two.slotOf('b'), 400), undefined);
    assert.equal(totalHeld(memory), 1000);
    assert.equal(one.take(one.slotOf('c'), 1), 'memory_budget');
    assert.equal(totalHeld(memory), 1000);
    two.give(two.slotOf('b'), 1);
    assert.equal(one.take(one.slotOf('c'), 1), undefined);
    assert.equal(totalHeld(memory), 1000);
  });

  test('a tenant may hold its share and not a byte more, over all shards', () => {
    const memory = memoryOf();
    const [one, two] = [new Budget(memory, 0), new Budget(memory, 1)];
    assert.equal(one.take(one.slotOf('a'), 300), undefined);
    assert.equal(two.take(two.slotOf('a'), 301), 'tenant_memory_budget');
    assert.equal(two.take(two.slotOf('a'), 300), undefined);
    assert.equal(one.take(one.slotOf('b'), 400), undefined);
    assert.equal(totalHeld(memory), 1000);
  });

  test('several tenants that take all they can leave room for one more, and for those with little', () => {
    const memory = memoryOf({ maxBytes: 10_000, tenantMaxBytes: 5000 });
    const [one, two] = [new Budget(memory, 0), new Budget(memory, 1)];
    const take = (budget: Budget, tenant: string) => budget.take(budget.slotOf(tenant), 100);
    for (let times = 0; times < 100; times++) {
      for (const budget of [one, two]) budget.sample(times * 50 + 1);
      take(one, 'a');
      take(two, 'b');
    }
    assert.ok(totalHeld(memory) <= 7600, `${totalHeld(memory)} bytes are held`);
    for (let times = 0; times < 20; times++) assert.equal(take(two, 'c'), undefined);
    assert.equal(take(one, 'a'), 'tenant_memory_budget');
    assert.equal(take(two, 'b'), 'tenant_memory_budget');
  });

  test('a tenant alone, or without a limit of its own, may have all that its limit allows', () => {
    const f = (tenantMaxBytes: number, tenants: readonly string[]) => {
      const memory = memoryOf({ maxBytes: 10_000, tenantMaxBytes });
      const budget = new Budget(memory, 0);
      for (let times = 0; times < 100; times++) {
        budget.sample(times * 50 + 1);
        for (const tenant of tenants) budget.take(budget.slotOf(tenant), 100);
      }
      return totalHeld(memory);
    };
    assert.equal(f(5000, ['a']), 5000);
    assert.equal(f(10_000, ['a']), 10_000);
    assert.equal(f(10_000, ['a', 'b']), 10_000);
  });

  test('a request of unknown length is refused when no byte is left', () => {
    const memory = memoryOf({ tenantMaxBytes: 1000 });
    const budget = new Budget(memory, 0);
    assert.equal(budget.take(budget.slotOf('a'), 999), undefined);
    assert.equal(budget.take(budget.slotOf('a'), 0), undefined);
    assert.equal(budget.take(budget.slotOf('a'), 1), undefined);
    assert.equal(budget.take(budget.slotOf('a'), 0), 'memory_budget');
  });

  test('what queues hold counts, even above the limit, and parts give it back to the byte', () => {
    const memory = memoryOf();
    const budget = new Budget(memory, 0);
    budget.charge('a', 1001);
    assert.equal(budget.take(budget.slotOf('b'), 1), 'memory_budget');
    budget.release('a', 501);
    budget.release('a', 500);
    assert.equal(totalHeld(memory), 0);
    assert.equal(budget.held, 0);
  });

  test('a dead shard leaves no charge behind', () => {
    const memory = memoryOf();
    const [one, two] = [new Budget(memory, 0), new Budget(memory, 1)];
    one.charge('a', 600);
    two.charge('a', 50);
    clearShard(memory, 0);
    assert.equal(totalHeld(memory), 50);
    assert.equal(two.take(two.slotOf('a'), 550), undefined);
    assert.equal(two.take(two.slotOf('a'), 1), 'tenant_memory_budget');
  });

  test('tenants that come when the table is full share slots by chance, and the others keep theirs', () => {
    const memory = memoryOf({ shards: 1 });
    const budget = new Budget(memory, 0);
    const early = budget.slotOf('early');
    const owned = new Set([early]);
    while (owned.size < TENANT_SLOTS * 0.75) owned.add(budget.slotOf(`t${owned.size}`));
    const shared = new Map<number, string>();
    for (let index = 0; index < 20 * SHARED_SLOTS; index++) {
      const slot = budget.slotOf(`late-${index}`);
      assert.ok(slot < SHARED_SLOTS);
      shared.set(slot, `late-${index}`);
    }
    assert.equal(shared.size, SHARED_SLOTS, 'late tenants spread over all shared slots');
    assert.equal(budget.slotOf('early'), early);
    assert.equal(new Budget(memory, 0).slotOf('early'), early);
    const crowded = budget.slotOf('late-0');
    const other = [...shared.keys()].find((slot) => slot !== crowded) ?? crowded;
    assert.equal(new Budget(memory, 0).slotOf('late-0'), crowded, 'in every shard the same');
    assert.equal(budget.take(crowded, 600), undefined);
    assert.equal(budget.take(crowded, 1), 'tenant_memory_budget');
    assert.equal(budget.take(other, 1), undefined, 'a tenant in another slot is not touched');
    assert.equal(budget.take(early, 1), undefined);
  });

  test('the hint is the time the bytes held take to drain, within 1 to 30 s', () => {
    const memory = memoryOf({ maxBytes: 1e9, tenantMaxBytes: 1e9 });
    const [one, two] = [new Budget(memory, 0), new Budget(memory, 1)];
    const hints = (low: number, high: number): void => {
      for (let index = 0; index < 50; index++) {
        const hint = two.hintMs();
        assert.ok(hint >= low && hint <= high, `${hint} is within ${low} and ${high}`);
      }
    };
    hints(5000, 6250);
    // 10 MiB per second, for long enough that the rate has settled.
    for (let second = 1; second <= 60; second++) {
      one.charge('a', 10 * 1024 * 1024);
      one.release('a', 10 * 1024 * 1024);
      one.sample(second * 1000);
    }
    hints(1000, 1250);
    one.charge('a', 100 * 1024 * 1024);
    hints(9900, 12_600);
    one.charge('a', 500 * 1024 * 1024);
    hints(24_000, 30_000);
  });
});
