import { Writer } from '../../../wire/writer.ts';
import { LabelCursor } from '../../prometheus/walk.ts';

export type Pair = readonly [name: string, value: string];

/** An instrumentation scope as labels tell it. */
export interface ScopeIdentity {
  /** Two scopes with the same key are the same. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: readonly Pair[];
}

/** Whose series it is: empty where a label is absent. */
export interface ResourceIdentity {
  readonly key: string;
  readonly job: string;
  readonly instance: string;
}

/** The labels of a series, taken apart. */
export interface Identity {
  readonly name: string;
  readonly resource: ResourceIdentity;
  readonly scope: ScopeIdentity;
  /** Labels that stay with the point, sorted; `le` and `quantile` among them. */
  readonly attributes: readonly Pair[];
  /** The same as fields of a NumberDataPoint. */
  readonly encoded: Uint8Array;
}

const SCOPE_PREFIX = 'otel_scope_';
const NUMBER_POINT_ATTRIBUTES = 7;

/** Takes the labels of a series of the form apart. */
export function identityOf(bytes: Uint8Array, start: number, labelsEnd: number): Identity {
  const labels = new LabelCursor().enter(bytes, start, labelsEnd);
  let [name, job, instance] = ['', '', ''];
  const scope = { name: '', version: '', schemaUrl: '' };
  const scopeAttributes: Pair[] = [];
  const attributes: Pair[] = [];
  while (labels.next()) {
    const label = decoder.decode(bytes.subarray(labels.nameStart, labels.nameEnd));
    const value = decoder.decode(bytes.subarray(labels.valueStart, labels.valueEnd));
    if (label === '__name__') name = value;
    else if (label === 'job') job = value;
    else if (label === 'instance') instance = value;
    else if (label === 'otel_scope_name') scope.name = value;
    else if (label === 'otel_scope_version') scope.version = value;
    else if (label === 'otel_scope_schema_url') scope.schemaUrl = value;
    else if (label.startsWith(SCOPE_PREFIX) && label.length > SCOPE_PREFIX.length)
      scopeAttributes.push([label.slice(SCOPE_PREFIX.length), value]);
    else attributes.push([label, value]);
  }
  const scopeParts = [scope.name, scope.version, scope.schemaUrl, ...scopeAttributes.flat()];
  return {
    name,
    resource: { key: keyOf([job, instance]), job, instance },
    scope: { ...scope, key: keyOf(scopeParts), attributes: scopeAttributes },
    attributes,
    encoded: encodeAttributes(attributes, NUMBER_POINT_ATTRIBUTES),
  };
}

/** Strings as one that no other list of strings has. */
export function keyOf(parts: readonly string[]): string {
  let key = '';
  for (const part of parts) key += `${part.length} ${part}`;
  return key;
}

/** Attributes with strings as values, as fields of that number. */
export function encodeAttributes(pairs: readonly Pair[], number: number): Uint8Array {
  const writer = new Writer();
  writeAttributes(writer, pairs, number);
  return writer.finish();
}

/** message KeyValue { string key = 1; AnyValue value = 2; } message AnyValue { string string_value = 1; … } */
export function writeAttributes(writer: Writer, pairs: readonly Pair[], number: number): void {
  for (const [name, value] of pairs) {
    writer.open(number).string(1, name).open(2).string(1, value).close().close();
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
