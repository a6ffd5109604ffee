import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  CASES,
  type Case,
  type Decisions,
  decisionsOf,
  type Packed,
  runCollector,
  SETS,
  SIZE,
  unpack,
} from './collector-run.ts';
import { sampler } from './stand.ts';

const recorded = JSON.parse(
  readFileSync(new URL('collector-decisions.json', import.meta.url), 'utf8'),
) as Packed[];

function decide({ set, settings }: Case): Decisions {
  const { signal, items } = SETS[set]!;
  const { spans, logs } = sampler(settings);
  return decisionsOf(signal, signal === 'traces' ? spans(items) : logs(items));
}

/**
 * The same items are kept, and with the same thresholds in the modes that write them. hash_seed
 * writes none here. And a threshold that contradicts its randomness is erased when its item is
 * kept all the same, as the specification demands; the Collector writes th:0 there.
 */
function assertAlike(each: Case, own: Decisions, theirs: Decisions): void {
  const kept = (decisions: Decisions) =>
    Array.from(decisions, (decision) => (decision === undefined ? '.' : 'x')).join('');
  assert.equal(kept(own), kept(theirs), JSON.stringify(each));
  if ((each.settings as { mode: string }).mode === 'hash_seed') return;
  const written = (decisions: Decisions) =>
    Array.from(decisions, (decision, index) => (own[index] === '' ? '' : decision));
  assert.deepEqual(written(own), written(theirs), JSON.stringify(each));
}

describe('decisions recorded from the Collector 0.155.0', () => {
  it('are about all cases, and about more than a thousand trace ids in each mode', () => {
    assert.deepEqual(
      recorded.map(({ set, settings }) => ({ set, settings })),
      CASES,
    );
    assert(SIZE >= 1000 && recorded.every(({ items }) => items.length === SIZE));
  });

  for (const [index, each] of CASES.entries()) {
    it(`${each.set} ${JSON.stringify(each.settings)}: the same are kept, with the same th`, () => {
      assertAlike(each, decide(each), unpack(recorded[index]!));
    });
  }
});

const collector = process.env['OTELCOL'];
if (collector !== undefined) {
  it('side by side in one run, a collector and this sampler decide alike', async () => {
    const theirs = await runCollector(collector);
    for (const [index, each] of CASES.entries()) {
      assertAlike(each, decide(each), theirs[index] ?? []);
    }
  });
}
