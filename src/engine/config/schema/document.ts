import { z } from 'zod';
import type { Plain } from '../source/tree.ts';

/** A JSON Schema, as far as Millrace reads its own. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly required?: readonly string[];
  readonly items?: boolean | JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly deprecated?: boolean;
  /** Never shown. */
  readonly secret?: boolean;
  /** A mistake: what replaced the key. */
  readonly retired?: string;
  /** Without effect here: why. */
  readonly ignored?: string;
}

/** The JSON Schema (2020-12) of what may be written for a zod schema. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const document = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      amend(zodSchema, jsonSchema as Writable<JsonSchema>);
    },
  }) as JsonSchema;
  const { $schema: _, ...rest } = document;
  return rest;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What zod does not say by itself, or says of the output instead of what may be written. */
function amend({ _zod: { def } }: z.core.$ZodTypes, schema: Writable<JsonSchema>): void {
  const isSection = def.type === 'pipe' && def.in._zod.def.type === 'transform';
  if (isSection && schema.type === 'object') schema.type = ['object', 'null'];
  if (def.type === 'default' && schema.default === undefined) {
    const { defaultValue: standard } = def;
    const isDuration = schema.format === 'duration' && typeof standard === 'number';
    schema.default = isDuration ? formatDuration(standard) : standard;
  }
  if (def.type === 'object' && schema.required !== undefined) {
    const isNeeded = (key: string): boolean => {
      const property = def.shape[key];
      return property === undefined || !z.safeParse(property, undefined).success;
    };
    schema.required = schema.required.filter(isNeeded);
    if (schema.required.length === 0) delete schema.required;
  }
  if (schema.retired !== undefined) schema.deprecated = true;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}

/** `90000` as `90s`, `200` as `200ms`. */
function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  return ms >= 1000 && ms % 100 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Every schema that speaks about the value itself: alternatives and references followed. */
export function alternatives(schema: JsonSchema, root: JsonSchema): readonly JsonSchema[] {
  const found = new Set<JsonSchema>();
  const visit = (each: JsonSchema): void => {
    if (found.has(each)) return;
    found.add(each);
    const target = referenced(each, root);
    if (target !== undefined) visit(target);
    for (const several of [each.anyOf, each.oneOf, each.allOf]) several?.forEach(visit);
  };
  visit(schema);
  return [...found];
}

/** What a `$ref` stands for. */
function referenced({ $ref }: JsonSchema, root: JsonSchema): JsonSchema | undefined {
  if ($ref === undefined) return undefined;
  return $ref === '#' ? root : root.$defs?.[$ref.replace(/^#\/\$defs\//, '')];
}

/** The schemas of the entry `key` of values that `schemas` describe. */
function entrySchemas(
  schemas: readonly JsonSchema[],
  key: PropertyKey,
  root: JsonSchema,
): readonly JsonSchema[] {
  return schemas.flatMap((schema) => {
    if (typeof key === 'number') {
      return typeof schema.items === 'object' ? alternatives(schema.items, root) : [];
    }
    const { properties = {} } = schema;
    const property = Object.hasOwn(properties, key) ? properties[String(key)] : undefined;
    if (property !== undefined) return alternatives(property, root);
    const { additionalProperties } = schema;
    return typeof additionalProperties === 'object' ? alternatives(additionalProperties, root) : [];
  });
}

/** The schemas of the value at a path. */
function schemasAt(root: JsonSchema, path: readonly PropertyKey[]): readonly JsonSchema[] {
  let schemas = alternatives(root, root);
  for (const key of path) schemas = entrySchemas(schemas, key, root);
  return schemas;
}

/** Whether the value at a path must not be shown. */
export function isSecret(root: JsonSchema, path: readonly PropertyKey[]): boolean {
  let schemas = alternatives(root, root);
  for (const key of path) {
    schemas = entrySchemas(schemas, key, root);
    if (schemas.some((schema) => schema.secret === true)) return true;
  }
  return false;
}

/** Keys that may be written at a path. */
export function keysAt(root: JsonSchema, path: readonly PropertyKey[]): readonly string[] {
  const keys = schemasAt(root, path).flatMap((schema) => Object.entries(schema.properties ?? {}));
  return [
    ...new Set(keys.filter(([, schema]) => schema.retired === undefined).map(([key]) => key)),
  ];
}

/** What stands in the place of a secret. */
const REDACTED = '[redacted]';

/** A copy of the value with its secrets replaced, and with what no schema speaks about. */
export function redact(value: Plain, root: JsonSchema): Plain {
  return redactIn(value, alternatives(root, root), root);
}

function redactIn(value: Plain, schemas: readonly JsonSchema[], root: JsonSchema): Plain {
  if (value === null || value === undefined) return value;
  const isUnknown = schemas.length === 0;
  if (isUnknown || schemas.some((schema) => schema.secret === true)) return REDACTED;
  if (Array.isArray(value)) {
    return value.map((item, index) => redactIn(item, entrySchemas(schemas, index, root), root));
  }
  if (typeof value === 'string') return redactUrl(value);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      redactIn(entry, entrySchemas(schemas, key, root), root),
    ]),
  );
}

/** URLs carry credentials too: before the host, and as values of a query. */
function redactUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  return text
    .replace(/^([^/]*\/\/)[^/?#]*@/, `$1${REDACTED}@`)
    .replaceAll(/([?&][^=&#]+=)[^&#]*/g, `$1${REDACTED}`);
}

/** Keys written that have no effect here, with the reason. */
export function ignoredIn(
  value: Plain,
  root: JsonSchema,
): readonly { readonly path: readonly PropertyKey[]; readonly why: string }[] {
  const found: { path: readonly PropertyKey[]; why: string }[] = [];
  const visit = (at: Plain, schemas: readonly JsonSchema[], path: readonly PropertyKey[]): void => {
    if (at === undefined) return;
    const why = schemas.find((schema) => schema.ignored !== undefined)?.ignored;
    if (why !== undefined) {
      found.push({ path, why });
      return;
    }
    if (typeof at !== 'object' || at === null) return;
    const entries = Array.isArray(at) ? [...at.entries()] : Object.entries(at);
    for (const [key, entry] of entries) {
      visit(entry, entrySchemas(schemas, key, root), [...path, key]);
    }
  };
  visit(value, alternatives(root, root), []);
  return found;
}
