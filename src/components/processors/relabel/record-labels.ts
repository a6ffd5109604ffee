import { decodeValue } from '../../../formats/otlp/any-value.ts';
import { textOf } from '../../../formats/otlp/actions/plain-value.ts';
import type { AttributeList } from '../../../formats/otlp/attributes.ts';
import { LabelName, METRIC_NAME } from '../../../formats/prometheus/relabel/label-name.ts';
import type { LabelSet } from '../../../formats/prometheus/relabel/label-set.ts';
import { NameTable } from '../../../formats/prometheus/relabel/name-table.ts';
import { sizeOfVarint, writeVarint } from '../../../wire/varint.ts';

const RESOURCE = 'resource.';
const RECORD = 'attributes.';

/** Where the value of a label is: an attribute with that key, or the record's name. */
interface Place {
  readonly of: 'resource' | 'record' | 'name';
  readonly key: Uint8Array;
  /** The one way to write the name. */
  readonly text: string;
}

/** Whether a label stands for an attribute of the resource. */
export function isResourceLabel(name: string): boolean {
  return name.startsWith(RESOURCE);
}

/**
 * The attributes of a record and of its resource as labels. What a record says never changes its
 * resource: setting a label of the resource from anything but labels of the resource is passed
 * over, and so is setting the name.
 */
export class RecordLabels implements LabelSet {
  readonly #places = new WeakMap<LabelName, Place>();
  readonly #names = new Map<string, LabelName>();
  readonly #table = new NameTable();
  // By the text of the place; empty values are labels that are gone.
  readonly #set = new Map<string, { readonly name: LabelName; readonly value: string }>();
  #resource: AttributeList;
  #record: AttributeList | undefined;
  #recordName = '';

  constructor(resource: AttributeList) {
    this.#resource = resource;
  }

  /** Begins with a record, or with nothing but the resource. */
  begin(record: AttributeList | undefined, recordName: string): void {
    this.#record = record;
    this.#recordName = recordName;
    this.#set.clear();
  }

  get(name: LabelName): string {
    const place = this.#placeOf(name);
    return this.#set.get(place.text)?.value ?? this.#read(place);
  }

  set(name: LabelName, value: string, sources: readonly LabelName[]): void {
    const place = this.#placeOf(name);
    if (place.of === 'name' || (place.of === 'record' && this.#record === undefined)) return;
    const isOfResource = (source: LabelName) => this.#placeOf(source).of === 'resource';
    if (place.of === 'resource' && !sources.every(isOfResource)) return;
    // What went and comes again is behind the others.
    if (this.#set.get(place.text)?.value === '') this.#set.delete(place.text);
    this.#set.set(place.text, { name, value });
  }

  names(): readonly LabelName[] {
    const names: LabelName[] = [];
    if (this.#recordName !== '') names.push(METRIC_NAME);
    this.#addNames(names, this.#resource, RESOURCE);
    if (this.#record !== undefined) this.#addNames(names, this.#record, '');
    names.sort((left, right) => (left.text < right.text ? -1 : 1));
    for (const [text, { value }] of this.#set) if (value !== '') names.push(this.#named(text));
    return names;
  }

  /** Makes the changes of the record's attributes. */
  applyTo(record: AttributeList): void {
    this.#apply('record', record);
  }

  /** Makes the changes of the resource's attributes. */
  applyToResource(resource: AttributeList): void {
    this.#apply('resource', resource);
  }

  #apply(of: Place['of'], list: AttributeList): void {
    for (const { name, value } of this.#set.values()) {
      const place = this.#placeOf(name);
      if (place.of !== of || value === this.#read(place)) continue;
      if (value === '') list.delete(place.key);
      else list.set(place.key, encodeText(value));
    }
  }

  #read({ of, key }: Place): string {
    if (of === 'name') return this.#recordName;
    const list = of === 'resource' ? this.#resource : this.#record;
    const index = list?.find(key) ?? -1;
    return list === undefined || index < 0 ? '' : textAt(list, index);
  }

  /** Names of attributes that were not set, each once. */
  #addNames(names: LabelName[], list: AttributeList, prefix: string): void {
    for (let index = 0; index < list.size; index++) {
      if (!list.has(index)) continue;
      const key = list.keyAt(index);
      if (key.length === 0) continue;
      const own = this.#table.find(key, 0, key.length);
      const text = prefix === '' ? ownText(own.text) : prefix + own.text;
      const name = text === own.text ? own : this.#named(text);
      if (!this.#set.has(text) && !names.includes(name)) names.push(name);
    }
  }

  #placeOf(name: LabelName): Place {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place = findPlace(name.text);
    this.#places.set(name, place);
    return place;
  }

  #named(text: string): LabelName {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    const name = new LabelName(text);
    this.#names.set(text, name);
    return name;
  }
}

const MAX_NAMES = 1024;
const encoder = new TextEncoder();

// message AnyValue { oneof value { string string_value = 1; … } }
const TEXT_TAG = 0x0a;

/** The value of an attribute as text. */
function textAt(list: AttributeList, index: number): string {
  const value = list.valueAt(index);
  // fast path: a short text and nothing else
  if (value[0] === TEXT_TAG && value[1] === value.length - 2 && value.length < 130)
    return Buffer.from(value.buffer, value.byteOffset + 2, value.length - 2).toString();
  return textOf(decodeValue(value));
}

/** An AnyValue in pooled memory: it only lives until a splice copies it. */
function encodeText(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  const value = Buffer.allocUnsafe(1 + sizeOfVarint(length) + length);
  value[0] = TEXT_TAG;
  value.write(text, writeVarint(value, 1, length));
  return value;
}

function findPlace(text: string): Place {
  if (text === METRIC_NAME.text) return { of: 'name', key: METRIC_NAME.bytes, text };
  if (text.startsWith(RESOURCE))
    return { of: 'resource', key: encoder.encode(text.slice(RESOURCE.length)), text };
  const key = text.startsWith(RECORD) ? text.slice(RECORD.length) : text;
  return { of: 'record', key: encoder.encode(key), text: ownText(key) };
}

/** The label of an attribute of a record: its key, but for keys that would mean something else. */
function ownText(key: string): string {
  const isPlain = !key.startsWith(RESOURCE) && !key.startsWith(RECORD) && key !== METRIC_NAME.text;
  return isPlain && key !== '' ? key : RECORD + key;
}
