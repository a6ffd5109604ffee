import { z } from 'zod';
import { plainValue } from './plain-value.ts';
import { findPatternMistake, Pattern } from './pattern.ts';

const action = z.strictObject({
  key: z.string().min(1).optional().describe('The attribute to act upon.'),
  action: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert']))
    .describe(
      'insert adds a missing attribute, update changes one that is there, upsert does either; ' +
        'delete, hash, extract and convert work on one that is there.',
    ),
  value: plainValue.optional().describe('The value to set; its type is that of the YAML.'),
  from_attribute: z.string().min(1).optional().describe('Take the value of this attribute.'),
  from_context: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Take the value of metadata.<header> (several are joined with ;) or of client.address.',
    ),
  default_value: plainValue
    .optional()
    .describe('The value where from_attribute or from_context has none.'),
  pattern: z
    .string()
    .min(1)
    .optional()
    .describe(
      'RE2 expression: of the keys to delete or hash, or, with named groups, of what to extract.',
    ),
  converted_type: z
    .enum(['int', 'double', 'string'])
    .optional()
    .describe('The type to convert to; a value that cannot be converted stays as it is.'),
});

type RawAction = z.output<typeof action>;

/** What to do with attributes, in order. Plain data. */
export type ActionConfig = RawAction;

/** A list of actions with the keys of the OpenTelemetry Collector. */
export function actionsSettings() {
  return z.array(action.superRefine(checkAction)).min(1);
}

function checkAction(raw: RawAction, context: z.RefinementCtx): void {
  for (const [path, message] of mistakesOf(raw)) {
    context.addIssue({ code: 'custom', path: [path], message });
  }
}

type Mistake = readonly [path: keyof RawAction, message: string];

const SOURCES = ['value', 'from_attribute', 'from_context'] as const;

function mistakesOf(raw: RawAction): readonly Mistake[] {
  const sources = SOURCES.filter((source) => raw[source] !== undefined);
  const unused = (keys: readonly (keyof RawAction)[]): Mistake[] =>
    keys
      .filter((key) => raw[key] !== undefined)
      .map((key) => [key, `has no effect on the action ${raw.action}; remove it`]);
  const needsKey: Mistake[] = raw.key === undefined ? [['key', 'is required']] : [];
  switch (raw.action) {
    case 'insert':
    case 'update':
    case 'upsert': {
      const mistakes = [...needsKey, ...unused(['pattern', 'converted_type'])];
      if (sources.length > 1) {
        mistakes.push([sources[1] ?? 'value', `only one of ${sources.join(', ')} can be used`]);
      }
      if (sources.length === 0 && raw.default_value === undefined) {
        mistakes.push(['value', `is required; or ${SOURCES.slice(1).join(' or ')}`]);
      }
      return mistakes;
    }
    case 'delete':
    case 'hash': {
      const missing: Mistake[] =
        raw.key === undefined && raw.pattern === undefined
          ? [['key', 'is required; or pattern']]
          : [];
      const rest = unused([...SOURCES, 'default_value', 'converted_type']);
      return [...missing, ...rest, ...patternMistakes(raw.pattern)];
    }
    case 'extract': {
      const rest = unused([...SOURCES, 'default_value', 'converted_type']);
      if (raw.pattern === undefined) return [...needsKey, ...rest, ['pattern', 'is required']];
      return [...needsKey, ...rest, ...patternMistakes(raw.pattern), ...groupMistakes(raw.pattern)];
    }
    case 'convert': {
      const mistakes = [...needsKey, ...unused([...SOURCES, 'default_value', 'pattern'])];
      if (raw.converted_type === undefined) mistakes.push(['converted_type', 'is required']);
      return mistakes;
    }
  }
}

function patternMistakes(pattern: string | undefined): Mistake[] {
  const mistake = pattern === undefined ? undefined : findPatternMistake(pattern);
  return mistake === undefined ? [] : [['pattern', `is no valid RE2 expression: ${mistake}`]];
}

function groupMistakes(pattern: string): Mistake[] {
  if (findPatternMistake(pattern) !== undefined) return [];
  const names = new Pattern(pattern).groupNames.slice(1);
  if (names.length > 0 && names.every((name) => name !== '')) return [];
  return [['pattern', 'needs groups, and a name for each: (?P<name>…)']];
}
