import { type Batch, batchOf, type Bytes } from '../../src/contract/batch.ts';
import type { Transform } from '../../src/contract/component.ts';
import definition from '../../src/components/processors/probabilistic_sampler/index.ts';
import { settings } from '../../src/components/processors/probabilistic_sampler/settings.ts';
import { decodeJson } from '../../src/formats/otlp/json/decode.ts';
import { encodeJson } from '../../src/formats/otlp/json/encode.ts';
import { type Numbers, stand } from '../flow/ends.ts';

/** A span or a log record in OTLP/JSON, as far as sampling looks at it. */
export interface Item {
  readonly traceId?: string;
  readonly traceState?: string;
  readonly attributes?: readonly unknown[];
  readonly [key: string]: unknown;
}

type Sampled = 'traces' | 'logs';

const KEYS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const;

/** One request with these items in one scope of one resource. */
export function request(signal: Sampled, items: readonly Item[], resource: object = {}): Bytes {
  const [resources, scopes, records] = KEYS[signal];
  const json = { [resources]: [{ resource, [scopes]: [{ [records]: items }] }] };
  return decodeJson(signal, Buffer.from(JSON.stringify(json)));
}

export function batchWith(signal: Sampled, bytes: Bytes, items: number, tenant = ''): Batch {
  const origin = { receiver: 'otlp', tenant, receivedAt: 0, metadata: {} };
  return batchOf(bytes, items, { signal, form: 'otlp', origin });
}

/** The items of a request, decoded. */
function itemsIn(signal: Sampled, chunks: readonly Bytes[]): Item[] {
  const [resources, scopes, records] = KEYS[signal];
  const json = JSON.parse(Buffer.from(encodeJson(signal, chunks)).toString()) as Record<
    string,
    Record<string, Record<string, Item[]>[]>[]
  >;
  return (json[resources] ?? []).flatMap((resource) =>
    (resource[scopes] ?? []).flatMap((scope) => scope[records] ?? []),
  );
}

/** A sampler with its numbers. */
export interface Sampler {
  readonly transform: Transform;
  readonly numbers: Numbers;
  /** What is left of these spans. */
  readonly spans: (items: readonly Item[], tenant?: string, resource?: object) => Item[];
  /** What is left of these log records. */
  readonly logs: (items: readonly Item[], tenant?: string, resource?: object) => Item[];
}

/** A sampler with that section of a configuration. */
export function sampler(section: object): Sampler {
  const { context, numbers } = stand('processors/probabilistic_sampler');
  const transform = definition.transform(settings.parse(section), context);
  const run =
    (signal: Sampled) =>
    (items: readonly Item[], tenant = '', resource: object = {}): Item[] => {
      const batch = batchWith(signal, request(signal, items, resource), items.length, tenant);
      const result = transform(batch);
      const left = itemsIn(signal, result?.chunks ?? []);
      if ((result?.items ?? 0) !== left.length) throw new Error('bug: items are miscounted');
      return left;
    };
  return { transform, numbers, spans: run('traces'), logs: run('logs') };
}

/** The same 16 bytes for the same seed, in hex; they look random. */
export function traceIdOf(seed: number): string {
  let state = (seed * 0x9e3779b1) >>> 0;
  let text = '';
  for (let word = 0; word < 4; word++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    text += ((mixed ^ (mixed >>> 14)) >>> 0).toString(16).padStart(8, '0');
  }
  return text;
}

export function attribute(key: string, value: object): unknown {
  return { key, value };
}
