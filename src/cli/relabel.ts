import type { ComponentConfig, Config } from '../engine/config/config.ts';
import { inspectConfig } from '../engine/config/load.ts';
import { describeMistake } from '../engine/config/mistakes.ts';
import { METRIC_NAME } from '../formats/prometheus/relabel/label-name.ts';
import type { Label } from '../formats/prometheus/relabel/label-set.ts';
import {
  findRuleSet,
  rulesOf,
  type RuleSetsConfig,
} from '../formats/prometheus/relabel/rule-sets.ts';
import { type Explanation, RelabelRules, type Step } from '../formats/prometheus/relabel/rules.ts';
import { type RuleConfig, writtenKeys } from '../formats/prometheus/relabel/settings.ts';
import { choose, parseArguments, sourcesOf, UsageError } from './arguments.ts';
import { labelsText, labelText, nameText, parseLabels } from './label-text.ts';
import { EXIT, type Terminal } from './terminal.ts';

const TYPE = 'relabel';
const DEFAULT_TENANT = 'default';

/** `millrace relabel`: what the rules of a processor do to a label set, rule by rule. */
export async function relabel(words: readonly string[], terminal: Terminal): Promise<number> {
  const flags = ['config', 'set', 'format', 'labels', 'processor', 'tenant'] as const;
  const args = parseArguments(words, flags);
  const format = choose('format', args.format, ['human', 'json']);
  if (args.labels === undefined) throw new UsageError(`no labels are given; write --labels '{…}'`);
  const labels = parseLabels(args.labels);
  const { config, mistakes } = await inspectConfig(sourcesOf(args), terminal.registry);
  for (const mistake of mistakes)
    if (mistake.severity === 'error') terminal.err(describeMistake(mistake));
  if (config === undefined) return EXIT.failed;
  const processor = chooseProcessor(config, args.processor);
  const story = tell(processor, args.tenant ?? DEFAULT_TENANT, labels);
  if (format === 'json') terminal.out(JSON.stringify(fieldsOf(story), null, 2));
  else for (const line of linesOf(story)) terminal.out(line);
  return EXIT.ok;
}

function chooseProcessor(config: Config, id: string | undefined): ComponentConfig {
  const all = Object.values(config.processors).filter(({ type }) => type === TYPE);
  const ids = all.map((each) => each.id).join(', ');
  if (all.length === 0) throw new UsageError('no pipeline has a relabel processor');
  const found = id === undefined ? all : all.filter((each) => each.id === id);
  const [only, ...others] = found;
  if (only === undefined)
    throw new UsageError(`there is no relabel processor "${id}"; there is ${ids}`);
  if (others.length > 0)
    throw new UsageError(`which processor is not said; write --processor with one of ${ids}`);
  return only;
}

/** What happened, and the words for it. */
interface Story {
  readonly processor: string;
  readonly tenant: string;
  readonly explanation: Explanation;
  /** Of each rule in the configuration. */
  readonly places: readonly string[];
  /** Why the series does not go on; undefined when it does. */
  readonly end: 'relabel' | 'missing_name' | undefined;
}

function tell({ id, settings }: ComponentConfig, tenant: string, labels: readonly Label[]): Story {
  // The type in the registry says what its settings are.
  const config = settings as RuleSetsConfig;
  const rules = rulesOf(config, tenant);
  const explanation = new RelabelRules(rules, config.naming).explain(labels);
  const own = findRuleSet(config, tenant) ?? '';
  const places = rules.map((_, index) => {
    const behind = index - config.rules.length;
    return behind < 0 ? `rules[${index}]` : `tenants.${own}[${behind}]`;
  });
  const { before, after } = explanation;
  const isNamed = (list: readonly Label[]) => list.some(({ name }) => name === METRIC_NAME.text);
  const lostName = after !== undefined && isNamed(before) && !isNamed(after);
  const lost = lostName ? 'missing_name' : undefined;
  return {
    processor: id,
    tenant,
    explanation,
    places,
    end: after === undefined ? 'relabel' : lost,
  };
}

function linesOf({ processor, tenant, explanation, places, end }: Story): string[] {
  const { before, steps, after } = explanation;
  const lines = [`${processor}, tenant ${tenant}`, '', `before  ${labelsText(before)}`, ''];
  for (const step of steps) {
    lines.push(`${places[step.index]}  ${ruleText(step.rule)}`);
    lines.push(...changesOf(step).map((line) => `    ${line}`));
  }
  lines.push('');
  if (after === undefined) lines.push(`dropped by ${places[steps.length - 1]}`);
  else lines.push(`after   ${labelsText(after)}`);
  if (end === 'missing_name') lines.push('dropped: a series needs a name, and __name__ is gone');
  return lines;
}

function ruleText(rule: RuleConfig): string {
  const keys = Object.entries(writtenKeys(rule)).filter(([key]) => key !== 'action');
  return [rule.action, ...keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`)].join(' ');
}

function changesOf({ added, changed, removed, dropped }: Step): string[] {
  if (dropped) return ['dropped here'];
  const lines = [
    ...added.map((label) => `+ ${labelText(label)}`),
    ...changed.map(({ name, before, after }) => {
      return `~ ${nameText(name)}=${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
    }),
    ...removed.map((label) => `- ${labelText(label)}`),
  ];
  return lines.length === 0 ? ['nothing changed'] : lines;
}

function fieldsOf({ processor, tenant, explanation, places, end }: Story) {
  const { before, steps, after } = explanation;
  return {
    processor,
    tenant,
    before: objectOf(before),
    steps: steps.map(({ index, rule, added, changed, removed, dropped }) => ({
      place: places[index],
      rule: writtenKeys(rule),
      added: objectOf(added),
      changed: Object.fromEntries(
        changed.map(({ name, before: was, after: is }) => [name, { before: was, after: is }]),
      ),
      removed: objectOf(removed),
      dropped,
    })),
    after: after === undefined ? null : objectOf(after),
    dropped: end ?? null,
  };
}

function objectOf(labels: readonly Label[]): Record<string, string> {
  return Object.fromEntries(labels.map(({ name, value }) => [name, value]));
}
