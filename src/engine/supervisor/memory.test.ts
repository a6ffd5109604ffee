import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../config/config.ts';
import { planMemory } from './memory.ts';

const MIB = 1024 * 1024;

function configOf(maxBytes: number, tenantShare = 1, shards = 2): Config {
  return { service: { shards, admission: { maxBytes, tenantShare } } } as unknown as Config;
}

test('a budget that is configured is what counts', () => {
  const plan = planMemory(configOf(64 * MIB, 0.5), undefined, 8192 * MIB);
  assert.equal(plan.budgetBytes, 64 * MIB);
  assert.equal(plan.tenantBytes, 32 * MIB);
});

test('without one it is a quarter of the memory, at most 2 GiB', () => {
  const budget = (available: number): number =>
    planMemory(configOf(0), undefined, available).budgetBytes;
  assert.equal(budget(1024 * MIB), 256 * MIB);
  assert.equal(budget(65_536 * MIB), 2048 * MIB);
});

test('a memory_limiter keeps the derived budget at half of its soft limit', () => {
  const limits = { checkIntervalMs: 1000, softBytes: 300 * MIB, hardBytes: 400 * MIB };
  const plan = planMemory(configOf(0), limits, 8192 * MIB);
  assert.equal(plan.budgetBytes, 150 * MIB);
  assert.equal(plan.limits, limits);
});

test('without a memory_limiter the process refuses before the machine kills it', () => {
  const { limits } = planMemory(configOf(0), undefined, 1000 * MIB);
  assert.equal(limits.softBytes, 850 * MIB);
  assert.equal(limits.hardBytes, 950 * MIB);
});

test('the shards share half of the memory for their heaps, within bounds', () => {
  const heap = (available: number, shards: number): number =>
    planMemory(configOf(0, 1, shards), undefined, available * MIB).heapMib;
  assert.equal(heap(4096, 2), 1024);
  assert.equal(heap(512, 4), 256);
  assert.equal(heap(65_536, 1), 4096);
});

test('shards with a small budget begin with a small heap', () => {
  const youngOf = (budget: number, shards: number) =>
    planMemory(configOf(budget * MIB, 1, shards), undefined, 8192 * MIB).youngMib;
  assert.equal(youngOf(64, 2), 12);
  assert.equal(youngOf(64, 1), 48);
  assert.equal(youngOf(0, 2), 48);
});
