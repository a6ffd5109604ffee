import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Policy } from '../../src/components/processors/probabilistic_sampler/policy.ts';
import { settings } from '../../src/components/processors/probabilistic_sampler/settings.ts';
import { Bits56 } from '../../src/formats/otlp/sampling/threshold.ts';
import { sampler, traceIdOf } from './stand.ts';

const TRACES = 1_000_000;
const MODES = ['hash_seed', 'proportional', 'equalizing'] as const;
type Mode = (typeof MODES)[number];

/** A million trace ids that look random and are the same every time. */
function ids(): Uint8Array {
  const words = new Uint32Array(TRACES * 4);
  let state = 20_261_121;
  for (let index = 0; index < words.length; index++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    words[index] = mixed ^ (mixed >>> 14);
  }
  return new Uint8Array(words.buffer);
}

const IDS = ids();

/** The sum of the adjusted counts of what is kept, and how many are kept. */
function estimate(policy: Policy): { estimated: number; kept: number } {
  const randomness = new Bits56();
  let estimated = 0;
  let kept = 0;
  for (let at = 0; at < IDS.length; at += 16) {
    if (policy.mode === 'hash_seed') {
      if (policy.hash.bucket(IDS, at, at + 16) >= policy.buckets) continue;
      estimated += policy.adjustedCount;
    } else {
      randomness.readTraceId(IDS, at);
      const { threshold } = policy.fresh!;
      if (!randomness.passes(threshold)) continue;
      estimated += threshold.adjustedCount;
    }
    kept++;
  }
  return { estimated, kept };
}

describe('SMP-15: over a million traces, adjusted counts estimate the truth', () => {
  for (const mode of MODES) {
    for (const percentage of [0.1, 1, 10, 50, 100]) {
      it(`${mode} at ${percentage} %: within 3 standard errors`, () => {
        const config = settings.parse({ mode, sampling_percentage: percentage });
        const policy = new Policy(config, percentage);
        const { estimated } = estimate(policy);
        const adjusted =
          mode === 'hash_seed' ? policy.adjustedCount : policy.fresh!.threshold.adjustedCount;
        // Of a sum of 1/p over a binomial number of items: n (1 - p) / p.
        const error = Math.sqrt(TRACES * (adjusted - 1));
        assert(Math.abs(estimated - TRACES) <= 3 * error, `${estimated} ± ${error}`);
      });
    }
  }
});

describe('two gateways in a row', () => {
  const items = Array.from({ length: 20_000 }, (_, index) => ({ traceId: traceIdOf(index) }));
  const bytesOf = (traceId: string) => Buffer.from(traceId, 'hex');

  /** The low 56 bits of a trace id. */
  const randomnessOf = (traceId: string) => BigInt(`0x${traceId.slice(18)}`);

  /** Thresholds of 10 % and of 5 % at four digits. */
  const T = (digits: string) => BigInt(`0x${digits.padEnd(14, '0')}`);
  const THRESHOLDS = { 10: 'e666', 5: 'f3333' } as const;

  function run(first: [Mode, number], second: [Mode, number]) {
    const [one, two] = [first, second].map(([mode, percentage]) =>
      sampler({ mode, sampling_percentage: percentage }),
    );
    return two!.spans(one!.spans(items));
  }

  function keptAbove(digits: string): string[] {
    return items.map(({ traceId }) => traceId).filter((id) => randomnessOf(id) >= T(digits));
  }

  for (const [first, second] of [
    [10, 5],
    [5, 10],
  ] as const) {
    for (const [before, after] of [
      ['equalizing', 'equalizing'],
      ['proportional', 'equalizing'],
    ] as const) {
      it(`${before} ${first} % then ${after} ${second} %: the set of 5 %`, () => {
        const left = run([before, first], [after, second]);
        assert.deepEqual(
          left.map(({ traceId }) => traceId),
          keptAbove(THRESHOLDS[5]),
        );
        assert(left.every(({ traceState }) => traceState === 'ot=th:f3333'));
      });
    }

    for (const before of ['equalizing', 'proportional'] as const) {
      it(`${before} ${first} % then proportional ${second} %: the set of 0.5 %`, () => {
        const left = run([before, first], ['proportional', second]);
        assert(left.length > 0);
        const digits = /th:([0-9a-f]+)/.exec(left[0]?.traceState ?? '')?.[1] ?? '';
        assert(left.every(({ traceState }) => traceState === `ot=th:${digits}`));
        assert(digits.startsWith('feb8'));
        const probability = Number(2n ** 56n - T(digits)) / 2 ** 56;
        assert(Math.abs(probability - 0.005) < 1e-5);
        assert.deepEqual(
          left.map(({ traceId }) => traceId),
          keptAbove(digits),
        );
      });
    }

    it(`hash_seed ${first} % then hash_seed ${second} %, same seed: the set of 5 %`, () => {
      const policy = new Policy(settings.parse({ sampling_percentage: 5 }), 5);
      const expected = items
        .map(({ traceId }) => traceId)
        .filter((id) => policy.hash.bucket(bytesOf(id), 0, 16) < policy.buckets);
      const left = run(['hash_seed', first], ['hash_seed', second]);
      assert.deepEqual(
        left.map(({ traceId }) => traceId),
        expected,
      );
    });

    for (const after of ['proportional', 'equalizing'] as const) {
      it(`hash_seed ${first} % then ${after} ${second} %: both have to agree`, () => {
        const policy = new Policy(settings.parse({ sampling_percentage: first }), first);
        const expected = keptAbove(THRESHOLDS[second]).filter(
          (id) => policy.hash.bucket(bytesOf(id), 0, 16) < policy.buckets,
        );
        const left = run(['hash_seed', first], [after, second]);
        assert.deepEqual(
          left.map(({ traceId }) => traceId),
          expected,
        );
      });

      it(`${after} ${first} % then hash_seed ${second} %: refused, for th is in use`, () => {
        assert.deepEqual(run([after, first], ['hash_seed', second]), []);
      });
    }
  }
});
