import type { Findings } from '../mistakes.ts';
import { expandTree } from './expand.ts';
import { parseYaml } from './parse.ts';
import { readSource, type Environment } from './provider.ts';
import { emptyMapping, mergeTrees, type Mapping, type Tree } from './tree.ts';

/** What the command line says about where the configuration is. */
export interface Sources extends Environment {
  /** `--config`: paths or URIs, merged in this order. */
  readonly uris: readonly string[];
  /** `--set`: `a.b=value`, laid over the files. */
  readonly sets: readonly string[];
}

/**
 * Reads, merges and expands. Everything wrong goes to `findings`; undefined when a part could
 * not be read at all, so that nobody complains of what is missing only for that reason.
 */
export function readTree(sources: Sources, findings: Findings): Mapping | undefined {
  let complete = true;
  let tree: Tree = emptyMapping({ file: sources.uris[0] ?? 'config', line: 1, column: 1 });
  for (const uri of sources.uris) {
    const layer = readLayer(uri, sources, findings);
    if (layer === undefined) complete = false;
    else tree = mergeTrees(tree, layer);
  }
  for (const set of sources.sets) {
    const layer = readSet(set, findings);
    if (layer === undefined) complete = false;
    else tree = mergeTrees(tree, layer);
  }
  if (!complete) return undefined;
  const expanded = expandTree(tree, sources, findings);
  return expanded.kind === 'mapping' ? expanded : emptyMapping(tree.place);
}

function readLayer(uri: string, sources: Sources, findings: Findings): Mapping | undefined {
  const retrieved = readSource(uri, sources, 'file');
  const place = { file: retrieved.name, line: 1, column: 1 };
  if (retrieved.text === undefined || retrieved.problem !== undefined) {
    findings.error(place, '', retrieved.problem ?? `cannot read ${uri}`);
    return undefined;
  }
  const tree = parseYaml(retrieved.text, { file: retrieved.name }, findings);
  if (tree === undefined) return undefined;
  if (tree.kind === 'scalar' && tree.value === null) return emptyMapping(place);
  if (tree.kind === 'mapping') return unfoldKeys(tree);
  findings.error(tree.place, '', 'must be a mapping with receivers, exporters, service and so on');
  return undefined;
}

/** `exporters::debug::verbosity: detailed`, the short form that `yaml:` URIs use. */
function unfoldKeys(tree: Mapping): Mapping {
  if (![...tree.entries.keys()].some((key) => key.includes('::'))) return tree;
  let unfolded: Tree = emptyMapping(tree.place);
  for (const [key, value] of tree.entries) {
    unfolded = mergeTrees(unfolded, wrap(key.split('::'), value));
  }
  return unfolded as Mapping;
}

function readSet(set: string, findings: Findings): Mapping | undefined {
  const at = set.indexOf('=');
  const key = at < 0 ? set : set.slice(0, at);
  const place = { file: `--set ${key}`, line: 1, column: 1 };
  if (at <= 0) {
    findings.error(place, '', 'cannot read --set: write --set section.key=value');
    return undefined;
  }
  const value = parseYaml(set.slice(at + 1), { file: place.file, at: place }, findings);
  return value === undefined ? undefined : (wrap(key.split('.'), value) as Mapping);
}

function wrap(path: readonly string[], value: Tree): Tree {
  return path.reduceRight<Tree>(
    (inner, key) => ({ kind: 'mapping', entries: new Map([[key, inner]]), place: value.place }),
    value,
  );
}
