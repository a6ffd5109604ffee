import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

const DEFAULT_REMEMBERED = 1000;
/** Longer texts are matched anew each time, so that what is remembered stays small. */
const MAX_REMEMBERED_LENGTH = 512;

/**
 * A regular expression of an operator, in RE2 syntax: linear in the text, whatever a client
 * sends. It finds a match anywhere; anchors are the pattern's affair. Answers are remembered.
 */
export class Pattern {
  /** Names of the capture groups by index; empty for the whole match and unnamed groups. */
  readonly groupNames: readonly string[];
  readonly #expression: RE2JS;
  readonly #tested: LRUCache<string, boolean>;

  /** Throws when `source` is no valid pattern. */
  constructor(source: string, remembered = DEFAULT_REMEMBERED) {
    this.#expression = RE2JS.compile(source);
    this.#tested = new LRUCache({ max: Math.max(1, remembered) });
    const names: string[] = Array.from({ length: this.#expression.groupCount() + 1 }, () => '');
    for (const [name, index] of Object.entries(this.#expression.namedGroups())) names[index] = name;
    this.groupNames = names;
  }

  test(text: string): boolean {
    if (text.length > MAX_REMEMBERED_LENGTH) return this.#expression.matcher(text).find();
    const known = this.#tested.get(text);
    if (known !== undefined) return known;
    const found = this.#expression.matcher(text).find();
    this.#tested.set(text, found);
    return found;
  }

  /** The groups of the first match; groups that took no part are empty. */
  exec(text: string): readonly string[] | undefined {
    const matcher = this.#expression.matcher(text);
    if (!matcher.find()) return undefined;
    return this.groupNames.map((_, index) => matcher.group(index) ?? '');
  }
}

/** What is wrong with a pattern; undefined when nothing is. */
export function findPatternMistake(source: string): string | undefined {
  try {
    RE2JS.compile(source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
