import { RE2JS } from 're2js';
import { Memo } from './memo.ts';
import { findShape, type Shape } from './shape.ts';
import type { Groups } from './template.ts';

/**
 * The expression of a rule: RE2, about the whole text, `.` matching line ends too. Expressions
 * that are plain words, or words around a `.*`, are string operations; the answers of others are
 * remembered. Linear in the text whatever expression and text are.
 */
export class Expression {
  /** Names of the groups by index; empty for the whole match and for unnamed groups. */
  readonly groupNames: readonly string[];
  readonly #shape: Shape | undefined;
  readonly #expression: RE2JS;
  readonly #tested: Memo<boolean>;

  /** Throws when `source` is no valid expression; `findExpressionMistake` says why. */
  constructor(source: string) {
    this.#expression = compile(source);
    this.#shape = findShape(source);
    this.#tested = new Memo((text) => this.#expression.matcher(text).find());
    const names: string[] = Array.from({ length: this.#expression.groupCount() + 1 }, () => '');
    for (const [name, index] of Object.entries(this.#expression.namedGroups())) names[index] = name;
    this.groupNames = names;
  }

  /** Whether `match` is as cheap as a few comparisons, so that nobody needs to remember it. */
  get isSimple(): boolean {
    return this.#shape !== undefined;
  }

  test(text: string): boolean {
    return this.#shape === undefined ? this.#tested.get(text) : this.#shape.test(text);
  }

  /** The groups of the match of all of `text`; undefined when it does not match. */
  match(text: string): Groups | undefined {
    if (this.#shape !== undefined) return this.#shape.match(text);
    const matcher = this.#expression.matcher(text);
    if (!matcher.find()) return undefined;
    return this.groupNames.map((_, index) => matcher.group(index) ?? undefined);
  }
}

/** What is wrong with an expression; undefined when nothing is. */
export function findExpressionMistake(source: string): string | undefined {
  try {
    compile(source);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function compile(source: string): RE2JS {
  return RE2JS.compile(`^(?s:${source})$`);
}
