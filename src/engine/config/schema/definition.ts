import type { DeliveryDefaults } from '../../../contract/component.ts';
import type { Definition } from '../components.ts';
import { deliverySchema } from '../delivery.ts';
import { jsonSchemaOf, type JsonSchema } from './document.ts';

/** Everything that may be written in a section of a component, with the shared keys of exporters. */
export function definitionDocument(definition: Definition): JsonSchema {
  const own = { ...jsonSchemaOf(definition.schema), description: definition.summary };
  const defaults = deliveryDefaults(definition);
  if (defaults === undefined) return own;
  const { properties } = jsonSchemaOf(deliverySchema(defaults));
  return { ...own, properties: { ...own.properties, ...properties } };
}

/** Where the shared keys of this exporter differ; undefined when it does not have them. */
export function deliveryDefaults(definition: Definition): DeliveryDefaults | undefined {
  if (!('delivery' in definition) || definition.delivery === 'none') return undefined;
  return definition.delivery;
}
