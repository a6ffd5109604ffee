import type { ExporterDefinition } from '../../contract/component.ts';
import type { Kind } from '../../contract/registry.ts';
import { parseId, type Catalogue, type Definition } from './components.ts';
import type { ComponentConfig, DeliveryConfig } from './config.ts';
import { DELIVERY_KEYS, deliverySchema } from './delivery.ts';
import type { Findings } from './mistakes.ts';
import { checkSection, type Section } from './schema/check.ts';
import {
  childOf,
  emptyMapping,
  isNothing,
  pathText,
  type Mapping,
  type Plain,
  type Tree,
} from './source/tree.ts';

/** One entry of a section whose type is known, with what could be read of it. */
export interface Component extends ComponentConfig {
  readonly kind: Kind;
  readonly definition: Definition;
  /** As written, with its places. */
  readonly tree: Tree;
  readonly delivery: DeliveryConfig | undefined;
  /** As written, expanded; secrets included. */
  readonly value: Plain;
}

/** Every entry of one kind of a type this build has; all mistakes go to `findings`. */
export async function readComponents(
  root: Mapping,
  kind: Kind,
  catalogue: Catalogue,
  findings: Findings,
): Promise<readonly Component[]> {
  const section = childOf(root, kind);
  if (isNothing(section)) return [];
  if (section.kind !== 'mapping') {
    findings.error(section.place, kind, `expected a mapping of ${kind} by id`);
    return [];
  }
  const components: Component[] = [];
  for (const [id, tree] of section.entries) {
    const parsed = parseId(id);
    if ('problem' in parsed) {
      findings.error(tree.place, pathText([kind, id]), parsed.problem);
      continue;
    }
    const definition = await catalogue.find(kind, parsed.type);
    if (definition === undefined) {
      const message = await catalogue.explain(kind, parsed.type);
      findings.error(tree.place, pathText([kind, id]), message);
      continue;
    }
    components.push(readComponent({ kind, id, definition, tree }, findings));
  }
  return components;
}

type Found = Pick<Component, 'kind' | 'id' | 'definition' | 'tree'>;

function readComponent(found: Found, findings: Findings): Component {
  const { kind, id, definition } = found;
  const path = [kind, id];
  const whole = isNothing(found.tree) ? emptyMapping(found.tree.place) : found.tree;
  const defaults = kind === 'exporters' ? (definition as ExporterDefinition).delivery : 'none';
  const shares = defaults !== 'none';
  const own: Section = {
    tree: shares ? pick(whole, (key) => !DELIVERY_KEYS.includes(key)) : whole,
    path,
    alsoKnown: shares ? DELIVERY_KEYS.filter((key) => key !== 'batcher') : [],
  };
  const { output: settings, value } = checkSection(definition.schema, own, findings);
  const note = (consumers?: number): void => {
    if (settings === undefined) return;
    for (const text of definition.notes?.(settings, consumers) ?? []) {
      findings.warn(whole.place, pathText(path), text);
    }
  };
  const component = { ...found, type: definition.type, settings };
  if (!shares) {
    note();
    return { ...component, delivery: undefined, value };
  }
  const shared = { tree: pick(whole, (key) => DELIVERY_KEYS.includes(key)), path };
  const delivery = checkSection(deliverySchema(defaults), shared, findings);
  note(delivery.output?.queue.numConsumers);
  return { ...component, delivery: delivery.output, value: mergePlain(value, delivery.value) };
}

function mergePlain(own: Plain, shared: Plain): Plain {
  const isMapping = typeof own === 'object' && own !== null && !Array.isArray(own);
  return isMapping && typeof shared === 'object' ? { ...own, ...(shared as object) } : own;
}

function pick(tree: Tree, wanted: (key: string) => boolean): Tree {
  if (tree.kind !== 'mapping') return wanted('') ? tree : emptyMapping(tree.place);
  const entries = [...tree.entries].filter(([key]) => wanted(key));
  return { ...tree, entries: new Map(entries) };
}
