import type { Permit } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { Budget } from './budget.ts';
import type { Refusals } from './refusals.ts';

/** Room that one request has in the budgets of the shard where it is. */
export class RoomPermit implements Permit {
  readonly tenant: string;
  readonly #budget: Budget;
  readonly #refusals: Refusals;
  readonly #slot: number;
  /** Bytes of the same request that another shard has charged. */
  readonly #elsewhere: number;
  #bytes: number;
  #released = false;

  /** Takes over `bytes` that are charged already. */
  constructor(
    charged: { readonly tenant: string; readonly slot: number; readonly bytes: number },
    budget: Budget,
    refusals: Refusals,
    elsewhere = 0,
  ) {
    this.tenant = charged.tenant;
    this.#slot = charged.slot;
    this.#bytes = charged.bytes;
    this.#budget = budget;
    this.#refusals = refusals;
    this.#elsewhere = elsewhere;
  }

  resize(bytes: number): Outcome | undefined {
    if (this.#released) return undefined;
    const tooLarge = this.#refusals.tooLarge(bytes);
    if (tooLarge !== undefined) return tooLarge;
    const more = Math.max(bytes - this.#elsewhere, 0) - this.#bytes;
    if (more <= 0) {
      this.#budget.give(this.#slot, -more);
      this.#bytes += more;
      return undefined;
    }
    if (this.#budget.pressure === 2) return this.#refusals.pressed();
    const shortage = this.#budget.take(this.#slot, more);
    if (shortage !== undefined) return this.#refusals.full(shortage, this.tenant);
    this.#bytes += more;
    return undefined;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.give(this.#slot, this.#bytes);
  }
}
