import type {
  ExporterDefinition,
  ExtensionDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from './component.ts';

/** Type name to module. Lazy: a thread loads only what its configuration names. */
export type Modules<D> = Readonly<Record<string, () => Promise<{ readonly default: D }>>>;

/** Every component this build has. The engine receives it as an argument and knows none by name. */
export interface Registry {
  readonly receivers: Modules<ReceiverDefinition>;
  readonly processors: Modules<ProcessorDefinition>;
  readonly exporters: Modules<ExporterDefinition>;
  readonly extensions: Modules<ExtensionDefinition>;
}

/** Kinds of components, as the sections of the configuration name them. */
export type Kind = keyof Registry;
