import type { Plain } from './otlp-requests.ts';

/** One attribute as protobufjs decodes it. */
export interface Pair {
  key?: string;
  value?: Plain;
}

const RESOURCES = ['resourceSpans', 'resourceMetrics', 'resourceLogs'];
const SCOPES = ['scopeSpans', 'scopeMetrics', 'scopeLogs'];
const RECORDS = ['spans', 'metrics', 'logRecords'];
const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];
const LEVELS = [RESOURCES, SCOPES, RECORDS, DATA, ['dataPoints']];

/** The lists under `keys` of a decoded message, one after the other. */
function listOf(message: Plain, keys: readonly string[]): Plain[] {
  return keys.flatMap((key) => {
    const value = message[key];
    return Array.isArray(value) ? (value as Plain[]) : value ? [value as Plain] : [];
  });
}

export const resourcesOf = (request: Plain) => listOf(request, RESOURCES);
export const scopesOf = (resource: Plain) => listOf(resource, SCOPES);
const recordsOf = (scope: Plain) => listOf(scope, RECORDS);

/** Spans, log records, or the data points of metrics. */
export function itemsOf(request: Plain): Plain[] {
  return resourcesOf(request).flatMap(scopesOf).flatMap(recordsOf).flatMap(pointsOf);
}

/** The data points of a metric; any other record by itself. */
function pointsOf(record: Plain): Plain[] {
  const data = listOf(record, DATA);
  return isMetric(record) ? data.flatMap((each) => listOf(each, ['dataPoints'])) : [record];
}

function isMetric(record: Plain): boolean {
  return metrics.has(record);
}

const metrics = new WeakSet<Plain>();

/** Tells the model which records are metrics, which an empty one does not show. */
export function markMetrics(request: Plain): Plain {
  for (const resource of listOf(request, ['resourceMetrics']))
    for (const scope of scopesOf(resource))
      for (const metric of recordsOf(scope)) metrics.add(metric);
  return request;
}

/** Drops items and what they leave empty behind, in place. */
export function filterPlain(request: Plain, keep: (item: Plain) => boolean): Plain {
  const inner = (message: Plain, level: number): { kept: number; dropped: number } => {
    let kept = 0;
    let dropped = 0;
    for (const key of LEVELS[level] ?? []) {
      const value = message[key];
      if (value === undefined) continue;
      const list = Array.isArray(value) ? (value as Plain[]) : [value as Plain];
      const left = list.filter((each) => {
        if (level === 4 || (level === 2 && !isMetric(each))) {
          const stays = keep(each);
          if (stays) kept++;
          else dropped++;
          return stays;
        }
        const within = inner(each, level + 1);
        kept += within.kept;
        dropped += within.dropped;
        return level === 3 || within.kept > 0 || within.dropped === 0;
      });
      if (!Array.isArray(value)) continue;
      if (left.length > 0) message[key] = left;
      else delete message[key];
    }
    return { kept, dropped };
  };
  inner(request, 0);
  return request;
}

/** Every item with all that is around it, as texts in an order of their own: what a split keeps. */
export function flatten(request: Plain): string[] {
  const lines: string[] = [];
  const visit = (message: Plain, level: number, around: string): void => {
    let isEmpty = true;
    for (const key of LEVELS[level] ?? []) {
      for (const each of listOf(message, [key])) {
        isEmpty = false;
        if (level === 4 || (level === 2 && !isMetric(each))) {
          lines.push(`${around} ${JSON.stringify(each)}`);
          continue;
        }
        const envelope = { ...each };
        for (const inner of LEVELS[level + 1] ?? []) delete envelope[inner];
        visit(each, level + 1, `${around} ${key} ${JSON.stringify(envelope)}`);
      }
    }
    if (isEmpty) lines.push(`${around} nothing`);
  };
  visit(request, 0, '');
  return lines.toSorted();
}
