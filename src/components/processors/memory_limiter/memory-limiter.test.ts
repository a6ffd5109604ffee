import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import definition from './index.ts';
import { limitsOf, settings } from './settings.ts';

const MIB = 1024 ** 2;

function mistakes(section: unknown): string[] {
  const parsed = settings.safeParse(section);
  return (parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

test('the soft limit lies a fifth below the limit unless a spike is given', () => {
  const plain = settings.parse({ check_interval: '1s', limit_mib: 1000 });
  assert.deepEqual(limitsOf(plain, 0), {
    checkIntervalMs: 1000,
    softBytes: 800 * MIB,
    hardBytes: 1000 * MIB,
  });
  const spiky = settings.parse({ check_interval: '1s', limit_mib: 1000, spike_limit_mib: 100 });
  assert.equal(limitsOf(spiky, 0).softBytes, 900 * MIB);
});

test('percentages are of the memory there is', () => {
  const config = settings.parse({
    check_interval: '1s',
    limit_percentage: 50,
    spike_limit_percentage: 10,
  });
  const limits = limitsOf(config, 1000 * MIB);
  assert.equal(limits.hardBytes, 500 * MIB);
  assert.equal(limits.softBytes, 400 * MIB);
});

test('mebibytes win over a percentage', () => {
  const config = settings.parse({ check_interval: '1s', limit_mib: 10, limit_percentage: 50 });
  assert.equal(limitsOf(config, 1000 * MIB).hardBytes, 10 * MIB);
});

test('what must be set and what contradicts is said', () => {
  assert.match(mistakes({ limit_mib: 1 }).join(), /check_interval/);
  assert.match(mistakes({ check_interval: '0s', limit_mib: 1 }).join(), /must be more than 0/);
  assert.match(mistakes({ check_interval: '1s' }).join(), /limit_mib: is required/);
  const spike = mistakes({ check_interval: '1s', limit_mib: 5, spike_limit_mib: 5 }).join();
  assert.match(spike, /spike_limit_mib: must be less than limit_mib \(5\)/);
});

test('a share of this machine is never more than the machine', () => {
  const config = settings.parse({ check_interval: '1s', limit_percentage: 100 });
  const { hardBytes } = definition.limits(config);
  assert.ok(hardBytes > 0 && hardBytes <= totalmem());
});
