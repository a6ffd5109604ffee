import protobuf from 'protobufjs';
import type { Bytes, Signal } from '../../../src/contract/batch.ts';
import { reflection } from '../../../src/formats/otlp/reflection.ts';
import { REQUEST } from '../../../src/formats/otlp/schema.ts';

const root = protobuf.Root.fromJSON(reflection());
const LIST = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' } as const;
const SCOPES = { traces: 'scopeSpans', metrics: 'scopeMetrics', logs: 'scopeLogs' } as const;
const ITEMS = { traces: 'spans', metrics: 'metrics', logs: 'logRecords' } as const;

/** A resource with its items; attributes are strings. */
export interface PlainResource {
  readonly attributes?: Readonly<Record<string, string>>;
  readonly items: readonly object[];
}

/** A request as an SDK would write it. */
export function request(signal: Signal, resources: readonly PlainResource[]): Bytes {
  const type = root.lookupType(REQUEST[signal]);
  const list = resources.map(({ attributes = {}, items }) => ({
    resource: {
      attributes: Object.entries(attributes).map(([key, value]) => ({
        key,
        value: { stringValue: value },
      })),
    },
    [SCOPES[signal]]: [{ scope: { name: 'test' }, [ITEMS[signal]]: items }],
  }));
  return new Uint8Array(type.encode(type.fromObject({ [LIST[signal]]: list })).finish());
}

/** What a request says. */
export function said(signal: Signal, bytes: Uint8Array): unknown {
  const type = root.lookupType(REQUEST[signal]);
  return type.toObject(type.decode(bytes), { longs: String, bytes: String, enums: Number });
}

/** The items of a request, resources and scopes apart. */
export function itemsIn(signal: Signal, bytes: Uint8Array): Record<string, unknown>[] {
  const plain = said(signal, bytes) as Record<string, Record<string, Record<string, object[]>[]>[]>;
  return (plain[LIST[signal]] ?? []).flatMap((resource) =>
    (resource[SCOPES[signal]] ?? []).flatMap((scope) => scope[ITEMS[signal]] ?? []),
  ) as Record<string, unknown>[];
}

/** A span of a trace. */
export function span(trace: number, name: string): object {
  return {
    traceId: traceId(trace),
    spanId: Buffer.alloc(8, 1),
    name,
    startTimeUnixNano: '1700000000000000000',
  };
}

/** A trace id, by a number. */
export function traceId(trace: number): Buffer {
  const id = Buffer.alloc(16, 0xa0);
  id.writeUInt32BE(trace, 12);
  return id;
}

/** A log record. */
export function log(body: string, trace?: number): object {
  return {
    timeUnixNano: '1700000000000000000',
    body: { stringValue: body },
    ...(trace === undefined ? {} : { traceId: traceId(trace) }),
  };
}

/** A gauge of one point. */
export function gauge(name: string, value: number): object {
  return {
    name,
    gauge: { dataPoints: [{ timeUnixNano: '1700000000000000000', asDouble: value }] },
  };
}
