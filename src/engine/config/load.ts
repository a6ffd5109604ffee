import type { Kind, Registry } from '../../contract/registry.ts';
import { canonicalHash, freezeDeeply } from './canonical.ts';
import { Catalogue } from './components.ts';
import { KINDS, type ComponentConfig, type Config, type ExporterConfig } from './config.ts';
import { ConfigError, Findings, type Mistake } from './mistakes.ts';
import { suggestion } from './nearest.ts';
import { resolveReferences, type Components } from './references.ts';
import { redact } from './schema/document.ts';
import { definitionDocument } from './schema/definition.ts';
import { readComponents, type Component } from './sections.ts';
import { readService } from './service.ts';
import { readTree, type Sources } from './source/sources.ts';
import { childOf, type Mapping, type Plain } from './source/tree.ts';

/** Where a configuration comes from; the process' environment and directory unless given. */
export type LoadOptions = Pick<Sources, 'uris'> & Partial<Sources>;

/** All that can be said about a configuration, right or wrong. */
export interface Inspection {
  /** Undefined when a mistake keeps it from running. */
  readonly config: Config | undefined;
  /** Errors, then warnings, each in the order of the files. */
  readonly mistakes: readonly Mistake[];
  /** Everything that is known, merged and expanded, secrets included. */
  readonly resolved: Plain;
  /** The same with secrets replaced; safe to show. */
  readonly redacted: Plain;
}

/**
 * Reads, merges, expands and checks a configuration. Loads the modules of the components it
 * names and no others. Throws a `ConfigError` with every mistake at once.
 */
export async function loadConfig(options: LoadOptions, registry: Registry): Promise<Config> {
  const { config, mistakes } = await inspectConfig(options, registry);
  if (config !== undefined) return config;
  throw new ConfigError(mistakes.filter((mistake) => mistake.severity === 'error'));
}

/** The same without throwing, and with what the printing commands need. */
export async function inspectConfig(options: LoadOptions, registry: Registry): Promise<Inspection> {
  const findings = new Findings();
  const sources = {
    variables: process.env,
    directory: process.cwd(),
    sets: [],
    ...options,
  };
  const root = readTree(sources, findings);
  if (root === undefined) {
    const mistakes = [...findings.sorted('error'), ...findings.sorted('warning')];
    return { config: undefined, mistakes, resolved: {}, redacted: {} };
  }
  return inspectTree(root, new Catalogue(registry), findings);
}

async function inspectTree(
  root: Mapping,
  catalogue: Catalogue,
  findings: Findings,
): Promise<Inspection> {
  checkTopLevel(root, findings);
  const components = await readAll(root, catalogue, findings);
  const service = readService(root, findings);
  const resolved = resolveReferences(service, components, root, findings);
  const warnings = findings.sorted('warning');
  const isUsable = resolved !== undefined && !findings.failed;
  return {
    config: isUsable ? assemble(resolved, components, warnings) : undefined,
    mistakes: [...findings.sorted('error'), ...warnings],
    resolved: { ...sectionsOf(components, (component) => component.value), service: service.value },
    redacted: { ...sectionsOf(components, redactedValue), service: service.value },
  };
}

/** Sections by kind and id, the empty ones left out. */
function sectionsOf(
  components: Components,
  valueOf: (component: Component) => Plain,
): { [key: string]: Plain } {
  const filled = KINDS.filter((kind) => components[kind].length > 0);
  return Object.fromEntries(
    filled.map((kind) => [
      kind,
      Object.fromEntries(components[kind].map((component) => [component.id, valueOf(component)])),
    ]),
  );
}

function redactedValue({ value, definition }: Component): Plain {
  return redact(value, definitionDocument(definition));
}

const SECTIONS: readonly string[] = [...KINDS, 'connectors', 'service'];

function checkTopLevel(root: Mapping, findings: Findings): void {
  for (const [key, tree] of root.entries) {
    if (!SECTIONS.includes(key)) {
      findings.error(tree.place, key, `unknown section; ${suggestion(key, SECTIONS)}`);
    }
  }
  const connectors = childOf(root, 'connectors');
  if (connectors?.kind !== 'mapping') return;
  for (const [id, tree] of connectors.entries) {
    const message = 'this build has no connectors yet; let one pipeline name the exporters of both';
    findings.error(tree.place, `connectors.${id}`, message);
  }
}

async function readAll(
  root: Mapping,
  catalogue: Catalogue,
  findings: Findings,
): Promise<Components> {
  const read = async (kind: Kind): Promise<readonly Component[]> =>
    readComponents(root, kind, catalogue, findings);
  return {
    receivers: await read('receivers'),
    processors: await read('processors'),
    exporters: await read('exporters'),
    extensions: await read('extensions'),
  };
}

/** Components that nothing names are left out: they are not to run. */
function assemble(
  service: Config['service'],
  components: Components,
  warnings: readonly Mistake[],
): Config {
  const pipelines = Object.values(service.pipelines);
  const named = (kind: 'receivers' | 'processors' | 'exporters'): readonly string[] =>
    pipelines.flatMap((pipeline) => pipeline[kind]);
  const content = {
    receivers: byId(components.receivers, named('receivers'), componentConfig),
    processors: byId(components.processors, named('processors'), componentConfig),
    exporters: byId(components.exporters, named('exporters'), exporterConfig),
    extensions: byId(components.extensions, service.extensions, componentConfig),
    service,
  };
  const notes = warnings.map(({ path, message, file, line, column }) => ({
    path,
    message,
    file,
    line,
    column,
  }));
  return freezeDeeply({ ...content, hash: canonicalHash(content), notes });
}

function byId<T>(
  components: readonly Component[],
  named: readonly string[],
  convert: (component: Component) => T,
): Record<string, T> {
  const used = components.filter(({ id }) => named.includes(id));
  return Object.fromEntries(used.map((component) => [component.id, convert(component)]));
}

function componentConfig({ id, type, settings }: Component): ComponentConfig {
  return { id, type, settings };
}

function exporterConfig(component: Component): ExporterConfig {
  return { ...componentConfig(component), delivery: component.delivery };
}
