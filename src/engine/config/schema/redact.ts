import type { Component } from '../sections.ts';
import type { Plain } from '../source/tree.ts';
import { jsonSchemaOf, redact, REDACTED } from './document.ts';

/**
 * A copy of a whole configuration with the secrets of its components replaced, and with all of
 * a component whose type is unknown, because nothing says what is secret there.
 */
export function redactComponents(
  resolved: Plain,
  components: Readonly<Record<string, readonly Component[]>>,
): Plain {
  if (typeof resolved !== 'object' || resolved === null || Array.isArray(resolved)) return resolved;
  const copy = { ...resolved };
  for (const [kind, list] of Object.entries(components)) {
    const section = copy[kind];
    if (typeof section !== 'object' || section === null || Array.isArray(section)) continue;
    const redacted = { ...section };
    for (const [id, value] of Object.entries(section)) {
      const component = list.find((each) => each.id === id);
      redacted[id] =
        component === undefined
          ? REDACTED
          : redact(value, jsonSchemaOf(component.definition.schema));
    }
    copy[kind] = redacted;
  }
  return copy;
}
