import type { Bytes } from '../../../contract/batch.ts';
import { METRIC_NAME } from './label-name.ts';
import { PlanTable } from './plan-table.ts';
import type { RelabelRules } from './rules.ts';
import { type Patch, SeriesLabels } from './series-labels.ts';

/** What a label set becomes: other labels, or one of these. */
export const UNCHANGED: Patch = { prefix: 0, suffix: 0, bytes: new Uint8Array(0) };
export const DROPPED: Patch = { ...UNCHANGED };
export const NAMELESS: Patch = { ...UNCHANGED };

/** Applies rules to label sets, one at a time, and says what makes them what they become. */
export class PatchMaker {
  readonly #rules: RelabelRules;
  readonly #labels = new SeriesLabels();
  readonly #plans: PlanTable | undefined;
  #chunk: Bytes = new Uint8Array(0);

  /** Without `hasPlans` every label set pays for the rules. */
  constructor(rules: RelabelRules, hasPlans = true) {
    this.#rules = rules;
    const { looked } = rules;
    if (hasPlans && looked !== undefined) this.#plans = new PlanTable(looked);
  }

  /** Says which chunk the label sets are in. */
  begin(chunk: Bytes): void {
    this.#chunk = chunk;
    this.#labels.begin(chunk);
  }

  /**
   * What becomes of the labels from `start` to `end` of a valid series; the bytes of a patch are good until
   * the next.
   */
  patchOf(start: number, end: number): Patch {
    const plans = this.#plans;
    if (plans === undefined) return this.#apply(start, end);
    const known = plans.find(this.#chunk, start, end);
    if (known === 'unchanged') return UNCHANGED;
    if (known === 'dropped') return DROPPED;
    if (known === 'nameless') return NAMELESS;
    if (known !== undefined) return plans.patch(known, this.#chunk);
    const patch = this.#apply(start, end);
    if (patch === UNCHANGED) plans.set('unchanged');
    else if (patch === DROPPED) plans.set('dropped');
    else if (patch === NAMELESS) plans.set('nameless');
    else {
      const own = { ...patch, bytes: patch.bytes.slice() };
      const plan = this.#labels.plan();
      if (plan !== undefined) plans.set(plan);
      return own;
    }
    return patch;
  }

  #apply(start: number, end: number): Patch {
    const labels = this.#labels;
    labels.enter(start, end);
    if (!this.#rules.apply(labels)) return DROPPED;
    const patch = labels.peek();
    if (patch === undefined) return UNCHANGED;
    return labels.get(METRIC_NAME) === '' ? NAMELESS : patch;
  }
}
