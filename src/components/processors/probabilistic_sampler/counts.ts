import type { Counter, Meter } from '../../../contract/context.ts';

/** Why an item was kept or dropped. */
export type Reason = 'probability' | 'priority' | 'failed';

/** What was wrong with what an item says about its sampling. */
export type Problem =
  | 'malformed'
  | 'invalid_threshold'
  | 'invalid_randomness'
  | 'inconsistent_threshold'
  | 'missing_randomness'
  | 'sampling_in_use'
  | 'tracestate_full';

const REASONS: readonly Reason[] = ['probability', 'priority', 'failed'];
const PROBLEMS: readonly Problem[] = [
  'malformed',
  'invalid_threshold',
  'invalid_randomness',
  'inconsistent_threshold',
  'missing_randomness',
  'sampling_in_use',
  'tracestate_full',
];

const HELP = {
  kept: 'Items a sampler kept, by what decided; rule is that of its rules together.',
  dropped: 'Items a sampler dropped, by what decided.',
  rule: 'Items kept by a rule.',
  problem: 'Items whose sampling information could not be used as it was.',
} as const;

/** A number that is added up per item and counted per request. */
class Tally {
  amount = 0;
  readonly #counter: Counter;

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  flush(): void {
    if (this.amount !== 0) this.#counter.add(this.amount);
    this.amount = 0;
  }
}

/** What one sampler says about itself. */
export class Counts {
  readonly kept: Readonly<Record<Reason, Tally>>;
  readonly keptByRules: Tally;
  readonly dropped: Readonly<Record<Reason, Tally>>;
  /** By the index of the rule. */
  readonly rules: readonly Tally[];
  readonly problems: Readonly<Record<Problem, Tally>>;
  /** Sum of the adjusted counts of what was kept, as far as they are known. */
  readonly represented: Tally;
  readonly #seen: Counter;
  readonly #all: readonly Tally[];

  constructor(meter: Meter, rules: readonly string[]) {
    this.#seen = meter.counter('sampler_seen_items', 'Items given to a sampler.');
    const keptBy = (by: string) =>
      new Tally(meter.counter('sampler_kept_items', HELP.kept, { by }));
    const droppedBy = (by: string) =>
      new Tally(meter.counter('sampler_dropped_items', HELP.dropped, { by }));
    this.kept = recordOf(REASONS, keptBy);
    this.keptByRules = keptBy('rule');
    this.dropped = recordOf(REASONS, droppedBy);
    this.rules = rules.map(
      (rule) => new Tally(meter.counter('sampler_rule_kept_items', HELP.rule, { rule })),
    );
    this.problems = recordOf(
      PROBLEMS,
      (problem) => new Tally(meter.counter('sampler_problem_items', HELP.problem, { problem })),
    );
    const help = 'Items that the kept ones stand for: the sum of their adjusted counts.';
    this.represented = new Tally(meter.counter('sampler_represented_items', help));
    this.#all = [
      ...Object.values(this.kept),
      this.keptByRules,
      ...Object.values(this.dropped),
      ...this.rules,
      ...Object.values(this.problems),
      this.represented,
    ];
  }

  /** Counts what was added up since the last time. */
  flush(seen: number): void {
    this.#seen.add(seen);
    for (const tally of this.#all) tally.flush();
  }
}

function recordOf<K extends string, V>(
  keys: readonly K[],
  make: (key: K) => V,
): Readonly<Record<K, V>> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;
}
