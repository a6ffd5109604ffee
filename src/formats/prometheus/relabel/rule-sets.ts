import type { Naming } from './label-name.ts';
import type { RuleConfig } from './settings.ts';

/** Rules for everybody, and rules by tenant. */
export interface RuleSetsConfig {
  readonly rules: readonly RuleConfig[];
  readonly naming: Naming;
  /** `default` is for tenants that are not named. */
  readonly tenants: Readonly<Record<string, readonly RuleConfig[]>>;
}

const DEFAULT_TENANT = 'default';

/** The rules for a tenant: those for everybody, then its own, or those of `default`. */
export function rulesOf(config: RuleSetsConfig, tenant: string): readonly RuleConfig[] {
  const { rules, tenants } = config;
  return [...rules, ...(tenants[findRuleSet(config, tenant) ?? ''] ?? [])];
}

/** Key in `tenants` of the rules a tenant has beside those for everybody. */
export function findRuleSet({ tenants }: RuleSetsConfig, tenant: string): string | undefined {
  if (Object.hasOwn(tenants, tenant)) return tenant;
  return Object.hasOwn(tenants, DEFAULT_TENANT) ? DEFAULT_TENANT : undefined;
}

/** One value for each set of rules that differs, made when a tenant first asks. */
export class PerRuleSet<V> {
  readonly #config: RuleSetsConfig;
  readonly #create: (rules: readonly RuleConfig[], sets: number) => V;
  readonly #values = new Map<string | undefined, V>();

  /** `create` is told how many sets there may be. */
  constructor(config: RuleSetsConfig, create: (rules: readonly RuleConfig[], sets: number) => V) {
    this.#config = config;
    this.#create = create;
  }

  of(tenant: string): V {
    const key = findRuleSet(this.#config, tenant);
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const { tenants } = this.#config;
    const sets = Object.keys(tenants).length + (Object.hasOwn(tenants, DEFAULT_TENANT) ? 0 : 1);
    const value = this.#create(rulesOf(this.#config, tenant), sets);
    this.#values.set(key, value);
    return value;
  }
}
