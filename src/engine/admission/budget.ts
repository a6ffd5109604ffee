import type { Ledger } from '../queue/queue.ts';
import { MAX_SHARD_BYTES, ROW, ROW_WORDS, rowOf } from './budget-memory.ts';
import type { BudgetMemory, Pressure } from './budget-memory.ts';
import { TenantSlots } from './tenant-slots.ts';

/** Which budget has no room, as a metric label. */
export type Shortage = 'memory_budget' | 'tenant_memory_budget';

const MIN_HINT_MS = 1000;
const MAX_HINT_MS = 30_000;
/** Where nothing has drained yet, nobody knows. */
const UNKNOWN_HINT_MS = 5000;
const JITTER = 0.25;
/** Where this much is held, who holds more than a fair share gets no more. */
const CROWDED = 0.75;
/** From here on it is known in time how many share. */
const WORTH_COUNTING = 0.4;
/** How long the drain rate remembers. */
const RATE_WINDOW_MS = 5000;

/** One shard's access to the budgets. Exact to the byte. */
export class Budget implements Ledger {
  readonly #memory: BudgetMemory;
  readonly #words: Uint32Array;
  readonly #row: number;
  readonly #slots: TenantSlots;
  /** What the row says, as numbers that may pass 32 bits. */
  readonly #bySlot = new Float64Array(ROW_WORDS - ROW.slots);
  #held = 0;
  #charged = 0;
  #drained = 0;
  #fairBytes = Number.POSITIVE_INFINITY;
  #rate = 0;
  #sampledAt = 0;

  constructor(memory: BudgetMemory, shard: number) {
    this.#memory = memory;
    this.#words = new Uint32Array(memory.words);
    this.#row = rowOf(shard);
    this.#slots = new TenantSlots(memory);
  }

  /** Bytes that queues have charged so far; only ever grows. */
  get charged(): number {
    return this.#charged;
  }

  /** Bytes this shard holds. */
  get held(): number {
    return this.#held;
  }

  get maxBytes(): number {
    return this.#memory.maxBytes;
  }

  get tenantMaxBytes(): number {
    return this.#memory.tenantMaxBytes;
  }

  /** How short of memory the process is, as the main thread saw it last. */
  get pressure(): Pressure {
    return Atomics.load(this.#words, 0) as Pressure;
  }

  /** The slot to name in `take` and `give`. */
  slotOf(tenant: string): number {
    return this.#slots.slotOf(tenant);
  }

  /** Charges `bytes`, or charges nothing and answers which budget has no room for them. */
  take(slot: number, bytes: number): Shortage | undefined {
    this.#add(slot, bytes);
    // A request of unknown length starts with nothing, and still needs a byte to begin with.
    const least = bytes === 0 ? 1 : 0;
    const { maxBytes, tenantMaxBytes } = this.#memory;
    const ofTenant = this.#total(ROW.slots + slot) + least;
    const ofAll = this.#total(ROW.held) + least;
    let shortage: Shortage | undefined;
    // One request of a tenant is allowed whatever its share.
    const isUnfair = ofAll > maxBytes * CROWDED && ofTenant > this.#fairBytes && ofTenant > bytes;
    if (isUnfair || ofTenant > tenantMaxBytes) shortage = 'tenant_memory_budget';
    if (ofAll > maxBytes || this.#held > MAX_SHARD_BYTES) shortage = 'memory_budget';
    if (shortage !== undefined) this.#add(slot, -bytes);
    return shortage;
  }

  /** Gives back what `take` charged. */
  give(slot: number, bytes: number): void {
    this.#add(slot, -bytes);
    this.#drained += bytes;
  }

  charge(tenant: string, bytes: number): void {
    this.#charged += bytes;
    this.#add(this.#slots.slotOf(tenant), bytes);
  }

  release(tenant: string, bytes: number): void {
    this.give(this.#slots.slotOf(tenant), bytes);
  }

  /**
   * Takes a sample of the drain rate and publishes it, and looks how many tenants there are to
   * share with. Called every 50 to 100 ms or so.
   */
  sample(nowMs: number): void {
    this.#fairBytes = this.#fairShare();
    const elapsed = nowMs - this.#sampledAt;
    if (this.#sampledAt > 0 && elapsed > 0) {
      const weight = 1 - Math.exp(-elapsed / RATE_WINDOW_MS);
      this.#rate += ((this.#drained * 1000) / elapsed - this.#rate) * weight;
      const kib = Math.min(Math.ceil(this.#rate / 1024), MAX_SHARD_BYTES);
      Atomics.store(this.#words, this.#row + ROW.drain, this.#rate < 1 ? 0 : kib);
    }
    this.#drained = 0;
    this.#sampledAt = nowMs;
  }

  /** When to come back: the time that all bytes held take to drain, jittered upwards. */
  hintMs(): number {
    const rate = this.#total(ROW.drain) * 1024;
    const held = this.#total(ROW.held);
    const wait = rate === 0 ? UNKNOWN_HINT_MS : (held * 1000) / rate;
    const most = MAX_HINT_MS / (1 + JITTER);
    const bounded = Math.min(Math.max(wait, MIN_HINT_MS), most);
    return Math.round(bounded * (1 + JITTER * Math.random()));
  }

  /** What every tenant that holds something could hold, and one more besides. */
  #fairShare(): number {
    const { maxBytes, tenantMaxBytes } = this.#memory;
    const isShared = tenantMaxBytes < maxBytes;
    if (!isShared || this.#total(ROW.held) < maxBytes * WORTH_COUNTING) return tenantMaxBytes;
    let tenants = 0;
    for (let slot = 0; slot < this.#bySlot.length; slot++) {
      if (this.#total(ROW.slots + slot) > 0) tenants += 1;
    }
    return maxBytes / (tenants + 1);
  }

  #add(slot: number, bytes: number): void {
    this.#held += bytes;
    const ofSlot = (this.#bySlot[slot] ?? 0) + bytes;
    this.#bySlot[slot] = ofSlot;
    const row = this.#row;
    Atomics.store(this.#words, row + ROW.slots + slot, Math.min(ofSlot, MAX_SHARD_BYTES));
    Atomics.store(this.#words, row + ROW.held, Math.min(this.#held, MAX_SHARD_BYTES));
  }

  /** Sum of one column over all shards. */
  #total(column: number): number {
    const { shards } = this.#memory;
    let total = 0;
    for (let index = 0; index < shards; index++) {
      total += Atomics.load(this.#words, rowOf(index) + column);
    }
    return total;
  }
}
