import type { Batch } from '../../contract/batch.ts';
import type { Consumer } from '../../contract/component.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { releaseAll, retainAll } from '../../wire/memory.ts';

/** A consumer that can be asked for room before anything is given to anybody. */
export interface Outlet extends Consumer {
  /** Whether `consume` may wait for room; then there is no need to ask before. */
  readonly waits?: boolean;
  /** Why this batch would not be taken at once. */
  refusal?(batch: Batch): Outcome | undefined;
  /** Told that its copy of this batch is lost, for the reason it gave for not taking it. */
  passedOver?(batch: Batch, refusal: Refusal): void;
}

/** Why a batch was not taken. */
export type Refusal = Exclude<Outcome, { kind: 'accepted' }>;

/**
 * One batch, many consumers, one outcome. The bytes are shared, nothing is copied.
 *
 * While one required outlet has no room, none is given the batch: its sender comes back with
 * it, and nobody gets it twice. Best-effort outlets take it if they can at once; what becomes of
 * it there is their own affair, and counted there, as are those they had no room for.
 */
export class FanOut implements Outlet {
  readonly #required: readonly Outlet[];
  readonly #bestEffort: readonly Outlet[];
  readonly #bug: (error: unknown) => void;

  /** `bug` is told what a consumer rejected with. */
  constructor(
    required: readonly Outlet[],
    bestEffort: readonly Outlet[],
    bug: (error: unknown) => void,
  ) {
    this.#required = required;
    this.#bestEffort = bestEffort;
    this.#bug = bug;
  }

  refusal(batch: Batch): Outcome | undefined {
    for (const outlet of this.#required) {
      const refusal = outlet.waits === true ? undefined : outlet.refusal?.(batch);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  consume(batch: Batch): Promise<Outcome> {
    const refusal = this.refusal(batch);
    if (refusal !== undefined) return Promise.resolve(refusal);
    const answers = this.#required.map((outlet) => this.#offer(outlet, batch));
    for (const outlet of this.#bestEffort) {
      const full = outlet.refusal?.(batch);
      if (full === undefined) void this.#leaveWith(outlet, batch);
      else if (full.kind !== 'accepted') outlet.passedOver?.(batch, full);
    }
    return answers.length === 1 ? answers[0]! : Promise.all(answers).then(combine);
  }

  /** Nobody waits for this one: it holds the bytes itself until it is done with them. */
  async #leaveWith(outlet: Outlet, batch: Batch): Promise<void> {
    retainAll(batch.chunks);
    await this.#offer(outlet, batch);
    releaseAll(batch.chunks);
  }

  async #offer(outlet: Outlet, batch: Batch): Promise<Outcome> {
    try {
      return await outlet.consume(batch);
    } catch (error) {
      this.#bug(error);
      const message = 'the collector failed unexpectedly on this request; its log says more';
      return { kind: 'rejected', reason: 'pipeline_bug', message, fault: 'internal' };
    }
  }
}

/**
 * The answer to a request that went to several: `retry` if any says so, for then the data is
 * not where it must be; else `rejected`, else `partial`, if any says so; else `accepted`. Of
 * several `retry` the one with the longest wait, of several `partial` the one that lost most.
 */
export function combine(outcomes: readonly Outcome[]): Outcome {
  let worst: Outcome = ACCEPTED;
  for (const outcome of outcomes) {
    if (weight(outcome) > weight(worst)) worst = outcome;
    else if (outcome.kind === 'retry' && worst.kind === 'retry') {
      if ((outcome.afterMs ?? 0) > (worst.afterMs ?? 0)) worst = outcome;
    } else if (outcome.kind === 'partial' && worst.kind === 'partial') {
      if (outcome.rejected > worst.rejected) worst = outcome;
    }
  }
  return worst;
}

function weight(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'accepted':
      return 0;
    case 'partial':
      return 1;
    case 'rejected':
      return 2;
    case 'retry':
      return 3;
  }
}
