import { Expression } from './text/expression.ts';
import { hashMod } from './text/hash-mod.ts';
import { isLabelName, LabelName, type Naming } from './label-name.ts';
import type { LabelSet } from './label-set.ts';
import { lowerCase, upperCase } from './text/letter-case.ts';
import { Memo } from './text/memo.ts';
import type { RuleConfig } from './settings.ts';
import { type Groups, Template } from './text/template.ts';

/** A rule that works on one label set; false when it drops the series. */
export type Rule = (labels: LabelSet) => boolean;

/** Makes a function of a valid rule. It remembers what it worked out, in bounded memory. */
export function compileRule(config: RuleConfig, naming: Naming): Rule {
  const { action } = config;
  switch (action) {
    case 'replace':
      return compileReplace(config, naming);
    case 'keep':
    case 'drop': {
      const [valueOf, expression] = [joinerOf(config), new Expression(config.regex)];
      return (labels) => expression.test(valueOf(labels)) === (action === 'keep');
    }
    case 'keepequal':
    case 'dropequal': {
      const [valueOf, target] = [joinerOf(config), new LabelName(config.target_label)];
      return (labels) => (labels.get(target) === valueOf(labels)) === (action === 'keepequal');
    }
    case 'hashmod':
      return compileMapping(config, (value) => hashMod(value, config.modulus));
    case 'lowercase':
      return compileMapping(config, lowerCase);
    case 'uppercase':
      return compileMapping(config, upperCase);
    case 'labelmap':
      return compileLabelMap(config);
    case 'labeldrop':
    case 'labelkeep':
      return compileLabelFilter(config);
  }
}

/** The labels whose values a rule looks at by name. */
function sourcesOf(config: RuleConfig): readonly LabelName[] {
  return config.source_labels.map((name) => new LabelName(name));
}

function joinerOf(config: RuleConfig): (labels: LabelSet) => string {
  const { separator } = config;
  const [first, ...others] = sourcesOf(config);
  if (first === undefined) return () => '';
  return (labels) => {
    let value = labels.get(first);
    for (const name of others) value += separator + labels.get(name);
    return value;
  };
}

/** The rule has nothing to do with this value. */
const NOTHING = { target: undefined, value: '' } as const;

type Replacement = { readonly target: LabelName; readonly value: string } | typeof NOTHING;

function compileReplace(config: RuleConfig, naming: Naming): Rule {
  const [valueOf, sources] = [joinerOf(config), sourcesOf(config)];
  const expression = new Expression(config.regex);
  const target = new Template(config.target_label, expression.groupNames);
  const replacement = new Template(config.replacement, expression.groupNames);
  const isConstant = target.constant === config.target_label;
  const constantTarget = isConstant ? new LabelName(config.target_label) : undefined;
  const work = (value: string): Replacement => {
    const groups = expression.match(value);
    if (groups === undefined) return NOTHING;
    const name = constantTarget ?? targetOf(target, groups, naming);
    return name === undefined ? NOTHING : { target: name, value: replacement.expand(groups) };
  };
  const memo = new Memo(work);
  const isCheap = expression.isSimple && constantTarget !== undefined;
  return (labels) => {
    const from = valueOf(labels);
    const { target: name, value } = isCheap ? work(from) : memo.get(from);
    if (name !== undefined) labels.set(name, value, sources);
    return true;
  };
}

function targetOf(target: Template, groups: Groups, naming: Naming): LabelName | undefined {
  const name = target.expand(groups);
  return isLabelName(name, naming) ? new LabelName(name) : undefined;
}

function compileMapping(config: RuleConfig, map: (value: string) => string): Rule {
  const [valueOf, sources] = [joinerOf(config), sourcesOf(config)];
  const target = new LabelName(config.target_label);
  const memo = new Memo(map);
  return (labels) => {
    labels.set(target, memo.get(valueOf(labels)), sources);
    return true;
  };
}

function compileLabelMap(config: RuleConfig): Rule {
  const expression = new Expression(config.regex);
  const replacement = new Template(config.replacement, expression.groupNames);
  const memo = new Memo((name): { readonly target: LabelName | undefined } => {
    const groups = expression.match(name);
    const target = groups === undefined ? '' : replacement.expand(groups);
    // A label without a name is none.
    return { target: target === '' ? undefined : new LabelName(target) };
  });
  return (labels) => {
    const names = labels.names();
    const targets = names.map((name) => memo.get(name.text).target);
    // Values are those from before the rule, so that no label is mapped twice.
    const values = names.map((name, at) => (targets[at] === undefined ? '' : labels.get(name)));
    for (const [at, target] of targets.entries())
      if (target !== undefined && values[at] !== '') labels.set(target, values[at]!, [names[at]!]);
    return true;
  };
}

function compileLabelFilter(config: RuleConfig): Rule {
  const expression = new Expression(config.regex);
  const isKeep = config.action === 'labelkeep';
  return (labels) => {
    for (const name of labels.names())
      if (expression.test(name.text) !== isKeep) labels.set(name, '', [name]);
    return true;
  };
}
