import { performance } from 'node:perf_hooks';

/** Work that waits for its turn. */
export interface Turn {
  readonly tenant: string;
  /** What it costs, for fairness between tenants. */
  readonly bytes: number;
  /** Starts the work. Never throws; what takes longer goes on by itself. */
  run(): void;
}

interface Waiting {
  readonly turn: Turn;
  next: Waiting | undefined;
}

/** A tenant with something waiting, linked to the one whose turn comes next. */
interface TenantTurns {
  readonly name: string;
  first: Waiting | undefined;
  last: Waiting | undefined;
  /** Bytes it may still spend in this round. */
  deficit: number;
  next: TenantTurns | undefined;
}

/** How long work may hold the thread before sockets are read again. */
const SLICE_MS = 4;
/** What a tenant may spend in each round: a slice of small requests, never a burst of them. */
const QUANTUM = 32 * 1024;
/** What a request costs besides its bytes. */
const REQUEST_COST = 2048;

/**
 * Lets tenants take turns at the thread: deficit round robin by bytes. Work starts at once while
 * nothing waits and this turn of the event loop has time left; otherwise it waits, and runs in
 * slices of a few milliseconds per turn, so that reading sockets goes on.
 */
export class Turns {
  /** Those in the round, by name. */
  readonly #tenants = new Map<string, TenantTurns>();
  /** The tenant whose turn it is, and the one whose turn is furthest away. */
  #first: TenantTurns | undefined;
  #last: TenantTurns | undefined;
  #waiting = 0;
  #spentMs = 0;
  #scheduled = false;

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs `turn` now or when its tenant's turn has come. */
  take(turn: Turn): void {
    if (this.#waiting === 0 && this.#spentMs < SLICE_MS) {
      const before = performance.now();
      turn.run();
      this.#spentMs += performance.now() - before;
    } else {
      this.#wait(turn);
    }
    this.#schedule();
  }

  #wait(turn: Turn): void {
    const waiting: Waiting = { turn, next: undefined };
    this.#waiting++;
    const tenant = this.#tenants.get(turn.tenant);
    if (tenant === undefined) {
      this.#join({
        name: turn.tenant,
        first: waiting,
        last: waiting,
        deficit: QUANTUM,
        next: undefined,
      });
      return;
    }
    if (tenant.last !== undefined) tenant.last.next = waiting;
    tenant.last = waiting;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#slice);
  }

  readonly #slice = (): void => {
    this.#scheduled = false;
    this.#spentMs = 0;
    if (this.#waiting === 0) return;
    const start = performance.now();
    let now = start;
    while (this.#waiting > 0 && now - start < SLICE_MS) {
      this.#next().run();
      now = performance.now();
    }
    // Work that arrives in the same turn of the loop waits behind what is left of this slice.
    this.#spentMs = now - start;
    this.#schedule();
  };

  /** The turn that is due; at least one waits. */
  #next(): Turn {
    for (;;) {
      const tenant = this.#first;
      const waiting = tenant?.first;
      if (tenant === undefined || waiting === undefined) {
        throw new Error('bug: work waits, but no tenant of the round has any');
      }
      const cost = waiting.turn.bytes + REQUEST_COST;
      if (tenant.deficit < cost) {
        tenant.deficit += QUANTUM;
        this.#leave(tenant);
        this.#join(tenant);
        continue;
      }
      tenant.deficit -= cost;
      tenant.first = waiting.next;
      if (tenant.first === undefined) this.#leave(tenant);
      this.#waiting--;
      return waiting.turn;
    }
  }

  /** Puts a tenant at the end of the round. */
  #join(tenant: TenantTurns): void {
    this.#tenants.set(tenant.name, tenant);
    if (this.#last === undefined) this.#first = tenant;
    else this.#last.next = tenant;
    this.#last = tenant;
  }

  /** Takes the first tenant out of the round. */
  #leave(tenant: TenantTurns): void {
    this.#tenants.delete(tenant.name);
    this.#first = tenant.next;
    if (this.#first === undefined) this.#last = undefined;
    tenant.next = undefined;
  }
}
