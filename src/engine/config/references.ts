import type { Signal } from '../../contract/batch.ts';
import type { Kind } from '../../contract/registry.ts';
import { parseId } from './components.ts';
import type { PipelineConfig, ServiceConfig } from './config.ts';
import type { Findings } from './mistakes.ts';
import { nearestName, suggestion } from './nearest.ts';
import type { Component } from './sections.ts';
import type { ServiceParts } from './service.ts';
import { childOf, findIn, isNothing, pathText, placeIn, type Mapping } from './source/tree.ts';

/** Components of the whole file, by kind. */
export type Components = Readonly<Record<Kind, readonly Component[]>>;

/**
 * Checks what the service names against what the file defines, and answers the service with
 * every reference in the spelling of its definition; undefined when its settings could not be
 * read. Says which components nothing uses, unless something else is wrong.
 */
export function resolveReferences(
  service: ServiceParts,
  components: Components,
  root: Mapping,
  findings: Findings,
): ServiceConfig | undefined {
  const resolver = new Resolver(components, root, findings);
  resolver.checkAny();
  const pipelines = service.pipelines.map((pipeline) => resolver.pipeline(pipeline));
  const extensions = resolver.list('extensions', service.extensions, ['service', 'extensions']);
  const { settings } = service;
  if (settings === undefined) return undefined;
  if (!findings.failed) resolver.reportUnused();
  const byId = Object.fromEntries(pipelines.map((pipeline) => [pipeline.id, pipeline]));
  return { ...settings, pipelines: byId, extensions };
}

class Resolver {
  readonly #components: Components;
  readonly #root: Mapping;
  readonly #findings: Findings;
  readonly #used = new Set<Component>();

  constructor(components: Components, root: Mapping, findings: Findings) {
    this.#components = components;
    this.#root = root;
    this.#findings = findings;
  }

  pipeline(pipeline: PipelineConfig): PipelineConfig {
    const path = ['service', 'pipelines', pipeline.id];
    const list = (kind: Kind & keyof PipelineConfig): readonly string[] =>
      this.list(kind, pipeline[kind] as readonly string[], [...path, kind], pipeline.signal);
    const resolved = {
      ...pipeline,
      receivers: list('receivers'),
      processors: list('processors'),
      exporters: list('exporters'),
    };
    for (const kind of ['receivers', 'exporters'] as const) {
      if (pipeline[kind].length > 0) continue;
      const message = `the pipeline has no ${kind}; name at least one`;
      this.#error([...path, kind], message);
    }
    return { ...resolved, bestEffort: this.#bestEffort(resolved, path) };
  }

  list(
    kind: Kind,
    ids: readonly string[],
    path: readonly string[],
    signal?: Signal,
  ): readonly string[] {
    const resolved: string[] = [];
    for (const [index, id] of ids.entries()) {
      const at = [...path, index];
      const component = this.#find(kind, id);
      if (component === undefined) {
        this.#reportMissing(kind, id, at);
        continue;
      }
      this.#used.add(component);
      if (resolved.includes(component.id)) {
        this.#error(at, `"${id}" is listed twice`);
        continue;
      }
      resolved.push(component.id);
      this.#checkSignal(component, signal, at);
    }
    return resolved;
  }

  checkAny(): void {
    const pipelines = findIn(this.#root, ['service', 'pipelines']);
    const isEmpty = pipelines?.kind === 'mapping' && pipelines.entries.size === 0;
    if (!isNothing(pipelines) && !isEmpty) return;
    this.#error(['service', 'pipelines'], 'there are no pipelines; write at least one');
  }

  reportUnused(): void {
    for (const component of Object.values(this.#components).flat()) {
      if (this.#used.has(component)) continue;
      const { kind, id, tree } = component;
      const where =
        kind === 'extensions' ? 'service.extensions does not name it' : 'no pipeline names it';
      this.#findings.warn(tree.place, pathText([kind, id]), `is not used: ${where}`);
    }
  }

  #bestEffort(pipeline: PipelineConfig, path: readonly string[]): readonly string[] {
    const resolved: string[] = [];
    for (const [index, id] of pipeline.bestEffort.entries()) {
      const component = this.#find('exporters', id);
      if (component !== undefined && pipeline.exporters.includes(component.id)) {
        resolved.push(component.id);
        continue;
      }
      const hint = suggestion(id, pipeline.exporters);
      this.#error(
        [...path, 'best_effort', index],
        `"${id}" is not among the exporters of this pipeline; ${hint}`,
      );
    }
    return resolved;
  }

  /** By its id as written; otherwise in the other spelling of its type. */
  #find(kind: Kind, id: string): Component | undefined {
    const all = this.#components[kind];
    const exact = all.find((component) => component.id === id);
    if (exact !== undefined) return exact;
    const wanted = parseId(id);
    if ('problem' in wanted) return undefined;
    return all.find((component) => {
      const own = parseId(component.id);
      if ('problem' in own || own.name !== wanted.name) return false;
      const { type, aliases = [] } = component.definition;
      return [type, ...aliases].includes(wanted.type);
    });
  }

  #reportMissing(kind: Kind, id: string, path: readonly PropertyKey[]): void {
    const section = childOf(this.#root, kind);
    const written = section?.kind === 'mapping' ? [...section.entries.keys()] : [];
    if (written.includes(id)) return;
    const nearest = nearestName(id, written);
    const hint = nearest === undefined ? `define it under ${kind}` : `did you mean "${nearest}"?`;
    this.#error(path, `"${id}" is not defined; ${hint}`);
  }

  #checkSignal(
    component: Component,
    signal: Signal | undefined,
    path: readonly PropertyKey[],
  ): void {
    const { definition, id } = component;
    if (signal === undefined || !('signals' in definition)) return;
    if (definition.signals.includes(signal)) return;
    const carried = definition.signals.join(' and ');
    this.#error(path, `"${id}" does not carry ${signal}, only ${carried}`);
  }

  #error(path: readonly PropertyKey[], message: string): void {
    this.#findings.error(placeIn(this.#root, path), pathText(path), message);
  }
}
