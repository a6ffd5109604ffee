import type { TranslationStrategy } from '../../../contract/translation.ts';
import { unitText, type UnitWords, wordsOfUnit } from '../units.ts';

/** What a name depends on. */
export interface MetricIdentity {
  readonly name: string;
  readonly unit: string;
  /** `counter` is a monotonic sum. */
  readonly kind: 'counter' | 'gauge' | 'other';
}

/** How names are made, for one translation. */
export class Names {
  readonly #escapes: boolean;
  readonly #suffixes: boolean;
  readonly #namespace: string;

  constructor(strategy: TranslationStrategy, namespace: string) {
    this.#escapes = strategy.startsWith('UnderscoreEscaping');
    this.#suffixes = strategy.endsWith('WithSuffixes');
    this.#namespace = namespace;
  }

  /** The name of a family and its unit in words; undefined when nothing of the name is left. */
  metric(identity: MetricIdentity): { readonly name: string; readonly unit: string } | undefined {
    const words = wordsOfUnit(identity.unit);
    const name = this.#escapes ? this.#escaped(identity, words) : this.#plain(identity, words);
    return name === undefined ? undefined : { name, unit: unitText(words) };
  }

  /** The name of a label; empty when the key is. */
  label(key: string): string {
    if (!this.#escapes || key === '') return key;
    const name = /^__.*__$/s.test(key)
      ? key.replace(/[^a-zA-Z0-9_]/gu, '_')
      : key.replace(/[^a-zA-Z0-9]+/gu, '_');
    return /^[0-9]/.test(name) ? `key_${name}` : name;
  }

  /** `target_info`, in the namespace. */
  get targetInfo(): string {
    return this.#namespace === '' ? 'target_info' : `${this.#namespace}_target_info`;
  }

  #escaped(identity: MetricIdentity, words: UnitWords): string | undefined {
    const { name } = identity;
    const allUnderscores = /^_+$/.test(name);
    if (!allUnderscores && !/[a-zA-Z0-9:]/.test(name)) return undefined;
    const prefix = this.#namespace === '' ? '' : `${this.#namespace}_`;
    const clean = `${prefix}${name}`.replace(/[^a-zA-Z0-9:]+/gu, '_');
    const whole = this.#suffixes && !allUnderscores ? withTokens(clean, identity, words) : clean;
    return /^[0-9]/.test(whole) ? `_${whole}` : whole;
  }

  #plain(identity: MetricIdentity, words: UnitWords): string | undefined {
    if (identity.name === '') return undefined;
    const { namespace } = { namespace: this.#namespace };
    let name = namespace === '' ? identity.name : `${namespace}_${identity.name}`;
    if (!this.#suffixes) return name;
    const { main, per } = words;
    const last = lastSuffix(identity);
    if (last !== '') name = withoutSuffix(name, last);
    if (main !== '') name = `${withoutSuffix(name, main)}_${main}`;
    if (per !== '') name = `${withoutSuffix(name, `per_${per}`)}_per_${per}`;
    return last === '' ? name : `${name}_${last}`;
  }
}

function lastSuffix({ kind, unit }: MetricIdentity): '' | 'total' | 'ratio' {
  if (kind === 'counter') return 'total';
  return kind === 'gauge' && unit === '1' ? 'ratio' : '';
}

/** Appends to a clean name the unit and the suffix, where it has no such token. */
function withTokens(clean: string, identity: MetricIdentity, { main, per }: UnitWords): string {
  const last = lastSuffix(identity);
  const tokens = clean.split('_').filter((token) => token !== '' && token !== last);
  const had = new Set(tokens);
  if (main !== '' && !had.has(main)) tokens.push(main);
  if (per !== '' && !had.has(per)) tokens.push('per', per);
  if (last !== '') tokens.push(last);
  return tokens.join('_');
}

function withoutSuffix(name: string, suffix: string): string {
  const isLonger = name.length > suffix.length + 1;
  return isLonger && name.endsWith(suffix) ? name.slice(0, -suffix.length - 1) : name;
}
