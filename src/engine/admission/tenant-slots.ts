import { createHash } from 'node:crypto';
import { CLAIMED_WORD, TENANT_SLOTS, type BudgetMemory } from './budget-memory.ts';

/** New tenants stop claiming here, so that a look-up always ends at a free key soon. */
const MAX_CLAIMED = TENANT_SLOTS * 0.75;

/** The slot of all tenants that came when the table was full. */
export const OVERFLOW_SLOT = 0;

/**
 * Which slot of the shared rows a tenant's bytes are counted in: an open-addressing table of
 * 64-bit keyed hashes. A slot belongs to its tenant for the life of the process.
 */
export class TenantSlots {
  readonly #keys: BigInt64Array;
  readonly #words: Uint32Array;
  readonly #secret: string;
  /** Only claimed slots are kept, so this is bounded by the table. */
  readonly #known = new Map<string, number>();

  constructor(memory: BudgetMemory) {
    this.#keys = new BigInt64Array(memory.keys);
    this.#words = new Uint32Array(memory.words);
    this.#secret = memory.secret;
  }

  /** The tenant's own slot, claimed now if need be, or `OVERFLOW_SLOT`. */
  slotOf(tenant: string): number {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const slot = this.#find(hashOf(this.#secret, tenant));
    if (slot !== OVERFLOW_SLOT) this.#known.set(tenant, slot);
    return slot;
  }

  #find(key: bigint): number {
    let at = Number(BigInt.asUintN(32, key)) % TENANT_SLOTS;
    for (let probes = 0; probes < TENANT_SLOTS; probes++) {
      let owner = Atomics.load(this.#keys, at);
      if (owner === 0n) {
        if (Atomics.load(this.#words, CLAIMED_WORD) >= MAX_CLAIMED) return OVERFLOW_SLOT;
        owner = Atomics.compareExchange(this.#keys, at, 0n, key);
        if (owner === 0n) {
          Atomics.add(this.#words, CLAIMED_WORD, 1);
          return at + 1;
        }
      }
      if (owner === key) return at + 1;
      at = (at + 1) % TENANT_SLOTS;
    }
    return OVERFLOW_SLOT;
  }
}

function hashOf(secret: string, tenant: string): bigint {
  const digest = createHash('sha256').update(secret).update('\0').update(tenant).digest();
  const key = digest.readBigInt64LE(0);
  return key === 0n ? 1n : key;
}
