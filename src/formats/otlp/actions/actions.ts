import { hash } from 'node:crypto';
import type { Origin } from '../../../contract/batch.ts';
import { type AnyValue, decodeValue, encodeValue } from '../any-value.ts';
import type { AttributeList } from '../attributes.ts';
import { Pattern } from './pattern.ts';
import { encodePlain, textOf } from './plain-value.ts';
import type { ActionConfig } from './settings.ts';

const METADATA = 'metadata.';

/** One step of an action list. */
interface Step {
  /** Takes what it needs from the origin; called once per batch. */
  begin?(origin: Origin): void;
  apply(attributes: AttributeList): void;
}

/** A list of actions, ready to be applied to one message after the other. */
export class AttributeActions {
  readonly #steps: readonly Step[];

  constructor(actions: readonly ActionConfig[]) {
    this.#steps = actions.map(compile);
  }

  /** Must be called before the first message of a batch. */
  begin(origin: Origin): void {
    for (const step of this.#steps) step.begin?.(origin);
  }

  /** Applies every action in order; `attributes` collects the changes. */
  apply(attributes: AttributeList): void {
    for (const step of this.#steps) step.apply(attributes);
  }
}

function compile(action: ActionConfig): Step {
  const key = action.key === undefined ? undefined : Buffer.from(action.key);
  switch (action.action) {
    case 'insert':
    case 'update':
    case 'upsert':
      return compileSet(action, key ?? EMPTY);
    case 'delete':
      return each(action, key, deleteAll);
    case 'hash':
      return each(action, key, hashValue);
    case 'extract':
      return compileExtract(action, key ?? EMPTY);
    case 'convert': {
      const target = action.converted_type;
      return each(action, key, (attributes, index) => convert(attributes, index, target));
    }
  }
}

const EMPTY = Buffer.alloc(0);

function compileSet(action: ActionConfig, key: Uint8Array): Step {
  const canInsert = action.action !== 'update';
  const canUpdate = action.action !== 'insert';
  const put = (attributes: AttributeList, value: Uint8Array): void => {
    const index = attributes.find(key);
    if (index < 0 ? !canInsert : !canUpdate) return;
    // What is as it should be stays untouched, so that the request may be forwarded as it is.
    if (index >= 0 && Buffer.compare(attributes.valueAt(index), value) === 0) return;
    attributes.set(key, value);
  };
  const fallback =
    action.default_value === undefined ? undefined : encodePlain(action.default_value);
  const { from_attribute: fromAttribute, from_context: fromContext } = action;
  if (fromContext !== undefined) return compileContext(fromContext, fallback, put);
  if (fromAttribute !== undefined) {
    const source = Buffer.from(fromAttribute);
    return {
      apply(attributes) {
        const index = attributes.find(source);
        const value = index < 0 ? fallback : attributes.valueAt(index);
        if (value !== undefined) put(attributes, value);
      },
    };
  }
  const value = action.value === undefined ? fallback : encodePlain(action.value);
  return {
    apply(attributes) {
      if (value !== undefined) put(attributes, value);
    },
  };
}

function compileContext(
  name: string,
  fallback: Uint8Array | undefined,
  put: (attributes: AttributeList, value: Uint8Array) => void,
): Step {
  let text: string | undefined;
  let value = fallback;
  return {
    begin(origin) {
      const found = contextValue(origin, name);
      if (found === text) return;
      text = found;
      value = found === undefined ? fallback : encodePlain(found);
    },
    apply(attributes) {
      if (value !== undefined) put(attributes, value);
    },
  };
}

/** Undefined when there is none. Nothing verifies clients yet, so `auth.` never has a value. */
function contextValue(origin: Origin, name: string): string | undefined {
  if (name === 'client.address') return origin.clientAddress;
  if (name.startsWith('auth.')) return undefined;
  const header = name.startsWith(METADATA) ? name.slice(METADATA.length) : name;
  const values = Object.hasOwn(origin.metadata, header.toLowerCase())
    ? origin.metadata[header.toLowerCase()]
    : undefined;
  return values === undefined || values.length === 0 ? undefined : values.join(';');
}

/** Acts on the attribute of that key, then on all whose key matches the pattern. */
function each(
  action: ActionConfig,
  key: Uint8Array | undefined,
  act: (attributes: AttributeList, index: number) => void,
): Step {
  const pattern = action.pattern === undefined ? undefined : new Pattern(action.pattern);
  return {
    apply(attributes) {
      const index = key === undefined ? -1 : attributes.find(key);
      if (index >= 0) act(attributes, index);
      if (pattern === undefined) return;
      for (let at = 0; at < attributes.size; at++) {
        if (at === index || !attributes.has(at)) continue;
        if (pattern.test(keyText(attributes.keyAt(at)))) act(attributes, at);
      }
    },
  };
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString();
}

/** The attribute at `index`, and others of its key. */
function deleteAll(attributes: AttributeList, index: number): void {
  attributes.delete(attributes.keyAt(index));
}

function hashValue(attributes: AttributeList, index: number): void {
  const input = hashInput(decodeValue(attributes.valueAt(index)));
  const value = input.length === 0 ? '' : hash('sha256', input, 'hex');
  attributes.replaceAt(index, encodeValue({ kind: 'string', value }));
}

/** What the Collector hashes: text as it is, numbers as eight little-endian bytes. */
function hashInput(value: AnyValue): Uint8Array {
  const bytes = Buffer.alloc(8);
  switch (value.kind) {
    case 'string':
      return Buffer.from(value.value);
    case 'bool':
      return Uint8Array.of(Number(value.value));
    case 'int':
      bytes.writeBigInt64LE(value.value);
      return bytes;
    case 'double':
      bytes.writeDoubleLE(value.value);
      return bytes;
    default:
      return EMPTY;
  }
}

function compileExtract(action: ActionConfig, key: Uint8Array): Step {
  const pattern = new Pattern(action.pattern ?? '');
  const targets = pattern.groupNames.map((name) => Buffer.from(name));
  return {
    apply(attributes) {
      const index = attributes.find(key);
      if (index < 0) return;
      const source = decodeValue(attributes.valueAt(index));
      const groups = source.kind === 'string' ? pattern.exec(source.value) : undefined;
      groups?.forEach((text, group) => {
        if (group > 0) attributes.set(targets[group] ?? EMPTY, encodePlain(text));
      });
    },
  };
}

function convert(
  attributes: AttributeList,
  index: number,
  target: ActionConfig['converted_type'],
): void {
  const value = decodeValue(attributes.valueAt(index));
  const converted =
    target === 'int' ? toInt(value) : target === 'double' ? toDouble(value) : toText(value);
  if (converted !== undefined) attributes.replaceAt(index, encodeValue(converted));
}

function toInt(value: AnyValue): AnyValue | undefined {
  if (value.kind === 'double') {
    const whole = Math.trunc(value.value);
    return Number.isFinite(whole) ? inRange(BigInt(whole)) : undefined;
  }
  if (value.kind !== 'string' || !/^[+-]?\d{1,20}$/.test(value.value)) return undefined;
  return inRange(BigInt(value.value.replace('+', '')));
}

function inRange(value: bigint): AnyValue | undefined {
  return BigInt.asIntN(64, value) === value ? { kind: 'int', value } : undefined;
}

function toDouble(value: AnyValue): AnyValue | undefined {
  if (value.kind === 'int') return { kind: 'double', value: Number(value.value) };
  if (value.kind !== 'string') return undefined;
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value.value);
  return isNumber ? { kind: 'double', value: Number(value.value) } : undefined;
}

function toText(value: AnyValue): AnyValue | undefined {
  return value.kind === 'string' ? undefined : { kind: 'string', value: textOf(value) };
}
