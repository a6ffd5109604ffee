import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type Scalar as YamlScalar,
  type YAMLMap,
} from 'yaml';
import type { Findings, Place } from '../mistakes.ts';
import { resolvePlain } from './scalar.ts';
import { pathText, type Tree } from './tree.ts';

/** Above this many values a document is taken for an attack with aliases. */
const MAX_NODES = 200_000;

/** Below this many levels a value is taken for one that holds itself. */
export const MAX_DEPTH = 100;

/** What a text is called in messages, and where it stands when it is part of another. */
export interface Origin {
  readonly file: string;
  /** All values get this place: the text came out of an expansion there. */
  readonly at?: Place;
}

/**
 * Parses a YAML document. Syntax errors and keys written twice go to `findings`; undefined when
 * there is no value to go on with. An empty document is null.
 */
export function parseYaml(text: string, origin: Origin, findings: Findings): Tree | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  const reader = new Reader(document, lines, origin, findings);
  const [error] = document.errors;
  if (error !== undefined) {
    const message = `cannot parse as YAML: ${withoutExcerpt(error.message)}`;
    findings.error(reader.placeAt(error.pos[0]), '', message);
    return undefined;
  }
  const start = reader.placeAt(document.contents?.range?.[0] ?? 0);
  return reader.read(document.contents, start, []);
}

const TOO_DEEP = `has values nested more than ${MAX_DEPTH} levels deep; does one hold itself?`;

/** The text at the place of an error may be a secret. What follows the first error follows from it. */
function withoutExcerpt(message: string): string {
  const sentence = (message.split(' at line ')[0] ?? message).replace(/: ".*$/s, '');
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #origin: Origin;
  readonly #findings: Findings;
  readonly #anchors = new Map<Alias, Node>();
  #nodes = 0;
  #tooDeep = false;

  constructor(document: Document, lines: LineCounter, origin: Origin, findings: Findings) {
    this.#document = document;
    this.#lines = lines;
    this.#origin = origin;
    this.#findings = findings;
  }

  placeAt(offset: number): Place {
    if (this.#origin.at !== undefined) return this.#origin.at;
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#origin.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  read(node: unknown, place: Place, path: readonly PropertyKey[]): Tree {
    if (++this.#nodes > MAX_NODES) {
      if (this.#nodes === MAX_NODES + 1) {
        this.#findings.error(
          place,
          pathText(path),
          `more than ${MAX_NODES} values; too many aliases?`,
        );
      }
      return { kind: 'scalar', value: null, place };
    }
    if (path.length > MAX_DEPTH) {
      if (!this.#tooDeep) this.#findings.error(place, pathText(path.slice(0, 1)), TOO_DEEP);
      this.#tooDeep = true;
      return { kind: 'scalar', value: null, place };
    }
    if (isAlias(node)) return this.read(this.#resolve(node), place, path);
    if (isMap(node)) return this.#readMapping(node, place, path);
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        this.read(item, this.#placeOf(item, place), [...path, index]),
      );
      return { kind: 'sequence', items, place };
    }
    return { kind: 'scalar', value: isScalar(node) ? valueOf(node) : null, place };
  }

  /** Finding an anchor means a walk through the document; once for each alias is enough. */
  #resolve(alias: Alias): Node | undefined {
    const known = this.#anchors.get(alias);
    if (known !== undefined) return known;
    const target = alias.resolve(this.#document);
    if (target !== undefined) this.#anchors.set(alias, target);
    return target;
  }

  #readMapping(node: YAMLMap, place: Place, path: readonly PropertyKey[]): Tree {
    const entries = new Map<string, Tree>();
    const merged = new Map<string, Tree>();
    for (const pair of node.items) {
      const key = keyOf(pair);
      const keyPlace = this.#placeOf(pair.key, place);
      const value = this.read(pair.value, keyPlace, [...path, key]);
      if (isMergeKey(pair)) {
        for (const each of value.kind === 'sequence' ? value.items : [value]) {
          if (each.kind !== 'mapping') continue;
          for (const [name, entry] of each.entries) if (!merged.has(name)) merged.set(name, entry);
        }
        continue;
      }
      const earlier = entries.get(key);
      if (earlier !== undefined) {
        const message = `written twice; first at line ${earlier.place.line}`;
        this.#findings.error(keyPlace, pathText([...path, key]), message);
      }
      entries.set(key, value);
    }
    for (const [name, entry] of merged) if (!entries.has(name)) entries.set(name, entry);
    return { kind: 'mapping', entries, place };
  }

  #placeOf(node: unknown, otherwise: Place): Place {
    return isNode(node) && node.range ? this.placeAt(node.range[0]) : otherwise;
  }
}

function keyOf(pair: Pair): string {
  const key = isPair(pair) ? (pair.key as Node | null) : null;
  if (isScalar(key)) return key.source ?? String(key.value);
  return key === null ? '' : String(key);
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.value === '<<';
}

function valueOf(node: YamlScalar): string | number | boolean | null {
  if (node.type === 'PLAIN' && node.tag === undefined) return resolvePlain(node.source ?? '');
  const { value } = node;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') {
    return value;
  }
  return value === null || value === undefined ? null : (node.source ?? '');
}
