import protobuf from 'protobufjs';
import { type Batch, batchOf, type Bytes, type Form } from '../../contract/batch.ts';
import type { TranslationSettings } from '../../contract/translation.ts';
import { reflection as otlpReflection } from '../otlp/reflection.ts';
import { countItems } from '../otlp/walk.ts';
import { validateRequest } from '../otlp/validate.ts';
import { reflection } from '../prometheus/reflection.ts';
import { readRemoteWrite1 } from '../prometheus/read/remote-write-1.ts';
import { countChunk } from '../prometheus/walk.ts';
import { PrometheusToOtlp } from './to-otlp/translator.ts';
import { OtlpToPrometheus } from './to-prometheus/translator.ts';

// Doubles are the 64 bits they are, so that every NaN can be told apart.
const rootOf = (namespace: object) =>
  protobuf.Root.fromJSON(
    JSON.parse(
      JSON.stringify(namespace).replaceAll('"double"', '"fixed64"'),
    ) as protobuf.INamespace,
  );
const OTLP = rootOf(otlpReflection()).lookupType('ExportMetricsServiceRequest');
const FORM = rootOf(reflection()).lookupType('Request');

export const STALE = 0x7ff0000000000002n;
export const TIME = 1_700_000_000_123;
export const NANOS = `${TIME}456789`;

/** The bits of a double, for fields of messages. */
export function bits(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return String(view.getBigUint64(0));
}

/** The double of bits. */
export function double(text: unknown = '0'): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(text as string));
  return view.getFloat64(0);
}

type Plain = Record<string, unknown>;

/** An attribute from a plain value; numbers with a fraction are doubles. */
export function attribute(key: string, value: unknown): Plain {
  return { key, value: anyValue(value) };
}

function anyValue(value: unknown): Plain {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return { doubleValue: bits(value) };
  if (value instanceof Uint8Array) return { bytesValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (value === undefined) return {};
  const values = Object.entries(value as object).map(([key, inner]) => attribute(key, inner));
  return { kvlistValue: { values } };
}

export function attributes(plain: Readonly<Record<string, unknown>>): Plain[] {
  return Object.entries(plain).map(([key, value]) => attribute(key, value));
}

/** The resource of the oracle table. */
export const SHOP = {
  'service.namespace': 'shop',
  'service.name': 'checkout',
  'service.instance.id': 'i-1',
  'host.name': 'h1',
  'k8s.pod.ip': ['10.0.0.1', 7n],
};

/** An exponential histogram of the oracle; the values of `more` win. */
export const EXPONENTIAL = (more: Plain = {}) => ({
  name: 'eh',
  unit: 's',
  exponentialHistogram: {
    dataPoints: [
      {
        timeUnixNano: NANOS,
        count: 38,
        sum: bits(10),
        scale: 3,
        zeroCount: 1,
        positive: { offset: 3, bucketCounts: [10, 0, 0, 20, 5, 2] },
        ...more,
      },
    ],
    aggregationTemporality: 2,
  },
});

interface Given {
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly scope?: Plain;
  readonly schemaUrl?: string;
}

/** A batch of OTLP metrics, valid as a receiver would let it through. */
export function otlpBatch(metrics: readonly Plain[], given: Given = {}): Batch {
  const { resource = SHOP, scope, schemaUrl } = given;
  return otlpRequest([
    {
      resource: { attributes: attributes(resource) },
      scopeMetrics: [{ ...(scope && { scope }), ...(schemaUrl && { schemaUrl }), metrics }],
    },
  ]);
}

export function otlpRequest(resourceMetrics: readonly Plain[]): Batch {
  const bytes = new Uint8Array(OTLP.encode(OTLP.fromObject({ resourceMetrics })).finish());
  const { items, badPoints } = validateRequest('metrics', bytes);
  if (badPoints > 0) throw new Error('the points of a test have a time');
  return batch('otlp', bytes, items);
}

export interface PlainSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples?: readonly Plain[];
  readonly exemplars?: readonly Plain[];
  readonly histograms?: readonly Plain[];
  readonly metadata?: Plain;
}

/** A batch in the `prometheus` form, valid as a receiver would let it through. */
export function formBatch(series: readonly PlainSeries[], metadata: readonly Plain[] = []): Batch {
  const timeseries = series.map(({ labels, ...rest }) => ({ ...rest, labels: pairsOf(labels) }));
  const bytes = new Uint8Array(FORM.encode(FORM.fromObject({ timeseries, metadata })).finish());
  const { bytes: chunk, counts, refused } = readRemoteWrite1(bytes);
  if (refused !== undefined || chunk === undefined) throw new Error(JSON.stringify(refused));
  return batch('prometheus', chunk, counts.samples + counts.histograms);
}

function pairsOf(labels: Readonly<Record<string, string>>): Plain[] {
  return Object.entries(labels)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

function batch(form: Form, bytes: Bytes, items: number): Batch {
  const origin = { receiver: 'test', tenant: 'default', receivedAt: 1, metadata: {} };
  return batchOf(bytes, items, { signal: 'metrics', form, origin });
}

/** A series as a test reads it. */
export interface ReadSeries {
  readonly name: string;
  /** Without the name; in order. */
  readonly labels: Record<string, string>;
  readonly samples: { value: string; timestamp: string; start_timestamp: string }[];
  readonly exemplars: Plain[];
  readonly histograms: Plain[];
  readonly metadata: { type: number; help: string; unit: string } | undefined;
}

export interface Translated {
  readonly series: ReadSeries[];
  readonly families: Plain[];
  readonly drops: Record<string, number>;
  readonly batch: Batch | undefined;
}

/** Translates and checks that a reader of the form finds nothing to change. */
export function toPrometheus(
  given: Batch,
  settings: Partial<TranslationSettings> | OtlpToPrometheus = {},
): Translated {
  const translator =
    settings instanceof OtlpToPrometheus ? settings : new OtlpToPrometheus(settings);
  const { drops, drop } = dropCounter();
  const result = translator.translate(given, drop);
  if (result === undefined) return { series: [], families: [], drops, batch: undefined };
  const [chunk] = result.chunks;
  const read = readRemoteWrite1(chunk!);
  if (read.bytes !== chunk)
    throw new Error(`not a chunk of the form: ${JSON.stringify(read.refused)}`);
  const counts = countChunk(chunk!);
  if (result.items !== counts.samples + counts.histograms) throw new Error('wrong item count');
  return { ...readForm(chunk!), drops, batch: result };
}

export function readForm(chunk: Uint8Array): Pick<Translated, 'series' | 'families'> {
  const plain = FORM.toObject(FORM.decode(chunk), { longs: String, defaults: true });
  const { timeseries, metadata } = plain as { timeseries: Plain[]; metadata: Plain[] };
  const series = timeseries.map((each) => {
    const pairs = each['labels'] as { name: string; value: string }[];
    const labels = Object.fromEntries(pairs.map(({ name, value }) => [name, value]));
    const { __name__: name = '', ...others } = labels;
    return { ...each, name, labels: others } as unknown as ReadSeries;
  });
  return { series, families: metadata };
}

/** Translates and checks that the request is valid; answers its metrics with what is around them. */
export function toOtlp(given: Batch, translator = new PrometheusToOtlp()) {
  const { drops, drop } = dropCounter();
  const result = translator.translate(given, drop);
  if (result === undefined) return { resources: [], metrics: [], drops, batch: undefined };
  const [bytes] = result.chunks;
  const valid = validateRequest('metrics', bytes!);
  if (valid.badPoints > 0 || valid.items !== result.items) throw new Error('wrong item count');
  if (countItems('metrics', bytes!) !== result.items) throw new Error('wrong item count');
  const plain = OTLP.toObject(OTLP.decode(bytes!), { longs: String, bytes: String });
  const resources = (plain['resourceMetrics'] ?? []) as OtlpResource[];
  const metrics = resources.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((s) => s.metrics));
  return { resources, metrics, drops, batch: result };
}

interface OtlpResource {
  resource: { attributes?: Plain[] };
  scopeMetrics: { scope: Plain; schemaUrl?: string; metrics: OtlpMetric[] }[];
}

/** A decoded message, looked into by tests. */
// oxlint-disable-next-line typescript/no-explicit-any
export type OtlpMetric = Record<string, any>;

/** Attributes with strings as values, as a record. */
export function texts(list: unknown): Record<string, string> {
  const pairs = (list ?? []) as { key: string; value: { stringValue: string } }[];
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value.stringValue]));
}

function dropCounter() {
  const drops: Record<string, number> = {};
  const drop = (reason: string, items: number): void => {
    drops[reason] = (drops[reason] ?? 0) + items;
  };
  return { drops, drop };
}
