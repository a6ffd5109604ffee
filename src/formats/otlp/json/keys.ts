import { type Field, isMessage, type MessageName, SCHEMA } from '../schema.ts';

/** A key of a JSON object and the field it stands for. */
export interface Key {
  readonly field: Field;
  readonly bytes: Uint8Array;
  /** The keys of the message it holds; undefined for a scalar. */
  readonly message: Keys | undefined;
  /** Whether the default value is left out of the encoding. */
  readonly implicit: boolean;
}

/** Every spelling of every field of a message, by hash; the bytes decide. */
export type Keys = Map<number, Key>;

const TABLES = new Map<MessageName, Keys>();

/** The keys of a message: camelCase as OTLP/JSON has it, and the names of the .proto files. */
export function keysOf(name: MessageName): Keys {
  const known = TABLES.get(name);
  if (known !== undefined) return known;
  const keys: Keys = new Map();
  TABLES.set(name, keys);
  for (const field of SCHEMA[name]) {
    const message = isMessage(field.type) ? keysOf(field.type) : undefined;
    const implicit = !(field.repeated ?? field.optional ?? field.oneof !== undefined);
    for (const spelling of new Set([field.jsonName, field.name])) {
      const bytes = Buffer.from(spelling);
      const hash = hashOf(bytes);
      if (keys.has(hash)) throw new Error(`bug: two keys of ${name} have the same hash`);
      keys.set(hash, { field, bytes, message, implicit });
    }
  }
  return keys;
}

/** A key as it stands in a body, with its hash. */
export interface Spelling {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly hash: number;
}

/** The key that is spelt like this. */
export function findKey(keys: Keys, { bytes, start, end, hash }: Spelling): Key | undefined {
  const key = keys.get(hash);
  if (key === undefined || key.bytes.length !== end - start) return undefined;
  for (let index = 0; index < key.bytes.length; index++) {
    if (bytes[start + index] !== key.bytes[index]) return undefined;
  }
  return key;
}

/** FNV-1a, as the scanner computes it. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** Names of enum values by name of the field; their place is their number. */
const ENUMS: Readonly<Record<string, readonly string[]>> = {
  kind: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
    (name) => `SPAN_KIND_${name}`,
  ),
  code: ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`),
  aggregation_temporality: ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map(
    (name) => `AGGREGATION_TEMPORALITY_${name}`,
  ),
  severity_number: [
    'UNSPECIFIED',
    ...SEVERITIES.flatMap((name) => [name, `${name}2`, `${name}3`, `${name}4`]),
  ].map((name) => `SEVERITY_NUMBER_${name}`),
};

/** The number of a named enum value; undefined when there is none of that name. */
export function findEnumNumber(field: Field, name: string): number | undefined {
  const number = ENUMS[field.name]?.indexOf(name) ?? -1;
  return number < 0 ? undefined : number;
}

/** The name of an enum value; undefined for numbers of a later version. */
export function findEnumName(fieldName: string, number: number): string | undefined {
  return ENUMS[fieldName]?.[number];
}
