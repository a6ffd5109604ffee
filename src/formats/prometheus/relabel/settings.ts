import { z } from 'zod';
import { findExpressionMistake } from './text/expression.ts';
import { isLabelName, isLabelTemplate, type Naming } from './label-name.ts';
import { hasReference } from './text/template.ts';

export const ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;

const DEFAULTS = { separator: ';', regex: '(.*)', replacement: '$1' } as const;
const MAX_MODULUS = 2n ** 64n - 1n;

/** Text; YAML makes numbers of digits and nothing of an empty value. */
function text() {
  return z
    .union([z.string(), z.number(), z.boolean(), z.null()], { error: 'expected text' })
    .transform((value, context) => {
      if (typeof value !== 'number' || Number.isSafeInteger(value)) return String(value ?? '');
      context.addIssue({ code: 'custom', message: `${value} is a number; write it in quotes` });
      return z.NEVER;
    });
}

const rule = z.strictObject({
  source_labels: z
    .array(text())
    .nullish()
    .transform((names) => names ?? [])
    .describe('Labels whose values are joined; one that is missing is empty.'),
  separator: text().default(DEFAULTS.separator).describe('Text between the joined values.'),
  regex: text()
    .default(DEFAULTS.regex)
    .describe('RE2 expression that all of the joined value, or of a name, has to match.'),
  modulus: z
    .union([z.number(), z.string()])
    .optional()
    .transform(parseModulus)
    .describe('hashmod: one more than the largest result.'),
  target_label: text().default('').describe('The label to set; may refer to groups of regex.'),
  replacement: text()
    .default(DEFAULTS.replacement)
    .describe('The new value, or for labelmap the new name; may refer to groups of regex.'),
  action: z
    .string()
    .toLowerCase()
    .pipe(z.enum(ACTIONS, { error: ({ input }) => unknownAction(input) }))
    .default('replace')
    .describe('What to do, in upper or lower case.'),
});

function parseModulus(value: number | string | undefined, context: z.RefinementCtx): bigint {
  if (typeof value === 'number' && value > Number.MAX_SAFE_INTEGER) {
    context.addIssue({ code: 'custom', message: 'write a number above 2^53 in quotes' });
    return z.NEVER;
  }
  const digits = String(value ?? 0);
  if (/^\d+$/.test(digits) && BigInt(digits) <= MAX_MODULUS) return BigInt(digits);
  context.addIssue({ code: 'custom', message: 'expected a whole number below 2^64' });
  return z.NEVER;
}

function unknownAction(input: unknown): string {
  if (input === '') return 'must not be empty';
  return `${JSON.stringify(input)} is no action; allowed: ${ACTIONS.join(', ')}`;
}

/** A rule with its defaults: the keys of Prometheus. Plain data. */
export type RuleConfig = z.output<typeof rule>;

/** A list of rules as Prometheus has them; `checkRules` looks at what belongs together. */
export function rulesSettings() {
  return z.array(rule);
}

/** Adds an issue for every mistake in rules that the schema of one key cannot see. */
export function checkRules(
  rules: readonly RuleConfig[],
  naming: Naming,
  context: z.RefinementCtx,
  path: readonly (string | number)[] = [],
): void {
  for (const [index, each] of rules.entries())
    for (const [key, message] of mistakesOf(each, naming))
      context.addIssue({ code: 'custom', path: [...path, index, key], message });
}

type Mistake = readonly [key: keyof RuleConfig, message: string];

function mistakesOf(config: RuleConfig, naming: Naming): readonly Mistake[] {
  const mistakes: Mistake[] = [...mistakesOfNames(config, naming), ...ineffectiveKeys(config)];
  const wrong = findExpressionMistake(config.regex);
  if (wrong !== undefined) {
    const message = `${JSON.stringify(config.regex)} is no valid RE2 expression: ${wrong}`;
    mistakes.push(['regex', message]);
  }
  if (config.action === 'hashmod' && config.modulus === 0n)
    mistakes.push(['modulus', 'is required for the action hashmod, and more than 0']);
  return mistakes;
}

const TARGETED: readonly string[] = [
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
];

function mistakesOfNames(config: RuleConfig, naming: Naming): readonly Mistake[] {
  const { action, target_label: target, replacement } = config;
  const mistakes: Mistake[] = [];
  for (const name of config.source_labels)
    if (!isLabelName(name, naming)) mistakes.push(['source_labels', notAName(name, naming)]);
  if (TARGETED.includes(action)) {
    const isTemplate = action === 'replace' && hasReference(target);
    const isValid = isTemplate ? isLabelTemplate : isLabelName;
    if (target === '') mistakes.push(['target_label', `is required for the action ${action}`]);
    else if (!isValid(target, naming)) mistakes.push(['target_label', notAName(target, naming)]);
  }
  if (action === 'labelmap' && !isLabelTemplate(replacement, naming))
    mistakes.push(['replacement', notAName(replacement, naming)]);
  return mistakes;
}

function notAName(name: string, naming: Naming): string {
  const remedy = naming === 'legacy' ? '; use letters, digits and _, or naming: utf8' : '';
  return `${JSON.stringify(name)} cannot be the name of a label${remedy}`;
}

const NOT_EQUAL = ['regex', 'modulus', 'separator', 'replacement'] as const;
const NOT_NAMES = ['source_labels', 'target_label', 'modulus', 'separator', 'replacement'] as const;

/** Keys that have no effect on an action, when their values are not the defaults. */
const INEFFECTIVE: Readonly<Partial<Record<RuleConfig['action'], readonly (keyof RuleConfig)[]>>> =
  {
    lowercase: ['replacement'],
    uppercase: ['replacement'],
    keepequal: NOT_EQUAL,
    dropequal: NOT_EQUAL,
    labeldrop: NOT_NAMES,
    labelkeep: NOT_NAMES,
  };

function ineffectiveKeys(config: RuleConfig): readonly Mistake[] {
  return (INEFFECTIVE[config.action] ?? [])
    .filter((key) => !isDefault(config, key))
    .map((key): Mistake => [key, `has no effect on the action ${config.action}; remove it`]);
}

/** The action and the keys that are not their defaults; numbers of any size are text. */
export function writtenKeys(
  config: RuleConfig,
): Readonly<Record<string, string | readonly string[]>> {
  const keys = (Object.keys(config) as (keyof RuleConfig)[]).filter(
    (key) => key === 'action' || !isDefault(config, key),
  );
  return Object.fromEntries(
    keys.map((key) => {
      const value = config[key];
      return [key, typeof value === 'bigint' ? String(value) : value];
    }),
  );
}

function isDefault(config: RuleConfig, key: keyof RuleConfig): boolean {
  switch (key) {
    case 'source_labels':
      return config.source_labels.length === 0;
    case 'modulus':
      return config.modulus === 0n;
    case 'target_label':
      return config.target_label === '';
    case 'separator':
    case 'regex':
    case 'replacement':
      return config[key] === DEFAULTS[key];
    case 'action':
      return true;
  }
}
