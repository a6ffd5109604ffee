import type {
  ExporterDefinition,
  ExtensionDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import type { Kind, Registry } from '../../contract/registry.ts';
import { KINDS } from './config.ts';
import { editDistance, nearestName, suggestion } from './nearest.ts';

/** Any definition of the registry. */
export type Definition =
  | ReceiverDefinition
  | ProcessorDefinition
  | ExporterDefinition
  | ExtensionDefinition;

/** The two halves of `type[/name]`. */
export interface ComponentId {
  readonly type: string;
  readonly name: string | undefined;
}

/** Reads `type[/name]`, or says what is wrong with it. */
export function parseId(id: string): ComponentId | { readonly problem: string } {
  const slash = id.indexOf('/');
  const type = (slash < 0 ? id : id.slice(0, slash)).trim();
  const name = slash < 0 ? undefined : id.slice(slash + 1).trim();
  if (name === '')
    return { problem: `"${id}" has no name behind the slash; write a name or remove it` };
  if (!/^[a-zA-Z][0-9a-zA-Z_]{0,62}$/.test(type)) {
    return {
      problem: `"${id}" is no component id; write a type, or a type and a name as in otlp/edge`,
    };
  }
  return { type, name };
}

/** Definitions by kind and by the type or alias that was asked for. Loads each module once. */
export class Catalogue {
  readonly #registry: Registry;
  readonly #loaded = new Map<string, Promise<Definition | undefined>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Types of one kind that this build has. */
  types(kind: Kind): readonly string[] {
    return Object.keys(this.#registry[kind]);
  }

  /** The definition of a type or an alias; undefined when this build has none. */
  find(kind: Kind, type: string): Promise<Definition | undefined> {
    const key = `${kind}/${type}`;
    const known = this.#loaded.get(key);
    if (known !== undefined) return known;
    const loading = this.#find(kind, type);
    this.#loaded.set(key, loading);
    return loading;
  }

  /** Why there is none, with what there is. */
  async explain(kind: Kind, type: string): Promise<string> {
    const known = await this.#namesOf(kind);
    const missing = `this build has no ${kind.slice(0, -1)} of type "${type}"`;
    const successor = await this.#successorOf(kind, type);
    if (successor !== undefined) {
      return `${missing}: it is retired, write ${successor} in its place`;
    }
    const other = KINDS.find((each) => Object.hasOwn(this.#registry[each], type));
    if (other !== undefined && nearestName(type, known) === undefined) {
      return `${missing}; it belongs under ${other}`;
    }
    return known.length === 0
      ? `${missing}, nor any other`
      : `${missing}; ${suggestion(type, known)}`;
  }

  async #successorOf(kind: Kind, type: string): Promise<string | undefined> {
    for (const candidate of this.types(kind)) {
      const definition = await this.find(kind, candidate);
      if (definition?.replaces?.includes(type) === true) return candidate;
    }
    return undefined;
  }

  async #find(kind: Kind, type: string): Promise<Definition | undefined> {
    const module = Object.hasOwn(this.#registry[kind], type)
      ? this.#registry[kind][type]
      : undefined;
    if (module !== undefined) return (await module()).default;
    for (const candidate of this.#likeliestFirst(kind, type)) {
      const definition = await this.find(kind, candidate);
      if (definition?.aliases?.includes(type) === true) return definition;
    }
    return undefined;
  }

  /** An alias is nearly always its type without underscores or the beginning of it. */
  #likeliestFirst(kind: Kind, alias: string): readonly string[] {
    const bare = (name: string): string => name.toLowerCase().replaceAll('_', '');
    const distance = (type: string): number => {
      if (bare(type) === bare(alias)) return -2;
      return bare(type).startsWith(bare(alias)) ? -1 : editDistance(bare(type), bare(alias));
    };
    return [...this.types(kind)].sort((a, b) => distance(a) - distance(b));
  }

  async #namesOf(kind: Kind): Promise<readonly string[]> {
    const names = await Promise.all(
      this.types(kind).map(async (type) => {
        const definition = await this.find(kind, type);
        return [type, ...(definition?.aliases ?? [])];
      }),
    );
    return names.flat();
  }
}
