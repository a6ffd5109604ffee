/**
 * The byte budgets as all threads see them.
 *
 * Constraints: no limit may be passed by two shards that charge at the same moment; a shard that
 * dies must not leave its charges behind; a charge must not make shards fight for a cache line.
 * So no counter of bytes has two writers. Every shard owns a row and writes only that; a total is the sum
 * of a column. Whoever charges writes first and sums after, and takes its charge back when the
 * sum is too high: of two shards that meet there, at least one sees the other.
 *
 * ```
 *            words: 0 pressure (written by the main thread) | 1 slots claimed
 * row of shard 0:   0 held | 1 drain KiB/s | … | 16 shared slots | 1040 slots with an owner | …
 * row of shard 1:   …
 *            keys:  hash of the tenant that owns each of those   (0: free; claimed once, for good)
 * ```
 *
 * Words are unsigned 32 bit and count bytes, so one shard can hold at most 4 GiB.
 */
export interface BudgetMemory {
  readonly words: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
  /** Keys the hash of tenants, so that clients cannot choose names that collide. */
  readonly secret: string;
  readonly shards: number;
  /** Bytes of requests and memory queues in all shards together. */
  readonly maxBytes: number;
  /** The same for one tenant. */
  readonly tenantMaxBytes: number;
}

/** Slots of tenants that come when the slots to own are taken, several to a slot. */
export const SHARED_SLOTS = 1024;
/** Slots that one tenant may own; three quarters of them are given away. */
export const TENANT_SLOTS = 4096;
/** How many slots have an owner. */
export const CLAIMED_WORD = 1;
/** Words before the first row, and of the fixed part of a row: a cache line each. */
const HEADER_WORDS = 16;
export const ROW_WORDS = HEADER_WORDS + SHARED_SLOTS + TENANT_SLOTS;
/** What one shard can count. */
export const MAX_SHARD_BYTES = 0xffff_ffff;

/** Word offsets within a row. */
export const ROW = { held: 0, drain: 1, slots: HEADER_WORDS } as const;

/** Whether the process as a whole is short of memory: nothing, refuse new work, refuse all. */
export type Pressure = 0 | 1 | 2;

/** First word of the row of shard `index`. */
export function rowOf(index: number): number {
  return HEADER_WORDS + index * ROW_WORDS;
}

/** Fresh counters, all zero. Structured-cloneable: every thread gets it and shares the memory. */
export function createBudgetMemory(
  of: Pick<BudgetMemory, 'secret' | 'shards' | 'maxBytes' | 'tenantMaxBytes'>,
): BudgetMemory {
  const words = HEADER_WORDS + of.shards * ROW_WORDS;
  return {
    ...of,
    words: new SharedArrayBuffer(words * Uint32Array.BYTES_PER_ELEMENT),
    keys: new SharedArrayBuffer(TENANT_SLOTS * BigInt64Array.BYTES_PER_ELEMENT),
  };
}

/** Gives back all that a dead shard held. Called by the main thread, once the thread is gone. */
export function clearShard(memory: BudgetMemory, index: number): void {
  new Uint32Array(memory.words).fill(0, rowOf(index), rowOf(index + 1));
}

/** Tells all shards how short of memory the process is. Called by the main thread. */
export function publishPressure(memory: BudgetMemory, pressure: Pressure): void {
  Atomics.store(new Uint32Array(memory.words), 0, pressure);
}

/** The pressure last published. */
export function pressureOf(memory: BudgetMemory): Pressure {
  return Atomics.load(new Uint32Array(memory.words), 0) as Pressure;
}

/** Bytes held by all shards. */
export function totalHeld(memory: BudgetMemory): number {
  const words = new Uint32Array(memory.words);
  let total = 0;
  for (let index = 0; index < memory.shards; index++) {
    total += Atomics.load(words, rowOf(index) + ROW.held);
  }
  return total;
}
