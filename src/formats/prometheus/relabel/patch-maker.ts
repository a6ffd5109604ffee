import type { Bytes } from '../../../contract/batch.ts';
import { METRIC_NAME } from './label-name.ts';
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

  constructor(rules: RelabelRules) {
    this.#rules = rules;
  }

  /** Says which chunk the label sets are in. */
  begin(chunk: Bytes): void {
    this.#labels.begin(chunk);
  }

  /** What becomes of the labels from `start` to `end` of a valid series. */
  patchOf(start: number, end: number): Patch {
    const labels = this.#labels;
    labels.enter(start, end);
    if (!this.#rules.apply(labels)) return DROPPED;
    const patch = labels.finish();
    if (patch === undefined) return UNCHANGED;
    return labels.get(METRIC_NAME) === '' ? NAMELESS : patch;
  }
}
