import * as fc from 'fast-check';
import { RelabelRules } from '../../src/formats/prometheus/relabel/rules.ts';
import { checkRules, rulesSettings } from '../../src/formats/prometheus/relabel/settings.ts';
import type { ModelRule } from './relabel-model.ts';

const SCHEMA = rulesSettings().superRefine((rules, context) => checkRules(rules, 'utf8', context));

function isValid(rules: readonly ModelRule[]): boolean {
  return SCHEMA.safeParse(rules).success;
}

/** The rules as the program makes them of a configuration. */
export function compile(rules: readonly ModelRule[]): RelabelRules {
  return new RelabelRules(SCHEMA.parse(rules), 'utf8');
}

const name = fc.constantFrom(
  'a',
  'b',
  'ab',
  'x_a',
  'y_a',
  'k8s_app',
  'app',
  '__name__',
  'é.z',
  'ｚ',
);
const value = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'b',
    'ab',
    'foo',
    'foobar',
    'bar',
    'a\nb',
    'Straße',
    'a;b',
    '$1',
    'ü',
    '😀',
  ),
  fc.string({ unit: fc.constantFrom('a', 'b', 'o', ';', '_', '.', '😀'), maxLength: 6 }),
);
/** Labels, also some without a value. */
export const labels = fc.dictionary(name, value, { maxKeys: 8 });

const atom = fc.constantFrom(
  'a',
  'b',
  'o',
  'foo',
  'bar',
  '.',
  '.*',
  '.+',
  '_',
  ';',
  '\\.',
  '[ab]+',
  'a?',
  '',
);
const sequence = fc.array(atom, { maxLength: 3 }).map((atoms) => atoms.join(''));
const grouped = fc.oneof(
  sequence,
  sequence.map((inner) => `(${inner})`),
  sequence.map((inner) => `(?:${inner})`),
  sequence.map((inner) => `(?<n>${inner})`),
);
const regex = fc
  .oneof(
    fc.constantFrom(
      '(.*)',
      '(.+)',
      '.*',
      '',
      'foo',
      'foo|bar',
      '(a|b)',
      'x_(.+)',
      '[xy]_(a)',
      'k8s_(.*)',
    ),
    sequence,
    fc.tuple(sequence, grouped, sequence).map((parts) => parts.join('')),
    fc.tuple(sequence, grouped).map(([left, right]) => `${left}|${right}`),
    fc.tuple(grouped, sequence).map(([left, right]) => `${left}${right}?`),
  )
  .filter((source) => isSame(source));

/** Whether JavaScript takes it, too. Two quantifiers in a row mean something else there. */
function isSame(source: string): boolean {
  try {
    new RegExp(source, 'su');
    return !/[*+?][*+?]/.test(source);
  } catch {
    return false;
  }
}

const template = fc
  .array(
    fc.constantFrom('$1', '${1}', '$0', '$2', '$n', '${n}', '$$', '$', '${', '}', 'x', '-', '$01'),
    {
      maxLength: 3,
    },
  )
  .map((parts) => parts.join(''));

const actions = fc.oneof(
  fc.constantFrom('replace', 'labelmap'),
  fc.constantFrom('keep', 'drop', 'keepequal', 'dropequal', 'hashmod'),
  fc.constantFrom('replace', 'labeldrop', 'labelkeep', 'lowercase', 'uppercase'),
);

/** A valid rule, with every key written. */
export const rule: fc.Arbitrary<ModelRule> = fc
  .record({
    source_labels: fc.array(name, { maxLength: 3 }),
    separator: fc.constantFrom(';', ';', '', '-'),
    regex,
    modulus: fc.constantFrom(1, 7, 1000),
    target_label: fc.oneof(name, template),
    replacement: fc.oneof(fc.constant('$1'), template),
    action: actions,
  })
  .map(withoutIneffective)
  .filter((each) => isValid([each]));

function withoutIneffective(each: ModelRule): ModelRule {
  const plain = {
    source_labels: [],
    separator: ';',
    modulus: 0,
    target_label: '',
    replacement: '$1',
  };
  switch (each.action) {
    case 'labeldrop':
    case 'labelkeep':
      return { ...each, ...plain };
    case 'keepequal':
    case 'dropequal':
      return { ...each, separator: ';', modulus: 0, replacement: '$1', regex: '(.*)' };
    case 'lowercase':
    case 'uppercase':
      // The model's letters are those of JavaScript.
      return { ...each, replacement: '$1', source_labels: each.source_labels.slice(0, 1) };
    default:
      return each;
  }
}
