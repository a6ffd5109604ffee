import type { Permit } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { Budget } from './budget.ts';
import type { Refusals } from './refusals.ts';

/** What bounds a request. */
export interface Limits {
  readonly budget: Budget;
  readonly refusals: Refusals;
  /** Why what comes after the gate has no room for so many bytes in all; not asked when absent. */
  readonly beyond?: ((bytes: number) => Outcome | undefined) | undefined;
}

/** Room that one request has in the budgets of the shard where it is. */
export class RoomPermit implements Permit {
  readonly tenant: string;
  readonly #limits: Limits;
  readonly #slot: number;
  /** Bytes of the same request that another shard has charged. */
  readonly #elsewhere: number;
  #bytes: number;
  #released = false;

  /** Takes over `bytes` that are charged already. */
  constructor(
    charged: { readonly tenant: string; readonly slot: number; readonly bytes: number },
    limits: Limits,
    elsewhere = 0,
  ) {
    this.tenant = charged.tenant;
    this.#slot = charged.slot;
    this.#bytes = charged.bytes;
    this.#limits = limits;
    this.#elsewhere = elsewhere;
  }

  resize(bytes: number): Outcome | undefined {
    if (this.#released) return undefined;
    const { budget, refusals, beyond } = this.#limits;
    const tooLarge = refusals.tooLarge(bytes);
    if (tooLarge !== undefined) return tooLarge;
    const more = Math.max(bytes - this.#elsewhere, 0) - this.#bytes;
    if (more <= 0) {
      budget.give(this.#slot, -more);
      this.#bytes += more;
      return undefined;
    }
    if (budget.pressure === 2) return refusals.pressed();
    const refusal = beyond?.(bytes);
    if (refusal !== undefined) return refusal;
    const shortage = budget.take(this.#slot, more);
    if (shortage !== undefined) return refusals.full(shortage, this.tenant);
    this.#bytes += more;
    return undefined;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#limits.budget.give(this.#slot, this.#bytes);
  }
}
