import type { TranslationSettings } from '../../../contract/translation.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { findField } from '../../otlp/walk.ts';
import { type LabelSet, labelSetOf } from './label-set.ts';
import type { Names } from './names.ts';
import { compareBytes, decodePair, valueText } from './value-text.ts';

/** Attributes as text, in the order they came; of a key that comes twice the last. */
export type Texts = ReadonlyMap<string, string>;

/** A resource as far as series are concerned. */
export interface ResourceSource {
  readonly attributes: Texts;
  /** Empty where the resource does not say it. */
  readonly job: string;
  readonly instance: string;
  /** Labels of `target_info`; undefined when it is not worth one. */
  readonly target: LabelSet | undefined;
}

/** A resource and a scope: what all series below them have in common. */
export interface Source {
  /** Tells sources apart; never given twice. */
  readonly id: number;
  readonly resource: ResourceSource;
  readonly scopeLabels: Texts;
}

const IDENTIFYING = new Set(['service.name', 'service.namespace', 'service.instance.id']);

/** Reads the attributes in a message: fields of the number `number`. */
export function textsOf(bytes: Uint8Array, { start, end }: Range, number: number): Texts {
  const texts = new Map<string, string>();
  const cursor = new FieldCursor().enter(bytes, start, end);
  while (cursor.next()) {
    if (cursor.number !== number) continue;
    const [key, value] = decodePair(bytes.subarray(cursor.start, cursor.end));
    texts.set(key, valueText(value));
  }
  return texts;
}

type Range = Pick<FieldRange, 'start' | 'end'>;

/** Makes labels of attributes, for one translation. */
export class Labels {
  readonly #names: Names;
  readonly #settings: TranslationSettings;

  constructor(names: Names, settings: TranslationSettings) {
    this.#names = names;
    this.#settings = settings;
  }

  /** `attributes` are those of the Resource. */
  resource(attributes: Texts): ResourceSource {
    const namespace = attributes.get('service.namespace') ?? '';
    const name = attributes.get('service.name') ?? '';
    const job = namespace !== '' && name !== '' ? `${namespace}/${name}` : name;
    const instance = attributes.get('service.instance.id') ?? '';
    const others = [...attributes].filter(([key]) => !IDENTIFYING.has(key));
    const isWorthIt = others.length > 0 && (job !== '' || instance !== '');
    if (!this.#settings.targetInfo || !isWorthIt) {
      return { attributes, job, instance, target: undefined };
    }
    const labels = this.#named(others);
    this.#finish(labels, { job, instance });
    return { attributes, job, instance, target: labelSetOf(labels) };
  }

  /** message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; } */
  scope(bytes: Uint8Array, scope: Range | undefined, schemaUrl: string): Texts {
    if (!this.#settings.scopeInfo) return NONE;
    const attributes: [string, string][] = [];
    const own = new Map([['otel_scope_schema_url', schemaUrl]]);
    if (scope !== undefined) {
      own.set('otel_scope_name', textOf(bytes, findField(bytes, scope, 1)));
      own.set('otel_scope_version', textOf(bytes, findField(bytes, scope, 2)));
      for (const [key, text] of textsOf(bytes, scope, 3)) {
        attributes.push([`otel_scope_${key}`, text]);
      }
    }
    return new Map([...this.#named(attributes), ...own]);
  }

  /** The labels of a series whose point has these attributes. */
  series(attributes: Texts, { resource, scopeLabels }: Source): LabelSet {
    const all = this.#settings.resourceToTelemetry
      ? new Map([...attributes, ...resource.attributes])
      : attributes;
    const labels = this.#named([...all]);
    for (const [name, value] of scopeLabels) labels.set(name, value);
    this.#finish(labels, resource);
    return labelSetOf(labels);
  }

  /** Names labels. Values that meet under one name are joined, in the order of their keys. */
  #named(attributes: readonly (readonly [string, string])[]): Map<string, string> {
    const labels = new Map<string, string>();
    const sorted = attributes.toSorted(([a], [b]) => compareBytes(a, b));
    for (const [key, text] of sorted) {
      const name = this.#names.label(key);
      if (key === '__name__' || name === '__name__') continue;
      const before = labels.get(name);
      labels.set(name, before === undefined ? text : `${before};${text}`);
    }
    return labels;
  }

  #finish(labels: Map<string, string>, { job, instance }: { job: string; instance: string }): void {
    if (job !== '') labels.set('job', job);
    if (instance !== '') labels.set('instance', instance);
    for (const [name, value] of Object.entries(this.#settings.externalLabels)) {
      if ((labels.get(name) ?? '') === '') labels.set(name, value);
    }
  }
}

/** The text of a string field; empty when it is absent. */
export function textOf(bytes: Uint8Array, field: Range | undefined): string {
  return field === undefined ? '' : decoder.decode(bytes.subarray(field.start, field.end));
}

const NONE: Texts = new Map();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
