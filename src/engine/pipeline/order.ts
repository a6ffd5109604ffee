import type { Batch } from '../../contract/batch.ts';
import type { Reach } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';

/** What is done with a batch: what is left of it, or the refusal of it. */
export type Act = (batch: Batch) => Batch | Outcome | undefined;

/** A step of a pipeline, as one act or as two. */
export interface Acts {
  /** Undefined: everything. */
  readonly reach: Reach | undefined;
  /** Counts and transforms. */
  readonly apply: Act;
  /** Counts the batch as taken and passed on; for a step that drops nothing. */
  readonly note: Act;
  /** Transforms what was noted. */
  readonly work: Act;
}

/**
 * The acts of these steps in the cheapest order that gives what the configured one gives. Steps
 * that change resources alone wait for steps that drop items without looking at resources: then
 * what is dropped is not copied first. The books are kept in the configured order.
 */
export function actsOf(steps: readonly Acts[]): readonly Act[] {
  const acts: Act[] = [];
  let waiting: Act[] = [];
  steps.forEach((step, index) => {
    const { reach } = step;
    const next = steps.slice(index).find((each) => each.reach !== 'resources');
    if (reach === 'resources' && next?.reach === 'items') {
      acts.push(step.note);
      waiting.push(step.work);
      return;
    }
    if (reach !== 'items') {
      acts.push(...waiting);
      waiting = [];
    }
    acts.push(step.apply);
  });
  return [...acts, ...waiting];
}
