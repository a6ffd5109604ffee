import type { Batch, Signal } from '../../../contract/batch.ts';
import { encodeJson } from '../json/encode.ts';
import { findEnumName } from '../json/keys.ts';

/** How much is said about a batch: one line, a line per item, or every field. */
export type Verbosity = 'basic' | 'normal' | 'detailed';

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [key: string]: Json | undefined;
}

const ITEM_NAMES: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  metrics: 'data points',
  logs: 'log records',
};
const RESOURCE_KEYS = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' };
const SCOPE_KEYS = { traces: 'scopeSpans', metrics: 'scopeMetrics', logs: 'scopeLogs' };
const RECORD_KEYS = { traces: 'spans', metrics: 'metrics', logs: 'logRecords' };
const DATA_KEYS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];
const ENUM_KEYS = ['kind', 'code', 'severityNumber', 'aggregationTemporality'];

/** An OTLP batch as lines for people, each with its line end. Made for looking, not for parsing. */
export function describeBatch(batch: Batch, verbosity: Verbosity): string {
  const { signal, items, byteLength, origin } = batch;
  const head =
    `${signal}: ${items} ${items === 1 ? ITEM_NAMES[signal].slice(0, -1) : ITEM_NAMES[signal]}, ${byteLength} bytes, ` +
    `from ${origin.receiver}, tenant ${origin.tenant}\n`;
  if (verbosity === 'basic' || batch.form !== 'otlp') return head;
  const text = Buffer.from(encodeJson(signal, batch.chunks)).toString();
  const request = JSON.parse(text) as JsonObject;
  const lines: string[] = [];
  for (const resource of objects(request[RESOURCE_KEYS[signal]])) {
    if (verbosity === 'normal') describeItems(signal, resource, lines);
    else describeTree(signal, resource, lines);
  }
  return head + lines.map((line) => `${line}\n`).join('');
}

/** One line per resource and scope, and one per item. */
function describeItems(signal: Signal, resource: JsonObject, lines: string[]): void {
  lines.push(`  resource${pairs(object(resource['resource'])['attributes'])}`);
  for (const scope of objects(resource[SCOPE_KEYS[signal]])) {
    lines.push(`    scope ${scopeName(scope)}`);
    for (const record of objects(scope[RECORD_KEYS[signal]])) {
      for (const line of linesOf(signal, record)) lines.push(`      ${line}`);
    }
  }
}

function linesOf(signal: Signal, record: JsonObject): readonly string[] {
  switch (signal) {
    case 'traces': {
      const { name, kind, traceId, spanId, startTimeUnixNano, endTimeUnixNano } = record;
      const status = object(record['status']);
      const failed = status['code'] === 2 ? ` error ${quoted(status['message'])}` : '';
      const took = ` ${duration(startTimeUnixNano, endTimeUnixNano)}`;
      const where = `${shortEnum('kind', kind)} ${text(traceId)} ${text(spanId)}`;
      return [`span ${quoted(name)} ${where}${took}${failed}${pairs(record['attributes'])}`];
    }
    case 'logs': {
      const { timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body } = record;
      const at = time(timeUnixNano ?? observedTimeUnixNano);
      const severity = text(severityText) || shortEnum('severityNumber', severityNumber);
      return [`log ${at} ${severity} ${value(body)}${pairs(record['attributes'])}`];
    }
    case 'metrics': {
      const key = DATA_KEYS.find((each) => record[each] !== undefined);
      if (key === undefined) return [`metric ${text(record['name'])} without data`];
      const points = objects(object(record[key])['dataPoints']);
      return points.map((point) => {
        const labels = pairs(point['attributes']);
        return `${key} ${text(record['name'])}${labels} = ${pointValue(point)} ${text(record['unit'])}`;
      });
    }
  }
}

function pointValue(point: JsonObject): string {
  const single = point['asInt'] ?? point['asDouble'];
  if (single !== undefined) return text(single);
  const parts = ['count', 'sum', 'min', 'max']
    .filter((key) => point[key] !== undefined)
    .map((key) => `${key} ${text(point[key])}`);
  return parts.length === 0 ? 'no value' : parts.join(', ');
}

/** Every field, indented by how deep it is. */
function describeTree(signal: Signal, resource: JsonObject, lines: string[]): void {
  const { [SCOPE_KEYS[signal]]: scopes, ...rest } = resource;
  lines.push('  resource');
  describeFields(flattened(rest, 'resource'), 4, lines);
  for (const scope of objects(scopes)) {
    const { [RECORD_KEYS[signal]]: records, ...about } = scope;
    lines.push(`    scope ${scopeName(scope)}`);
    describeFields(flattened(about, 'scope'), 6, lines);
    for (const record of objects(records)) {
      lines.push(
        `      ${signal === 'logs' ? 'log record' : signal === 'traces' ? 'span' : 'metric'}`,
      );
      describeFields(record, 8, lines);
    }
  }
}

/** Fields of the object under `key` beside those around it. */
function flattened(around: JsonObject, key: string): JsonObject {
  const { [key]: inner, ...rest } = around;
  return { ...object(inner ?? {}), ...rest };
}

function describeFields(fields: JsonObject, indent: number, lines: string[]): void {
  const margin = ' '.repeat(indent);
  for (const [key, field] of Object.entries(fields)) {
    if (field === undefined) continue;
    if (isAttributes(key)) {
      if (objects(field).length > 0) lines.push(`${margin}${words(key)}`);
      for (const pair of objects(field)) {
        lines.push(`${margin}  ${text(pair['key'])}: ${value(pair['value'])}`);
      }
    } else if (key === 'body') lines.push(`${margin}body: ${value(field)}`);
    else if (Array.isArray(field)) describeList(key, field as readonly Json[], indent, lines);
    else if (typeof field === 'object' && field !== null) {
      lines.push(`${margin}${words(key)}`);
      describeFields(object(field), indent + 2, lines);
    } else lines.push(`${margin}${words(key)}: ${scalar(key, field as Json)}`);
  }
}

function describeList(key: string, list: readonly Json[], indent: number, lines: string[]): void {
  const margin = ' '.repeat(indent);
  const elements = objects(list);
  if (elements.length === 0) {
    lines.push(`${margin}${words(key)}: [${list.map(text).join(', ')}]`);
    return;
  }
  elements.forEach((element, index) => {
    lines.push(`${margin}${words(key)} ${index}`);
    describeFields(element, indent + 2, lines);
  });
}

function scalar(key: string, field: Json): string {
  if (key.endsWith('UnixNano')) return time(field);
  if (ENUM_KEYS.includes(key)) return `${shortEnum(key, field)} (${text(field)})`;
  return typeof field === 'string' && field === '' ? '""' : text(field);
}

/** `startTimeUnixNano` as `start time`. */
function words(key: string): string {
  return key.replace(/UnixNano$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function isAttributes(key: string): boolean {
  return key === 'attributes' || key === 'filteredAttributes' || key === 'metadata';
}

/** `SPAN_KIND_SERVER` as `server`. */
function shortEnum(key: string, number: Json | undefined): string {
  const fieldName = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const name = findEnumName(fieldName, Number(number ?? 0));
  if (name === undefined) return text(number);
  return name
    .replace(/^(SPAN_KIND|STATUS_CODE|SEVERITY_NUMBER|AGGREGATION_TEMPORALITY)_/, '')
    .toLowerCase();
}

/** Nanoseconds since the epoch as a UTC time with all digits. */
function time(nanos: Json | undefined): string {
  const instant = BigInt(typeof nanos === 'string' || typeof nanos === 'number' ? nanos : 0);
  if (instant === 0n) return 'not set';
  const date = new Date(Number(instant / 1_000_000n));
  if (Number.isNaN(date.getTime())) return String(instant);
  return date.toISOString().replace('Z', `${String(instant % 1_000_000n).padStart(6, '0')}Z`);
}

function duration(from: Json | undefined, to: Json | undefined): string {
  if (typeof from !== 'string' || typeof to !== 'string') return 'unfinished';
  return `${Number(BigInt(to) - BigInt(from)) / 1e6}ms`;
}

function scopeName(scopeItems: JsonObject): string {
  const { name, version } = object(scopeItems['scope']);
  return `${text(name) || 'without name'}${version === undefined ? '' : ` ${text(version)}`}`;
}

function pairs(attributes: Json | undefined): string {
  return objects(attributes)
    .map((pair) => ` ${text(pair['key'])}=${value(pair['value'])}`)
    .join('');
}

/** An AnyValue: text in quotes, lists and maps as they would stand in JSON. */
function value(any: Json | undefined): string {
  const [kind, content] = Object.entries(object(any))[0] ?? ['', ''];
  switch (kind) {
    case '':
      return 'empty';
    case 'stringValue':
      return quoted(content);
    case 'arrayValue':
      return `[${objects(object(content)['values']).map(value).join(', ')}]`;
    case 'kvlistValue': {
      const entries = objects(object(content)['values']);
      return `{${entries.map((pair) => `${quoted(pair['key'])}: ${value(pair['value'])}`).join(', ')}}`;
    }
    case 'bytesValue':
      return `base64 ${text(content)}`;
    default:
      return text(content);
  }
}

function quoted(json: Json | undefined): string {
  return escaped(JSON.stringify(typeof json === 'string' ? json : text(json)));
}

function text(json: Json | undefined): string {
  if (json === undefined || json === null) return '';
  if (typeof json === 'string') return escaped(json);
  return typeof json === 'object' ? escaped(JSON.stringify(json)) : String(json);
}

/** Telemetry must not control the terminal it is looked at in. */
function escaped(raw: string): string {
  return raw.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function object(json: Json | undefined): JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
    ? (json as JsonObject)
    : {};
}

function objects(json: Json | undefined): readonly JsonObject[] {
  const list = Array.isArray(json) ? (json as readonly Json[]) : [];
  return list.filter((each) => typeof each === 'object' && each !== null).map(object);
}
