import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import resource from '../../src/components/processors/resource/index.ts';
import sampling from '../../src/components/processors/probabilistic_sampler/index.ts';
import { settings as resourceSettings } from '../../src/components/processors/resource/settings.ts';
import { settings } from '../../src/components/processors/probabilistic_sampler/settings.ts';
import { countItems } from '../../src/formats/otlp/walk.ts';
import { batchWith, sampler } from '../sampling/stand.ts';
import { generateRequest } from './otlp-requests.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const signals = fc.constantFrom('traces' as const, 'logs' as const);
const section = fc.record({
  mode: fc.constantFrom('hash_seed', 'proportional', 'equalizing'),
  sampling_percentage: fc.constantFrom(0, 10, 50, 100),
});
const ACTIONS = [
  { key: 'gateway', value: 'x', action: 'upsert' },
  { key: 'service.name', action: 'delete' },
  { key: 'k', action: 'hash' },
];

describe('transforms of different reach', () => {
  it('give the same bytes in either order', () => {
    const config = resourceSettings.parse({ attributes: ACTIONS });
    fc.assert(
      fc.property(signals, seeds, section, (signal, seed, sampled) => {
        const bytes = generateRequest(signal, seed, { unknown: true, disorder: true });
        const batch = batchWith(signal, bytes, countItems(signal, bytes));
        const change = resource.transform(config);
        const sample = sampler(sampled).transform;
        const changed = change(batch);
        const left = sample(batch);
        const one = changed && sample(changed);
        const other = left && change(left);
        assert.deepEqual(other?.chunks, one?.chunks);
        assert.equal(other?.items, one?.items);
      }),
      { numRuns: 1000 },
    );
  });

  it('a sampler with rules about resources looks further than at items', () => {
    const f = (rule: object, expected: string | undefined) => {
      const config = settings.parse({ sampling_percentage: 10, keep: [{ name: 'r', ...rule }] });
      assert.equal(sampling.reach(config), expected);
    };
    f({ status_codes: ['ERROR'] }, 'items');
    f({ resource_attributes: [{ key: 'k', exists: true }] }, undefined);
  });
});
