import { type Field, SCHEMA } from './schema.ts';

interface ReflectionField {
  id: number;
  type: string;
  rule?: 'repeated';
  options?: { proto3_optional: true };
}

interface ReflectionType {
  fields: Record<string, ReflectionField>;
  oneofs: Record<string, { oneof: string[] }>;
}

/** The same schema as input for protobufjs' `Root.fromJSON`; fields have their JSON names. */
export function reflection(): { nested: Record<string, ReflectionType> } {
  const nested: Record<string, ReflectionType> = {};
  for (const [name, fields] of Object.entries(SCHEMA)) nested[name] = reflectionOf(fields);
  return { nested };
}

function reflectionOf(fields: readonly Field[]): ReflectionType {
  const described: Record<string, ReflectionField> = {};
  const oneofs: Record<string, { oneof: string[] }> = {};
  for (const each of fields) {
    described[each.jsonName] = {
      id: each.number,
      type: each.type === 'enum' ? 'int32' : each.type,
      ...(each.repeated && { rule: 'repeated' }),
      ...(each.optional && { options: { proto3_optional: true } }),
    };
    if (each.oneof) (oneofs[each.oneof] ??= { oneof: [] }).oneof.push(each.jsonName);
    if (each.optional) oneofs[`_${each.jsonName}`] = { oneof: [each.jsonName] };
  }
  return { fields: described, oneofs };
}
