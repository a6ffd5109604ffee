import { createHash } from 'node:crypto';
import { CLAIMED_WORD, SHARED_SLOTS, TENANT_SLOTS, type BudgetMemory } from './budget-memory.ts';

/** New tenants stop claiming here, so that a look-up always ends at a free key soon. */
const MAX_CLAIMED = TENANT_SLOTS * 0.75;

/**
 * Which slot of the shared rows a tenant's bytes are counted in: an open-addressing table of
 * 64-bit keyed hashes. A slot belongs to its tenant for the life of the process; tenants that come
 * when three quarters are taken share slots that the hash chooses. So a client that invents
 * tenants cannot crowd out one that it means to: it does not know the key.
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

  /** The tenant's own slot, claimed now if need be, or a shared one below `SHARED_SLOTS`. */
  slotOf(tenant: string): number {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const slot = this.#find(hashOf(this.#secret, tenant));
    if (slot >= SHARED_SLOTS) this.#known.set(tenant, slot);
    return slot;
  }

  #find(key: bigint): number {
    let at = Number(BigInt.asUintN(32, key)) % TENANT_SLOTS;
    for (let probes = 0; probes < TENANT_SLOTS; probes++) {
      let owner = Atomics.load(this.#keys, at);
      if (owner === 0n) {
        if (Atomics.load(this.#words, CLAIMED_WORD) >= MAX_CLAIMED) return sharedSlotOf(key);
        owner = Atomics.compareExchange(this.#keys, at, 0n, key);
        if (owner === 0n) {
          Atomics.add(this.#words, CLAIMED_WORD, 1);
          return SHARED_SLOTS + at;
        }
      }
      if (owner === key) return SHARED_SLOTS + at;
      at = (at + 1) % TENANT_SLOTS;
    }
    return sharedSlotOf(key);
  }
}

/** From the half of the key that does not choose where to look first. */
function sharedSlotOf(key: bigint): number {
  return Number(BigInt.asUintN(32, key >> 32n)) % SHARED_SLOTS;
}

function hashOf(secret: string, tenant: string): bigint {
  const digest = createHash('sha256').update(secret).update('\0').update(tenant).digest();
  const key = digest.readBigInt64LE(0);
  return key === 0n ? 1n : key;
}
