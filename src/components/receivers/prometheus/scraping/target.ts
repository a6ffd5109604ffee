import { createHash } from 'node:crypto';
import { METRIC_NAME } from '../../../../formats/prometheus/relabel/label-name.ts';
import type { Label } from '../../../../formats/prometheus/relabel/label-set.ts';
import type { RelabelRules } from '../../../../formats/prometheus/relabel/rules.ts';
import type { JobConfig } from '../config/scrape-config.ts';
import { formatPrometheusDuration, parsePrometheusDuration } from '../config/units.ts';
import type { TargetGroup } from '../discovery/target-group.ts';

export type LabelMap = Readonly<Record<string, string>>;

/** Something to scrape. */
export interface Target {
  /** Two targets with the same key are one. */
  readonly key: string;
  /** Of the key, 32 bits: which shard scrapes it. */
  readonly hash: number;
  /** From 0 to below 1: when in an interval it is scraped. */
  readonly phase: number;
  /** Labels before relabelling. */
  readonly discovered: LabelMap;
  /** Labels of its series. */
  readonly labels: readonly Label[];
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** An address that is no target: rules dropped it, or it cannot be scraped as it is. */
export interface NoTarget {
  readonly discovered: LabelMap;
  readonly hash: number;
  /** Absent when a rule dropped it. */
  readonly problem?: string;
}

const ADDRESS = '__address__';
const PARAM = '__param_';

/** What becomes of one address of a group by the rules of its job. */
export function resolveTarget(
  job: JobConfig,
  rules: RelabelRules,
  address: string,
  group: TargetGroup,
): Target | NoTarget {
  const discovered = discoveredLabels(job, address, group);
  const pairs = Object.entries(discovered).map(([name, value]) => ({ name, value }));
  const after = rules.relabel(pairs);
  const none = { discovered, hash: hashOf(JSON.stringify(discovered)).readUInt32LE(0) };
  if (after === undefined) return none;
  const labels = new Map(after.map(({ name, value }) => [name, value]));
  const of = (name: string) => labels.get(name) ?? '';
  const problem = problemOf(of);
  if (problem !== undefined) return { ...none, problem };
  if (of('instance') === '') labels.set('instance', of(ADDRESS));
  const own = [...labels]
    .map(([name, value]) => ({ name, value }))
    .filter(({ name, value }) => !name.startsWith('__') && value !== '');
  const url = urlOf(job, labels);
  if (!URL.canParse(url)) return { ...none, problem: `${JSON.stringify(url)} is no URL` };
  const intervalMs = parsePrometheusDuration(of('__scrape_interval__'))!;
  const timeoutMs = parsePrometheusDuration(of('__scrape_timeout__'))!;
  const key = JSON.stringify([own.toSorted(byName), url, intervalMs, timeoutMs]);
  const digest = hashOf(`${job.name}\n${key}`);
  return {
    key,
    hash: digest.readUInt32LE(0),
    phase: digest.readUInt32LE(4) / 2 ** 32,
    discovered,
    labels: own,
    url,
    intervalMs,
    timeoutMs,
  };
}

/** Whether there is something to scrape. */
export function isTarget(resolved: Target | NoTarget): resolved is Target {
  return 'url' in resolved;
}

function discoveredLabels(job: JobConfig, address: string, { labels }: TargetGroup): LabelMap {
  const given: Record<string, string> = { ...labels, [ADDRESS]: address };
  const usual: Record<string, string> = {
    job: job.name,
    __scrape_interval__: formatPrometheusDuration(job.intervalMs),
    __scrape_timeout__: formatPrometheusDuration(job.timeoutMs),
    __metrics_path__: job.path,
    __scheme__: job.scheme,
  };
  for (const [name, [value]] of Object.entries(job.params))
    if (value !== undefined) usual[PARAM + name] = value;
  for (const [name, value] of Object.entries(usual)) if (!given[name]) given[name] = value;
  delete given[METRIC_NAME.text];
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
}

function problemOf(of: (name: string) => string): string | undefined {
  const address = of(ADDRESS);
  if (address === '') return 'it has no address';
  if (address.includes('/')) return `${JSON.stringify(address)} is no host:port`;
  const scheme = of('__scheme__');
  if (scheme !== 'http' && scheme !== 'https')
    return `${JSON.stringify(scheme)} is no scheme; write http or https`;
  const interval = parsePrometheusDuration(of('__scrape_interval__')) ?? 0;
  const timeout = parsePrometheusDuration(of('__scrape_timeout__')) ?? 0;
  if (interval === 0) return `the scrape interval ${of('__scrape_interval__')} is no duration`;
  if (timeout === 0) return `the scrape timeout ${of('__scrape_timeout__')} is no duration`;
  if (timeout > interval) return 'the scrape timeout is longer than the interval';
  return undefined;
}

function urlOf(job: JobConfig, labels: ReadonlyMap<string, string>): string {
  const params = new Map(Object.entries(job.params).map(([name, values]) => [name, [...values]]));
  for (const [label, value] of labels) {
    if (!label.startsWith(PARAM)) continue;
    const name = label.slice(PARAM.length);
    params.set(name, [value, ...(params.get(name) ?? []).slice(1)]);
  }
  const query = new URLSearchParams();
  for (const [name, values] of params) for (const value of values) query.append(name, value);
  query.sort();
  const path = encodeURI(labels.get('__metrics_path__') ?? '').replace(/[?#]/g, encodeURIComponent);
  const address = labels.get(ADDRESS) ?? '';
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  return `${labels.get('__scheme__')}://${address}${path.startsWith('/') ? '' : '/'}${path}${search}`;
}

function byName(a: Label, b: Label): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
