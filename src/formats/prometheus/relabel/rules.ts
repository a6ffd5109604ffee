import { isLabelName, LabelName, METRIC_NAME, type Naming } from './label-name.ts';
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

  /**
   * Labels whose values can make a difference to what the rules do, beside which names there are; undefined
   * when that may be any label.
   */
  get looked(): readonly LabelName[] | undefined {
    const names = new Set<string>();
    for (const { action, source_labels: sources, target_label: target } of this.#configs) {
      // It copies the values of labels that it finds by their names.
      if (action === 'labelmap') return undefined;
      for (const name of sources) names.add(name);
      // A label that is set to what it was has not changed. A target may be found by a match.
      if (target.includes('$')) return undefined;
      if (target !== '') names.add(target);
    }
    return [...names].map((name) => new LabelName(name));
  }

  /** Whether labels under names of remote-write 1.0 stay such, whatever the values are. */
  get keepsLegacy(): boolean {
    return this.#configs.every(({ action, target_label: target }) => {
      if (action === 'labelmap') return false;
      return target === '' || (isLabelName(target, 'legacy') && target !== METRIC_NAME.text);
    });
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
