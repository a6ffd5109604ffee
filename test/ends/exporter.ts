import { type Batch, type Bytes, batchOf, type Signal } from '../../src/contract/batch.ts';
import type { Context } from '../../src/contract/context.ts';

const NOTHING = { add: () => {}, set: () => {}, record: () => {} };

/** What an exporter may reach; warnings are kept in `warnings`. */
export function exporterContext(warnings: string[] = []): Context {
  const quiet = () => {};
  const warn = (message: string, fields?: object) =>
    void warnings.push(`${message} ${JSON.stringify(fields ?? {})}`);
  return {
    id: 'exporters/test',
    version: '1.2.3',
    log: { debug: quiet, info: quiet, warn, error: warn },
    meter: { counter: () => NOTHING, gauge: () => NOTHING, histogram: () => NOTHING },
    clock: { now: () => Date.now(), after: () => quiet },
    shard: { index: 0, count: 1 },
  };
}

// message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
// ResourceSpans { repeated ScopeSpans scope_spans = 2; } ScopeSpans { repeated Span spans = 2; }
// Span { string name = 5; } and the same field numbers, but for the name, in the other signals.

/** A valid request of one item per name, a chunk each; of traces the names are those of spans. */
export function batchOfNames(names: readonly string[], signal: Signal = 'traces'): Batch {
  const chunks = names.map((name) => requestOf(name, signal));
  const metadata = { 'x-scope-orgid': ['forged by the client'], authorization: ['secret'] };
  const origin = { receiver: 'otlp', tenant: 'tenant-1', receivedAt: 0, metadata };
  const batch = batchOf(new Uint8Array(0), names.length, { signal, form: 'otlp', origin });
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { ...batch, chunks, byteLength };
}

const NAME_FIELD = { traces: 5, metrics: 1, logs: 3 } as const;

function requestOf(name: string, signal: Signal): Bytes {
  const item = field(NAME_FIELD[signal], Buffer.from(name));
  // A log record has its severity text there, and a metric without points is still a metric.
  return new Uint8Array(field(1, field(2, field(2, item))));
}

function field(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, value.length]), value]);
}
