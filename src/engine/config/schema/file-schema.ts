import type { Kind, Registry } from '../../../contract/registry.ts';
import { Catalogue, type Definition } from '../components.ts';
import { KINDS } from '../config.ts';
import { pipelineSchema, serviceSchema } from '../service.ts';
import { definitionDocument } from './definition.ts';
import { jsonSchemaOf, type JsonSchema } from './document.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

const DESCRIPTIONS: Readonly<Record<Kind, string>> = {
  receivers: 'Where telemetry comes in, by type and name.',
  processors: 'What is done to it, by type and name.',
  exporters: 'Where it goes, by type and name.',
  extensions: 'What runs beside the pipelines, by type and name.',
};

const EXPANSION: JsonSchema = {
  description: 'A value from elsewhere.',
  type: 'string',
  pattern: '\\$\\{[\\s\\S]*\\}',
};

/** Every definition of a registry, by kind, in the order of the registry. */
export async function allDefinitions(
  registry: Registry,
): Promise<Readonly<Record<Kind, readonly Definition[]>>> {
  const catalogue = new Catalogue(registry);
  const read = async (kind: Kind): Promise<readonly Definition[]> => {
    const found = await Promise.all(
      catalogue.types(kind).map((type) => catalogue.find(kind, type)),
    );
    return found.filter((definition) => definition !== undefined);
  };
  return {
    receivers: await read('receivers'),
    processors: await read('processors'),
    exporters: await read('exporters'),
    extensions: await read('extensions'),
  };
}

/** The JSON Schema of a whole file, composed from every component of the registry. */
export async function fileSchema(registry: Registry): Promise<JsonSchema> {
  const definitions = await allDefinitions(registry);
  const $defs: Record<string, JsonSchema> = {};
  const properties: Record<string, JsonSchema> = {};
  for (const kind of KINDS) {
    const patternProperties: Record<string, JsonSchema> = {};
    for (const definition of definitions[kind]) {
      const name = `${kind}.${definition.type}`;
      for (const [part, schema] of named(name, definitionDocument(definition))) {
        $defs[part] = allowExpansions(schema);
      }
      const types = [definition.type, ...(definition.aliases ?? [])];
      patternProperties[`^(${types.join('|')})(/.+)?$`] = { $ref: `#/$defs/${name}` };
    }
    properties[kind] = {
      description: DESCRIPTIONS[kind],
      type: ['object', 'null'],
      patternProperties,
      additionalProperties: false,
    };
  }
  properties['service'] = allowExpansions(serviceDocument());
  $defs['expansion'] = EXPANSION;
  return {
    $schema: DIALECT,
    title: 'Millrace configuration',
    type: 'object',
    properties,
    required: ['service'],
    additionalProperties: false,
    $defs,
  };
}

/** The schema of the `service` section. */
export function serviceDocument(): JsonSchema {
  const service = jsonSchemaOf(serviceSchema);
  const pipelines: JsonSchema = {
    description: 'Pipelines by id: a signal, or a signal and a name as in `traces/eu`.',
    type: 'object',
    patternProperties: { '^(traces|metrics|logs)(/.+)?$': jsonSchemaOf(pipelineSchema) },
    additionalProperties: false,
  };
  return {
    ...service,
    description: 'What runs, and how.',
    properties: { pipelines, ...service.properties },
    required: ['pipelines'],
  };
}

/** A schema under its name, and the parts that it refers to under theirs. */
function named(name: string, document: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  const text = JSON.stringify(document)
    .replaceAll('"#/$defs/', `"#/$defs/${name}.`)
    .replaceAll('"$ref":"#"', `"$ref":"#/$defs/${name}"`);
  const { $defs = {}, ...own } = JSON.parse(text) as JsonSchema;
  const parts = Object.entries($defs);
  return [[name, own], ...parts.map(([part, schema]) => [`${name}.${part}`, schema] as const)];
}

/** Durations as they are written here; the standard's own format of that name is another. */
const DURATION = '^[+-]?(0|((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|ms|s|m|h))+)$|\\$\\{';

/**
 * The same where numbers, switches and choices may also come out of an expansion, and without
 * formats, which an expansion does not have.
 */
function allowExpansions(schema: JsonSchema): JsonSchema {
  const each = (of: Readonly<Record<string, JsonSchema>> | undefined) =>
    of && Object.fromEntries(Object.entries(of).map(([key, one]) => [key, allowExpansions(one)]));
  const inside = (of: boolean | JsonSchema | undefined): boolean | JsonSchema | undefined =>
    typeof of === 'object' ? allowExpansions(of) : of;
  const { format, ...own } = schema;
  const changed = {
    ...own,
    ...(format === 'duration' ? { pattern: DURATION } : {}),
    properties: each(schema.properties),
    patternProperties: each(schema.patternProperties),
    additionalProperties: inside(schema.additionalProperties),
    items: inside(schema.items),
    anyOf: schema.anyOf?.map(allowExpansions),
    oneOf: schema.oneOf?.map(allowExpansions),
  } as JsonSchema;
  const isChoice = schema.enum !== undefined || schema.const !== undefined;
  const isNumber =
    typeof schema.type === 'string' && /^(integer|number|boolean)$/.test(schema.type);
  if (!isChoice && !isNumber) return changed;
  const { description, default: standard, ...rest } = changed;
  return {
    description,
    default: standard,
    anyOf: [rest, { $ref: '#/$defs/expansion' }],
  } as JsonSchema;
}
