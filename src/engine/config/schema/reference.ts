import type { DeliveryDefaults } from '../../../contract/component.ts';
import type { Kind, Registry } from '../../../contract/registry.ts';
import type { Definition } from '../components.ts';
import { deliverySchema } from '../delivery.ts';
import { deliveryDefaults } from './definition.ts';
import { alternatives, jsonSchemaOf, type JsonSchema } from './document.ts';
import { allDefinitions, serviceDocument } from './file-schema.ts';

const HEADINGS: readonly (readonly [Kind, string])[] = [
  ['receivers', 'Receivers'],
  ['processors', 'Processors'],
  ['exporters', 'Exporters'],
  ['extensions', 'Extensions'],
];

const INTRODUCTION = `# Reference of settings

This page is generated from the schemas that check a configuration; \`node scripts/generate-reference.mjs\` writes
it anew. A section stands under its kind and an id, which is a type, or a type and a name:
\`exporters: { otlp_http/eu: { endpoint: … } }\`. Durations are written with a unit (\`10s\`, \`200ms\`, \`1m30s\`), sizes
with or without one (\`64MiB\`, \`1048576\`). Every value may be \`\${env:NAME}\`, \`\${env:NAME:-default}\` or
\`\${file:part.yaml}\`; \`$$\` is a dollar sign.
`;

/** The page of all settings of every component, as Markdown. */
export async function referencePage(registry: Registry): Promise<string> {
  const definitions = await allDefinitions(registry);
  const parts = [INTRODUCTION, section('Service', 2, serviceDocument(), '`service:`')];
  for (const [kind, heading] of HEADINGS) {
    parts.push(`## ${heading}\n`);
    if (kind === 'exporters') parts.push(deliverySection());
    for (const definition of definitions[kind]) parts.push(componentSection(definition));
  }
  return parts.join('\n');
}

function deliverySection(): string {
  const text = 'Every exporter that sends over a network has these keys beside its own.';
  return section('Delivery', 3, jsonSchemaOf(deliverySchema({})), text);
}

function componentSection(definition: Definition): string {
  const { type, aliases = [], summary, stability } = definition;
  const facts = [`Stability: ${stability}.`];
  if ('signals' in definition) facts.push(`Signals: ${definition.signals.join(', ')}.`);
  if (aliases.length > 0) facts.push(`Also written ${aliases.map(code).join(', ')}.`);
  const delivery = deliveryDefaults(definition);
  if (delivery !== undefined) {
    facts.push(`Has the keys of [delivery](#delivery)${differing(delivery)}.`);
  }
  const text = `${summary}\n\n${facts.join(' ')}`;
  return section(type, 3, jsonSchemaOf(definition.schema), text);
}

/** Defaults of the shared keys that are not the usual ones, as the end of a sentence. */
function differing(defaults: DeliveryDefaults): string {
  const usual = jsonSchemaOf(deliverySchema({}));
  const standards = new Map([...rowsOf(usual, '', usual)].map(([key, , value]) => [key, value]));
  const own = jsonSchemaOf(deliverySchema(defaults));
  const others = [...rowsOf(own, '', own)].filter(([key, , value]) => standards.get(key) !== value);
  const list = others.map(([key, , value]) => `${key} ${value}`).join(', ');
  return list === '' ? '' : `, with ${list}`;
}

function section(heading: string, level: number, schema: JsonSchema, text: string): string {
  const rows = [...rowsOf(schema, '', schema)];
  const lines = rows.map(
    (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  const table = ['| Key | Type | Default | |', '| --- | --- | --- | --- |', ...lines];
  const body = rows.length === 0 ? ['No settings.'] : table;
  return [`${'#'.repeat(level)} ${heading}`, '', text, '', ...body, ''].join('\n');
}

type Row = readonly [key: string, type: string, standard: string, description: string];

/** A schema that refers to others may go on for ever, so what it refers to is `any`. */
function* rowsOf(schema: JsonSchema, prefix: string, root: JsonSchema): Generator<Row> {
  if (schema.$ref !== undefined) return;
  for (const each of alternatives(schema, root)) {
    for (const [key, property] of Object.entries(each.properties ?? {})) {
      const isRequired = each.required?.includes(key) === true;
      yield* rowsOfKey(`${prefix}${key}`, property, { root, isRequired });
    }
    for (const property of Object.values(each.patternProperties ?? {})) {
      yield* rowsOf(property, `${prefix}<id>.`, root);
    }
    if (typeof each.additionalProperties === 'object') {
      yield* rowsOf(each.additionalProperties, `${prefix}<name>.`, root);
    }
  }
}

function* rowsOfKey(
  key: string,
  property: JsonSchema,
  { root, isRequired }: { readonly root: JsonSchema; readonly isRequired: boolean },
): Generator<Row> {
  if (property.retired !== undefined) {
    yield [code(key), '', '', `Retired: ${property.retired}.`];
    return;
  }
  if (property.ignored !== undefined) {
    yield [code(key), '', '', `Accepted without effect: ${property.ignored}.`];
    return;
  }
  const standard = isRequired ? 'required' : defaultOf(property);
  const type = typeOf(property);
  const unexplained =
    type === 'any' ? 'Not supported; what to do instead is said where it is written.' : '';
  yield [code(key), type, standard, property.description ?? unexplained];
  yield* rowsOf(property, `${key}.`, root);
  for (const each of alternatives(property, root)) {
    if (typeof each.items === 'object') yield* rowsOf(each.items, `${key}[].`, root);
  }
}

function defaultOf({ default: standard }: JsonSchema): string {
  if (standard === undefined) return '';
  const isEmpty = typeof standard === 'object' && JSON.stringify(standard) === '{}';
  return isEmpty ? '' : code(typeof standard === 'string' ? standard : JSON.stringify(standard));
}

function typeOf(schema: JsonSchema): string {
  if (schema.format === 'duration') return 'duration';
  if (schema.format === 'byte-size') return 'size';
  if (schema.format === 'host-port') return 'host:port';
  if (schema.secret === true) return 'secret';
  if (schema.const !== undefined) return code(String(schema.const as string));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ');
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) {
    return [...new Set(several.map((each) => typeOf(each)).filter((type) => type !== ''))].join(
      ' or ',
    );
  }
  if (schema.$ref !== undefined) return 'any';
  const types = [schema.type ?? 'any'].flat().filter((type) => type !== 'null');
  return types.map((type) => typeName(type, schema)).join(' or ');
}

function typeName(type: string, schema: JsonSchema): string {
  if (type === 'array') {
    return typeof schema.items === 'object' ? `list of ${typeOf(schema.items)}` : 'list';
  }
  if (type !== 'object') return type;
  const { additionalProperties: entries } = schema;
  return typeof entries === 'object' ? `map to ${typeOf(entries)}` : 'section';
}

function code(text: string): string {
  return text === '' ? '`""`' : `\`${text}\``;
}
