import { randomInt } from 'node:crypto';
import { Slices } from '../slices.ts';
import { FactsBook, type ToldFacts } from './facts-book.ts';
import { Intake, type Loss } from './intake.ts';
import { type SeriesRoom, SeriesStore } from './series-store.ts';

/** What a tenant's store is made of. */
export interface StoresOptions {
  /** For the series of all tenants, and what is known of their names. */
  readonly maxBytes: number;
  /** Age at which a series that was not heard of goes. */
  readonly expirationMs: number;
  /** Names of labels that are added to series on a page. */
  readonly addedNames: ReadonlySet<string>;
}

/** What is known of names, of one tenant, apart from their series. */
export interface TenantFacts {
  readonly tenant: string;
  readonly facts: readonly ToldFacts[];
}

/** Series taken between two looks at the clock. */
const SERIES_PER_LOOK = 256;
/** Metadata of remote-write 1.0 comes once a minute, at best. */
const MIN_FACTS_LIFETIME_MS = 300_000;

/** The series of all tenants of a shard. */
export class Stores {
  readonly room: SeriesRoom;
  readonly #options: StoresOptions;
  readonly #byTenant = new Map<string, SeriesStore>();
  readonly #seed = randomInt(2 ** 31);
  #taking = 0;

  constructor(options: StoresOptions) {
    this.#options = options;
    this.room = { maxBytes: options.maxBytes, bytes: 0, series: 0, serial: 0 };
  }

  get all(): Iterable<SeriesStore> {
    return this.#byTenant.values();
  }

  /** Takes chunks of the form, in slices where they are large; answers what was not kept. */
  async take(
    chunks: readonly Uint8Array[],
    tenant: string,
    now: number,
  ): Promise<ReadonlyMap<Loss, number>> {
    const losses = new Map<Loss, number>();
    const store = this.#storeOf(tenant);
    const slices = new Slices();
    this.#taking += 1;
    try {
      for (const chunk of chunks) {
        const intake = new Intake(chunk, store, now);
        while (intake.take(SERIES_PER_LOOK)) {
          if (slices.isOver(SERIES_PER_LOOK)) await slices.next();
        }
        for (const [reason, items] of intake.losses) {
          losses.set(reason, (losses.get(reason) ?? 0) + items);
        }
      }
    } finally {
      this.#taking -= 1;
    }
    return losses;
  }

  /** What was said of names apart from series. */
  get told(): readonly TenantFacts[] {
    return [...this.#byTenant.values()]
      .map(({ tenant, facts }) => ({ tenant, facts: facts.told }))
      .filter(({ facts }) => facts.length > 0);
  }

  /** Hears what others were told. */
  learn(told: readonly TenantFacts[], now: number): void {
    for (const { tenant, facts } of told) {
      const store = this.#byTenant.get(tenant);
      for (const fact of facts) store?.facts.say(fact, now);
    }
  }

  /** Removes what was not heard of for long, in slices. */
  async sweep(now: number): Promise<void> {
    const since = now - this.#options.expirationMs;
    const slices = new Slices();
    for (const store of this.#byTenant.values()) {
      for (const family of store.families.values()) {
        for (const { series } of family.groups) {
          const old = series.filter(({ updatedAt }) => updatedAt < since);
          for (const one of old) store.remove(one);
          if (slices.isOver(series.length + old.length)) await slices.next();
        }
      }
      store.facts.sweep(now, (name) => isUsed(store, name));
    }
    // What is being taken goes into a store that must not be forgotten.
    if (this.#taking > 0) return;
    for (const [tenant, store] of this.#byTenant) {
      if (store.isEmpty && store.facts.isEmpty) this.#byTenant.delete(tenant);
    }
  }

  #storeOf(tenant: string): SeriesStore {
    let store = this.#byTenant.get(tenant);
    if (store === undefined) {
      const { expirationMs, addedNames } = this.#options;
      const lifetimeMs = Math.max(expirationMs, MIN_FACTS_LIFETIME_MS);
      const facts = new FactsBook(this.room, lifetimeMs);
      const given = { seed: this.#seed, added: addedNames };
      store = new SeriesStore({ tenant, facts }, this.room, given);
      this.#byTenant.set(tenant, store);
    }
    return store;
  }
}

/** Whether there are series of this name, or such as its metadata may be about. */
function isUsed({ families }: SeriesStore, name: string): boolean {
  const stem = name.replace(/_(?:bucket|sum|count)$/, '');
  return [name, stem, `${name}_total`, `${name}_info`].some((one) => families.has(one));
}
