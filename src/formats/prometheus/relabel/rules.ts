import type { Naming } from './label-name.ts';
import { type Label, LabelList, type LabelSet } from './label-set.ts';
import { compileRule, type Rule } from './rule.ts';
import type { RuleConfig } from './settings.ts';

/** A label whose value a rule changed. */
export interface ChangedLabel {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** What one rule did. */
export interface Step {
  /** Of the rule in its list, from 0. */
  readonly index: number;
  readonly rule: RuleConfig;
  readonly added: readonly Label[];
  readonly changed: readonly ChangedLabel[];
  readonly removed: readonly Label[];
  readonly dropped: boolean;
}

/** What a list of rules made of labels, rule by rule. The last step is the one that dropped. */
export interface Explanation {
  readonly before: readonly Label[];
  readonly steps: readonly Step[];
  /** Undefined when the series was dropped. */
  readonly after: readonly Label[] | undefined;
}

/** Rules of Prometheus, compiled, in order. They are pure: what they remember is never visible. */
export class RelabelRules {
  readonly #configs: readonly RuleConfig[];
  readonly #rules: readonly Rule[];

  /** The rules must have passed `checkRules` with the same naming. */
  constructor(configs: readonly RuleConfig[], naming: Naming) {
    this.#configs = configs;
    this.#rules = configs.map((config) => compileRule(config, naming));
  }

  /** Changes the labels; false when the series is dropped, and the labels are of no use then. */
  apply(labels: LabelSet): boolean {
    for (const rule of this.#rules) if (!rule(labels)) return false;
    return true;
  }

  /** What becomes of labels, by name in byte order; undefined when the series is dropped. */
  relabel(labels: readonly Label[]): readonly Label[] | undefined {
    const list = new LabelList(labels);
    return this.apply(list) ? list.labels() : undefined;
  }

  /** The same as `relabel`, telling what each rule did. */
  explain(labels: readonly Label[]): Explanation {
    const list = new LabelList(labels);
    const before = list.labels();
    const steps: Step[] = [];
    for (const [index, rule] of this.#rules.entries()) {
      const was = list.labels();
      const dropped = !rule(list);
      const now = dropped ? was : list.labels();
      steps.push({ index, rule: this.#configs[index]!, ...difference(was, now), dropped });
      if (dropped) return { before, steps, after: undefined };
    }
    return { before, steps, after: list.labels() };
  }
}

function difference(before: readonly Label[], after: readonly Label[]) {
  const was = new Map(before.map(({ name, value }) => [name, value]));
  const is = new Map(after.map(({ name, value }) => [name, value]));
  return {
    added: after.filter(({ name }) => !was.has(name)),
    changed: after
      .filter(({ name, value }) => was.has(name) && was.get(name) !== value)
      .map(({ name, value }) => ({ name, before: was.get(name)!, after: value })),
    removed: before.filter(({ name }) => !is.has(name)),
  };
}
