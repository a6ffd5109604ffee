import { type Batch, type Bytes, type Signal, withChunks } from '../../../contract/batch.ts';
import { AttributeList } from '../../../formats/otlp/attributes.ts';
import { editItemAttributes, editResourceAttributes } from '../../../formats/otlp/edit.ts';
import { filterItems } from '../../../formats/otlp/filter.ts';
import {
  findField,
  nextOf,
  numberOf,
  POINT_KIND,
  RESOURCE,
  type RequestWalk,
} from '../../../formats/otlp/walk.ts';
import type { Naming } from '../../../formats/prometheus/relabel/label-name.ts';
import { RelabelRules } from '../../../formats/prometheus/relabel/rules.ts';
import type { RuleConfig } from '../../../formats/prometheus/relabel/settings.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { releaseBytes } from '../../../wire/memory.ts';
import { RecordLabels } from './record-labels.ts';
import { effectsOf, type Effects } from './effects.ts';

const RESOURCE_ATTRIBUTES = numberOf('Resource', 'attributes');
const POINT_ATTRIBUTES = POINT_KIND.map((kind) => (kind ? numberOf(kind, 'attributes') : 0));
const RECORD_ATTRIBUTES: Readonly<Record<Signal, number>> = {
  traces: numberOf('Span', 'attributes'),
  logs: numberOf('LogRecord', 'attributes'),
  metrics: 0,
};
const NAMES: Readonly<Record<Signal, number>> = {
  traces: numberOf('Span', 'name'),
  metrics: numberOf('Metric', 'name'),
  logs: 0,
};

/**
 * Applies rules to the attributes of resources and records of OTLP requests. The rules run for
 * every record; those about nothing but the resource run once more for the resource itself.
 * Each of the three passes is left out when no rule has an effect there.
 */
export class RecordRelabeler {
  readonly #rules: RelabelRules;
  readonly #resourceRules: RelabelRules;
  readonly #effects: Effects;
  readonly #resource = new AttributeList();
  readonly #record = new AttributeList();
  readonly #labels = new RecordLabels(this.#resource);
  readonly #cursor = new FieldCursor();
  // The resource that was read last, and whether the rules drop it.
  #resourceStart = -1;
  #isDropped = false;

  constructor(rules: readonly RuleConfig[], naming: Naming) {
    this.#effects = effectsOf(rules);
    this.#rules = new RelabelRules(rules, naming);
    this.#resourceRules = new RelabelRules(this.#effects.resourceRules, naming);
  }

  apply(batch: Batch): Batch | undefined {
    const { signal } = batch;
    let dropped = 0;
    let changed = false;
    const chunks: Bytes[] = [];
    for (const chunk of batch.chunks) {
      const left = this.#filter(signal, chunk);
      dropped += left.dropped;
      const bytes = this.#edit(signal, left.bytes);
      if (left.bytes !== chunk && left.bytes !== bytes) releaseBytes(left.bytes);
      changed ||= bytes !== chunk;
      if (bytes.length > 0) chunks.push(bytes);
    }
    if (!changed) return batch;
    return chunks.length === 0 ? undefined : withChunks(batch, chunks, batch.items - dropped);
  }

  #filter(signal: Signal, chunk: Bytes): { readonly bytes: Bytes; readonly dropped: number } {
    if (!this.#effects.drops) return { bytes: chunk, dropped: 0 };
    this.#resourceStart = -1;
    return filterItems(signal, chunk, (item, walk) => {
      this.#readResource(walk);
      if (this.#isDropped) return false;
      if (!this.#effects.looksAtRecords) return true;
      const isPoint = signal === 'metrics';
      const number = isPoint ? POINT_ATTRIBUTES[walk.data.number]! : RECORD_ATTRIBUTES[signal];
      this.#record.clear(walk.bytes, number);
      this.#record.read(item.start, item.end);
      this.#labels.begin(this.#record, this.#nameOf(signal, walk));
      return this.#rules.apply(this.#labels);
    });
  }

  #edit(signal: Signal, chunk: Bytes): Bytes {
    this.#resourceStart = -1;
    let bytes = chunk;
    if (this.#effects.changesRecords) {
      bytes = editItemAttributes(signal, bytes, (attributes, walk) => {
        this.#readResource(walk);
        this.#labels.begin(attributes, this.#nameOf(signal, walk));
        if (this.#rules.apply(this.#labels)) this.#labels.applyTo(attributes);
      });
    }
    if (!this.#effects.changesResources) return bytes;
    const edited = editResourceAttributes(bytes, (attributes, walk) => {
      this.#resourceStart = -1;
      this.#readResource(walk);
      this.#labels.begin(undefined, '');
      if (this.#resourceRules.apply(this.#labels)) this.#labels.applyToResource(attributes);
    });
    if (bytes !== chunk && bytes !== edited) releaseBytes(bytes);
    return edited;
  }

  /** Reads the resource the walk stands in, unless it is the one that was read before. */
  #readResource(walk: RequestWalk): void {
    const { start, end }: FieldRange = walk.resource;
    if (start === this.#resourceStart) return;
    this.#resourceStart = start;
    this.#resource.clear(walk.bytes, RESOURCE_ATTRIBUTES);
    const parts = this.#cursor.enter(walk.bytes, start, end);
    while (nextOf(parts, RESOURCE)) this.#resource.read(parts.start, parts.end);
    this.#labels.begin(undefined, '');
    this.#isDropped = !this.#resourceRules.apply(this.#labels);
  }

  #nameOf(signal: Signal, walk: RequestWalk): string {
    if (!this.#effects.looksAtNames || signal === 'logs') return '';
    const field = findField(walk.bytes, walk.record, NAMES[signal]);
    return field === undefined ? '' : decoder.decode(walk.bytes.subarray(field.start, field.end));
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
