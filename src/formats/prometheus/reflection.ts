import { type Field, SCHEMA } from './schema.ts';

interface ReflectionField {
  id: number;
  type: string;
  rule?: 'repeated';
  options?: { packed: true };
}

interface ReflectionType {
  fields: Record<string, ReflectionField>;
  oneofs: Record<string, { oneof: string[] }>;
}

/** The schema as input for protobufjs' `Root.fromJSON`; fields have their names of the .proto. */
export function reflection(): { nested: Record<string, ReflectionType> } {
  const nested: Record<string, ReflectionType> = {};
  for (const [name, fields] of Object.entries(SCHEMA)) nested[name] = reflectionOf(fields);
  return { nested };
}

function reflectionOf(fields: readonly Field[]): ReflectionType {
  const described: Record<string, ReflectionField> = {};
  const oneofs: Record<string, { oneof: string[] }> = {};
  for (const each of fields) {
    const isScalar = !(each.type in SCHEMA) && each.type !== 'string';
    described[each.name] = {
      id: each.number,
      type: each.type === 'enum' ? 'int32' : each.type,
      ...(each.repeated && { rule: 'repeated' }),
      ...(each.repeated && isScalar && { options: { packed: true } }),
    };
    if (each.oneof) (oneofs[each.oneof] ??= { oneof: [] }).oneof.push(each.name);
  }
  return { fields: described, oneofs };
}
