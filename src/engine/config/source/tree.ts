import type { Place } from '../mistakes.ts';

/** A value as it was written, with its place. Trees are never changed, only rebuilt. */
export type Tree = Scalar | Mapping | Sequence;

interface Written {
  /** Of the key, for an entry of a mapping; of the value itself otherwise. */
  readonly place: Place;
  /**
   * The original text of a value that came whole out of an expansion: `0123` where the value is
   * 83. A setting that wants a string gets this.
   */
  readonly text?: string;
}

export interface Scalar extends Written {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
}

export interface Mapping extends Written {
  readonly kind: 'mapping';
  readonly entries: ReadonlyMap<string, Tree>;
}

interface Sequence extends Written {
  readonly kind: 'sequence';
  readonly items: readonly Tree[];
}

/** Plain data, as `JSON.parse` would give it. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | undefined
  | Plain[]
  | { [key: string]: Plain };

/** The values without their places: fresh objects on every call. */
export function plainOf(tree: Tree): Plain {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'sequence':
      return tree.items.map(plainOf);
    case 'mapping':
      return Object.fromEntries([...tree.entries].map(([key, value]) => [key, plainOf(value)]));
  }
}

/** The entry of a mapping; undefined when there is none or `tree` is no mapping. */
export function childOf(tree: Tree | undefined, key: PropertyKey): Tree | undefined {
  if (tree?.kind === 'mapping') return tree.entries.get(String(key));
  return tree?.kind === 'sequence' ? tree.items[Number(key)] : undefined;
}

/** The value at a path; undefined when there is none. */
export function findIn(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  let at: Tree | undefined = tree;
  for (const key of path) at = childOf(at, key);
  return at;
}

/** The plain value at a path; undefined when there is none. */
export function valueAt(value: Plain, path: readonly PropertyKey[]): Plain {
  let at: Plain = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, Plain>)[key];
  }
  return at;
}

/** Place of the value at a path, or of the nearest thing around it that was written. */
export function placeIn(tree: Tree, path: readonly PropertyKey[]): Place {
  let place = tree.place;
  let at: Tree | undefined = tree;
  for (const key of path) {
    at = childOf(at, key);
    if (at === undefined) break;
    place = at.place;
  }
  return place;
}

/** A mapping with nothing in it. */
export function emptyMapping(place: Place): Mapping {
  return { kind: 'mapping', entries: new Map(), place };
}

/** Keys and indexes as `exporters.otlp/eu.headers.x` or `actions[0].key`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/**
 * Lays `over` on `under`: mappings merge key by key, anything else replaces, and a key with
 * nothing behind it erases what was there.
 */
export function mergeTrees(under: Tree, over: Tree): Tree {
  if (under.kind !== 'mapping' || over.kind !== 'mapping') return over;
  const entries = new Map(under.entries);
  for (const [key, value] of over.entries) {
    const earlier = entries.get(key);
    entries.set(key, earlier === undefined ? value : mergeTrees(earlier, value));
  }
  return { kind: 'mapping', entries, place: over.place };
}

/** Whether there is nothing: no value, null, or an expansion that came to nothing. */
export function isNothing(tree: Tree | undefined): tree is Scalar | undefined {
  return (
    tree === undefined || (tree.kind === 'scalar' && (tree.value === null || tree.value === ''))
  );
}
