/** Where the forms of metrics meet in a pipeline, and what is put there. */
import type { Form } from '../../contract/batch.ts';
import type {
  ExporterDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import type { Config, PipelineConfig } from '../config/config.ts';

/** Components take and give OTLP unless they say otherwise. */
const DEFAULT_FORMS: readonly Form[] = ['otlp'];

/**
 * Forms of the component with this id: those a receiver gives, those the others take, the best
 * liked first. `undefined`: the component is not in the data path.
 */
export type FormsOf = (kind: keyof Definitions, id: string) => readonly Form[] | undefined;

/** Definitions by type. */
export interface Definitions {
  readonly receivers: ReadonlyMap<string, ReceiverDefinition>;
  readonly processors: ReadonlyMap<string, ProcessorDefinition>;
  readonly exporters: ReadonlyMap<string, ExporterDefinition>;
}

/** The forms of the components of a configuration. */
export function formsIn(config: Config, definitions: Definitions): FormsOf {
  return (kind, id) => {
    const component = config[kind]?.[id];
    const definition = definitions[kind].get(component?.type ?? '');
    if (definition === undefined) return DEFAULT_FORMS;
    if ('batching' in definition || 'limits' in definition) return undefined;
    if ('formsOf' in definition) return definition.formsOf?.(component?.settings) ?? DEFAULT_FORMS;
    return definition.forms ?? DEFAULT_FORMS;
  };
}

/** The form that data is brought into in front of a component; absent where it comes as it should. */
export interface TranslationPlan {
  readonly processors: ReadonlyMap<string, Form>;
  readonly exporters: ReadonlyMap<string, Form>;
}

const NOTHING: TranslationPlan = { processors: new Map(), exporters: new Map() };

/** Puts translations as late as possible: in front of the part that does not take what comes. */
export function planTranslations(pipeline: PipelineConfig, formsOf: FormsOf): TranslationPlan {
  if (pipeline.signal !== 'metrics') return NOTHING;
  let coming: readonly Form[] = [
    ...new Set(pipeline.receivers.flatMap((id) => formsOf('receivers', id) ?? DEFAULT_FORMS)),
  ];
  const processors = new Map<string, Form>();
  for (const id of pipeline.processors) {
    const wanted = wantedForm(coming, formsOf('processors', id));
    if (wanted === undefined) continue;
    processors.set(id, wanted);
    coming = [wanted];
  }
  const exporters = new Map<string, Form>();
  for (const id of pipeline.exporters) {
    const wanted = wantedForm(coming, formsOf('exporters', id));
    if (wanted !== undefined) exporters.set(id, wanted);
  }
  return { processors, exporters };
}

/** What all data has to become for a part that takes `taken`; undefined when it may stay. */
function wantedForm(coming: readonly Form[], taken: readonly Form[] | undefined): Form | undefined {
  if (taken === undefined || coming.every((form) => taken.includes(form))) return undefined;
  return taken[0];
}

/** The way through a pipeline on one line: `prometheus_remote_write -> [to otlp] -> otlp_http`. */
export function describeWay(pipeline: PipelineConfig, plan: TranslationPlan): string {
  const { receivers, processors, exporters } = pipeline;
  const way = receivers.length > 0 ? [receivers.join(', ')] : [];
  // Neighbours stand together until a translation comes between them.
  let run: string[] = [];
  const endRun = (): void => {
    if (run.length > 0) way.push(run.join(', '));
    run = [];
  };
  for (const id of processors) {
    const form = plan.processors.get(id);
    if (form !== undefined) {
      endRun();
      way.push(`[to ${form}]`);
    }
    run.push(id);
  }
  endRun();
  const forms = new Set(exporters.map((id) => plan.exporters.get(id)));
  const [only] = forms;
  if (forms.size === 1 && only !== undefined) way.push(`[to ${only}]`);
  const ends = exporters.map((id) => {
    const form = forms.size > 1 ? plan.exporters.get(id) : undefined;
    return form === undefined ? id : `[to ${form}] ${id}`;
  });
  if (ends.length > 0) way.push(ends.join(', '));
  return way.join(' -> ');
}
