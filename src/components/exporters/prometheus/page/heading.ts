import { METRIC_TYPE } from '../../../../formats/translate/metric-type.ts';
import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import {
  escapeMetricName,
  isMetricName,
  quoted,
} from '../../../../formats/prometheus/text/escaping.ts';
import type { Facts } from '../store/series.ts';

/** How a family is announced on a page. */
export interface Heading {
  /** As it stands in the comments. */
  readonly name: string;
  readonly type: ShownType;
  /** The comments. */
  readonly text: string;
}

/** Words for types, of either format. */
export type ShownType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'info'
  | 'summary'
  | 'unknown'
  | 'untyped';

type Known = Pick<Facts, 'type' | 'help' | 'unit'>;

/** The heading of the family `name`; `facts` as far as anybody said something. */
export function headingOf(name: string, facts: Known | undefined, format: TextFormat): Heading {
  const escaped = escapeMetricName(name, format.escaping);
  const isOpen = format.kind === 'openmetrics';
  const type = isOpen ? openType(escaped, facts?.type) : textType(facts?.type);
  const shown = isOpen ? withoutSuffix(escaped, type) : escaped;
  const word = isMetricName(shown) ? shown : quoted(shown);
  const lines: string[] = [];
  if (facts !== undefined && facts.help !== '') {
    lines.push(`# HELP ${word} ${helpText(facts.help, isOpen)}`);
  }
  lines.push(`# TYPE ${word} ${type}`);
  if (isOpen && facts !== undefined && hasUnit(shown, type, facts.unit)) {
    lines.push(`# UNIT ${word} ${facts.unit}`);
  }
  return { name: shown, type, text: `${lines.join('\n')}\n` };
}

/**
 * Names that nobody else may have where this family is: OpenMetrics tells samples from each other
 * by their suffixes.
 */
export function namesClaimedBy(name: string, type: ShownType): readonly string[] {
  return [name, ...(SUFFIXES[type] ?? []).map((suffix) => `${name}${suffix}`)];
}

const SUFFIXES: Readonly<Partial<Record<ShownType, readonly string[]>>> = {
  counter: ['_total', '_created'],
  summary: ['_count', '_sum', '_created'],
  histogram: ['_count', '_sum', '_bucket', '_created'],
  info: ['_info'],
};

/** Text 0.0.4 has five types; what else there is, is a gauge or has none. */
function textType(type: number | undefined): ShownType {
  switch (type) {
    case METRIC_TYPE.counter:
      return 'counter';
    case METRIC_TYPE.gauge:
    case METRIC_TYPE.info:
    case METRIC_TYPE.stateset:
      return 'gauge';
    case METRIC_TYPE.histogram:
      return 'histogram';
    case METRIC_TYPE.summary:
      return 'summary';
    default:
      return 'untyped';
  }
}

/** Names without the suffix of their type have no type in OpenMetrics; sets of states are gauges. */
function openType(name: string, type: number | undefined): ShownType {
  const shown = type === METRIC_TYPE.info ? 'info' : textType(type);
  const suffix = shown === 'counter' ? '_total' : shown === 'info' ? '_info' : '';
  const isFit = name.length > suffix.length && name.endsWith(suffix);
  return shown === 'untyped' || !isFit ? 'unknown' : shown;
}

function withoutSuffix(name: string, type: ShownType): string {
  if (type === 'counter') return name.slice(0, -'_total'.length);
  return type === 'info' ? name.slice(0, -'_info'.length) : name;
}

function hasUnit(name: string, type: ShownType, unit: string): boolean {
  return /^\w+$/.test(unit) && type !== 'info' && name.endsWith(`_${unit}`);
}

function helpText(help: string, isOpen: boolean): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return isOpen ? escaped.replaceAll('"', '\\"') : escaped;
}
