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
      Object.assign($defs, named(name, definitionDocument(definition)));
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
  properties['service'] = serviceDocument();
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
function named(name: string, document: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const text = JSON.stringify(document)
    .replaceAll('"#/$defs/', `"#/$defs/${name}.`)
    .replaceAll('"$ref":"#"', `"$ref":"#/$defs/${name}"`);
  const { $defs = {}, ...own } = JSON.parse(text) as JsonSchema;
  const parts = Object.entries($defs).map(([part, schema]) => [`${name}.${part}`, schema]);
  return { [name]: own, ...Object.fromEntries(parts) };
}
