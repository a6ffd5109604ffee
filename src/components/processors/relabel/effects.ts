import { METRIC_NAME } from '../../../formats/prometheus/relabel/label-name.ts';
import type { RuleConfig } from '../../../formats/prometheus/relabel/settings.ts';
import { hasReference } from '../../../formats/prometheus/relabel/text/template.ts';
import { isResourceLabel } from './record-labels.ts';

/** What a list of rules can do to records and resources, told from the rules alone. */
export interface Effects {
  /** Those that look at nothing but the resource, and so can be asked about the resource alone. */
  readonly resourceRules: readonly RuleConfig[];
  readonly drops: boolean;
  /** Whether what is dropped depends on the records, and not on their resources alone. */
  readonly looksAtRecords: boolean;
  readonly looksAtNames: boolean;
  readonly changesRecords: boolean;
  readonly changesResources: boolean;
}

/** See `Effects`. */
export function effectsOf(rules: readonly RuleConfig[]): Effects {
  const resourceRules = rules.filter(isOfResource);
  const dropping = rules.filter(canDrop);
  return {
    resourceRules,
    drops: dropping.length > 0,
    looksAtRecords: dropping.some((rule) => !isOfResource(rule)),
    looksAtNames: rules.some(
      (rule) => isAboutNames(rule) || inputsOf(rule).includes(METRIC_NAME.text),
    ),
    changesRecords: rules.some((rule) => canSet(rule, (name) => !isResourceLabel(name))),
    changesResources: resourceRules.some((rule) => canSet(rule, isResourceLabel)),
  };
}

function isAboutNames({ action }: RuleConfig): boolean {
  return action === 'labelmap' || action === 'labeldrop' || action === 'labelkeep';
}

function canDrop({ action }: RuleConfig): boolean {
  return ['keep', 'drop', 'keepequal', 'dropequal'].includes(action);
}

/** Names whose values a rule looks at; rules about names look at no value. */
function inputsOf(rule: RuleConfig): readonly string[] {
  const isComparison = rule.action === 'keepequal' || rule.action === 'dropequal';
  return isComparison ? [...rule.source_labels, rule.target_label] : rule.source_labels;
}

function isOfResource(rule: RuleConfig): boolean {
  return inputsOf(rule).every(isResourceLabel);
}

/** Whether a rule may set a label of that kind. */
function canSet(rule: RuleConfig, isOfKind: (name: string) => boolean): boolean {
  if (canDrop(rule)) return false;
  const { action, target_label: target } = rule;
  if (isAboutNames(rule) || (action === 'replace' && hasReference(target))) return true;
  return isOfKind(target);
}
