import { Findings, type Place } from '../mistakes.ts';
import { MAX_DEPTH, parseYaml } from './parse.ts';
import { readSource, type Environment, type Retrieved } from './provider.ts';
import { isNothing, pathText, type Scalar, type Tree } from './tree.ts';

/** Replacements per configuration, so that values that name each other come to an end. */
const MAX_ROUNDS = 1000;

/** Characters of a value, so that values that double each other come to an end in memory, too. */
const MAX_TEXT = 1 << 20;

/**
 * Replaces every `${…}` in the values of a tree: `${env:NAME}`, `${NAME}`, `${NAME:-default}`,
 * `${file:part.yaml}`, `${yaml:…}`, also nested; `$$` stands for one `$`. A value that is one
 * whole expansion takes the type of its YAML and keeps its text for settings that want a string;
 * inside other text an expansion is text. Keys are left alone.
 */
export function expandTree(tree: Tree, environment: Environment, findings: Findings): Tree {
  return new Expander(environment, findings).expand(tree, []);
}

class Expander {
  readonly #environment: Environment;
  readonly #findings: Findings;
  #rounds = 0;
  #exhausted = false;

  constructor(environment: Environment, findings: Findings) {
    this.#environment = environment;
    this.#findings = findings;
  }

  expand(tree: Tree, path: readonly PropertyKey[], literal = true): Tree {
    if (path.length > MAX_DEPTH && !isNothing(tree)) {
      this.#giveUp(`nests more than ${MAX_DEPTH} levels`, tree.place, path.slice(0, 1));
      return { kind: 'scalar', value: null, place: tree.place };
    }
    switch (tree.kind) {
      case 'mapping': {
        const entries = [...tree.entries].map(
          ([key, value]) => [key, this.expand(value, [...path, key], literal)] as const,
        );
        return { ...tree, entries: new Map(entries) };
      }
      case 'sequence':
        return {
          ...tree,
          items: tree.items.map((item, index) => this.expand(item, [...path, index], literal)),
        };
      case 'scalar':
        if (typeof tree.value !== 'string') return tree;
        if (literal) this.#warnOfBareNames(tree, path);
        return this.#expandText(tree.value, tree, path);
    }
  }

  #expandText(text: string, around: Scalar, path: readonly PropertyKey[]): Tree {
    const { place } = around;
    let rest = text;
    for (;;) {
      const reference = findReference(rest);
      if (reference === undefined) break;
      const retrieved = this.#retrieve(reference, place, path);
      if (retrieved === undefined || this.#exhausted) {
        return { kind: 'scalar', value: null, text: '', place };
      }
      if (reference.length === rest.length) return this.#expandWhole(retrieved, around, path);
      const replacement = retrieved.text ?? '';
      rest = rest.replaceAll(reference, () => replacement);
      if (rest.length > MAX_TEXT) this.#giveUp(`grows beyond ${MAX_TEXT} characters`, place, path);
    }
    return { kind: 'scalar', value: rest.replaceAll('$$', '$'), place };
  }

  /** The value is one expansion and nothing else: it may be of any type. */
  #expandWhole(retrieved: Retrieved, around: Scalar, path: readonly PropertyKey[]): Tree {
    const { place } = around;
    const text = retrieved.text ?? '';
    const tree = this.#parse(text, retrieved, place);
    if (tree.kind === 'scalar' && typeof tree.value === 'string') {
      return this.#expandText(text, around, path);
    }
    const expanded = { ...this.expand(tree, path, false), place };
    if (retrieved.isFile && tree.kind !== 'scalar') return expanded;
    const again = new Expander(this.#environment, new Findings());
    const original = again.#expandText(text, around, path);
    if (again.#findings.failed || original.kind !== 'scalar') return expanded;
    return { ...expanded, text: original.text ?? String(original.value) };
  }

  /** Text that is no YAML is a string, except in a file that calls itself YAML. */
  #parse(text: string, retrieved: Retrieved, place: Place): Tree {
    const isYaml = retrieved.isFile && /\.ya?ml$/i.test(retrieved.name);
    const findings = isYaml ? this.#findings : new Findings();
    const origin = retrieved.isFile
      ? { file: retrieved.name }
      : { file: retrieved.name, at: place };
    const tree = parseYaml(text, origin, findings);
    if (tree !== undefined && (isYaml || !findings.failed)) return tree;
    return { kind: 'scalar', value: isYaml ? null : text, place };
  }

  #retrieve(reference: string, place: Place, path: readonly PropertyKey[]): Retrieved | undefined {
    if (++this.#rounds > MAX_ROUNDS) {
      this.#giveUp(`does not come to an end after ${MAX_ROUNDS} replacements`, place, path);
      return undefined;
    }
    const retrieved = readSource(reference.slice(2, -1), this.#environment, 'env');
    if (retrieved.problem !== undefined) {
      const found = retrieved.text === undefined ? 'error' : 'warn';
      this.#findings[found](place, pathText(path), retrieved.problem);
    }
    if (retrieved.text === undefined) return undefined;
    return retrieved.isFile
      ? { ...retrieved, text: retrieved.text.replace(/\r?\n$/, '') }
      : retrieved;
  }

  #giveUp(how: string, place: Place, path: readonly PropertyKey[]): void {
    if (!this.#exhausted) {
      const message = `\${…} ${how}; does a value name itself?`;
      this.#findings.error(place, pathText(path), message);
    }
    this.#exhausted = true;
  }

  #warnOfBareNames(scalar: Scalar, path: readonly PropertyKey[]): void {
    const bare = /(?<!\$)(?:\$\$)*\$([A-Za-z_][A-Za-z0-9_]*)/.exec(String(scalar.value))?.[1];
    if (bare === undefined) return;
    const message = `$${bare} is not expanded; write \${env:${bare}}, or $$${bare} if it is meant as it stands`;
    this.#findings.warn(scalar.place, pathText(path), message);
  }
}

/** The first `${…}` that holds no other, and that no `$` in front of it escapes. */
function findReference(text: string): string | undefined {
  let from = 0;
  for (;;) {
    const close = text.indexOf('}', from);
    if (close < 0) return undefined;
    const segment = text.slice(from, close + 1);
    const open = segment.lastIndexOf('${');
    if (open >= 0) {
      const dollars = /\$*$/.exec(text.slice(0, from + open))?.[0].length ?? 0;
      if (dollars % 2 === 0) return segment.slice(open);
    }
    from = close + 1;
  }
}
