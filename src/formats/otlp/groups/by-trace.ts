import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { Writer } from '../../../wire/writer.ts';
import { numberOf, RECORDS, RequestWalk, RESOURCE_ITEMS, SCOPE_ITEMS } from '../walk.ts';
import { IdTable } from './id-table.ts';

/** The spans or log records of one trace: a request by itself. */
export interface TraceGroup {
  /** 16 bytes, in the memory of the request; undefined for records that are of no trace. */
  readonly traceId: Uint8Array | undefined;
  readonly bytes: Bytes;
  readonly items: number;
}

const TRACE_ID = {
  traces: numberOf('Span', 'trace_id'),
  logs: numberOf('LogRecord', 'trace_id'),
} as const;
const ID_BYTES = 16;
const LAST = -1;

/**
 * Divides a valid request into one for each trace, in the order traces begin. Items keep their
 * order, and each request has the resources and scopes its items came with. A request of one trace
 * is the very same array.
 */
export function groupByTrace(signal: 'traces' | 'logs', bytes: Bytes): TraceGroup[] {
  return new Grouping(signal, bytes).run();
}

/** A message around items: its number in its parent, and its fields that are no items. */
interface Envelope {
  readonly start: number;
  readonly end: number;
  fields?: readonly FieldRange[];
}

class Grouping {
  readonly #bytes: Bytes;
  readonly #idField: number;
  readonly #ids: IdTable;
  readonly #cursor = new FieldCursor();
  readonly #resources: Envelope[] = [];
  readonly #scopes: Envelope[] = [];
  // Per item: where it stands, what is around it, and the next item of its trace.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #resourceOf: number[] = [];
  readonly #scopeOf: number[] = [];
  readonly #next: number[] = [];
  // Per trace: its first and last item, how many it has, and their bytes.
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  readonly #counts: number[] = [];
  readonly #sizes: number[] = [];

  constructor(signal: 'traces' | 'logs', bytes: Bytes) {
    this.#bytes = bytes;
    this.#idField = TRACE_ID[signal];
    this.#ids = new IdTable(bytes);
  }

  run(): TraceGroup[] {
    this.#read();
    const { length } = this.#first;
    if (length === 0) return [{ traceId: undefined, bytes: this.#bytes, items: 0 }];
    return Array.from({ length }, (_, trace) => ({
      traceId: this.#idOf(trace),
      bytes: length === 1 ? this.#bytes : this.#write(trace),
      items: this.#counts[trace]!,
    }));
  }

  #read(): void {
    const walk = new RequestWalk().enter(this.#bytes);
    while (walk.nextResource()) {
      const { start, end } = walk.resource;
      this.#resources.push({ start, end });
      while (walk.nextScope()) {
        this.#scopes.push({ start: walk.scope.start, end: walk.scope.end });
        while (walk.nextRecord()) this.#add(walk.record);
      }
    }
  }

  #add({ tagStart, start, end }: FieldCursor): void {
    const trace = this.#traceOf(start, end);
    const item = this.#starts.push(tagStart) - 1;
    this.#ends.push(end);
    this.#resourceOf.push(this.#resources.length - 1);
    this.#scopeOf.push(this.#scopes.length - 1);
    this.#next.push(LAST);
    if (trace === this.#first.length) {
      this.#first.push(item);
      this.#last.push(item);
      this.#counts.push(1);
      this.#sizes.push(end - tagStart);
      return;
    }
    this.#next[this.#last[trace]!] = item;
    this.#last[trace] = item;
    this.#counts[trace]!++;
    this.#sizes[trace]! += end - tagStart;
  }

  #traceOf(start: number, end: number): number {
    const cursor = this.#cursor.enter(this.#bytes, start, end);
    while (cursor.next()) {
      if (cursor.number === this.#idField) return this.#ids.numberOf(cursor.start, cursor.end);
    }
    return this.#ids.numberOf(start, start);
  }

  #idOf(trace: number): Uint8Array | undefined {
    const start = this.#ids.starts[trace]!;
    return start === -1 ? undefined : this.#bytes.subarray(start, start + ID_BYTES);
  }

  #write(trace: number): Bytes {
    const writer = new Writer(this.#sizes[trace]! + 512);
    let resource = -1;
    let scope = -1;
    for (let item = this.#first[trace]!; item !== LAST; item = this.#next[item]!) {
      if (this.#scopeOf[item] !== scope) {
        if (scope !== -1) writer.close();
        if (this.#resourceOf[item] !== resource) {
          if (resource !== -1) writer.close();
          resource = this.#resourceOf[item]!;
          this.#open(writer, RESOURCE_ITEMS, this.#resources[resource]!, SCOPE_ITEMS);
        }
        scope = this.#scopeOf[item]!;
        this.#open(writer, SCOPE_ITEMS, this.#scopes[scope]!, RECORDS);
      }
      writer.raw(this.#bytes, this.#starts[item], this.#ends[item]);
    }
    return writer.close().close().finish();
  }

  /** Begins a message around items, with all it has but `inner`. */
  #open(writer: Writer, number: number, envelope: Envelope, inner: number): void {
    envelope.fields ??= this.#fieldsBut(envelope, inner);
    writer.open(number);
    for (const { tagStart, end } of envelope.fields) writer.raw(this.#bytes, tagStart, end);
  }

  #fieldsBut({ start, end }: Envelope, inner: number): FieldRange[] {
    const fields: FieldRange[] = [];
    const cursor = this.#cursor.enter(this.#bytes, start, end);
    while (cursor.next()) {
      if (cursor.number === inner) continue;
      fields.push({ tagStart: cursor.tagStart, start: cursor.start, end: cursor.end });
    }
    return fields;
  }
}
