import type { Signal } from '../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../wire/cursor.ts';
import type { ItemIndex } from '../../wire/item-index.ts';
import { LENGTH_DELIMITED } from '../../wire/varint.ts';
import { isMessage, type MessageName, SCHEMA } from './schema.ts';

// The three requests have one shape and the same field numbers:
// message Request { repeated ResourceItems resource_items = 1; }
// message ResourceItems { Resource resource = 1; repeated ScopeItems scope_items = 2; }
// message ScopeItems { InstrumentationScope scope = 1; repeated Record records = 2; }
export const RESOURCE_ITEMS = 1;
export const RESOURCE = 1;
export const SCOPE_ITEMS = 2;
export const SCOPE = 1;
export const RECORDS = 2;

// message Metric { oneof data { Gauge gauge = 5; … } } message Gauge { repeated … data_points = 1; }
export const DATA_POINTS = 1;

/** The number of the field `name` of a message; a bug when there is none. */
export function numberOf(message: MessageName, name: string): number {
  const field = SCHEMA[message].find((each) => each.name === name);
  if (!field) throw new Error(`bug: ${message} has no field ${name}`);
  return field.number;
}

/** The kind of data points in each field of a metric, by the number of the field. */
export const POINT_KIND: readonly (MessageName | undefined)[] = Array.from(
  { length: 16 },
  (_, number) => {
    const data = SCHEMA.Metric.find((field) => field.number === number && field.oneof)?.type;
    if (data === undefined || !isMessage(data)) return undefined;
    const points = SCHEMA[data].find((field) => field.number === DATA_POINTS)?.type;
    return points !== undefined && isMessage(points) ? points : undefined;
  },
);

/**
 * Steps through a valid request: resources, their scopes, their records (spans, log records,
 * metrics), and of metrics the data points. Decodes nothing, allocates nothing; one walk is
 * reused for any number of requests. Fields it does not look for are stepped over.
 *
 * ```ts
 * walk.enter(bytes);
 * while (walk.nextResource()) while (walk.nextScope()) while (walk.nextRecord()) …
 * ```
 */
export class RequestWalk {
  /** The current ResourceSpans, ResourceMetrics or ResourceLogs. */
  readonly resource = new FieldCursor();
  /** The current ScopeSpans, ScopeMetrics or ScopeLogs. */
  readonly scope = new FieldCursor();
  /** The current span, log record or metric. */
  readonly record = new FieldCursor();
  /** The current Gauge, Sum, … of a metric. */
  readonly data = new FieldCursor();
  readonly point = new FieldCursor();
  /** Stands on the current item where its index leads the way, and not `record`. */
  index: ItemIndex | undefined;
  bytes: Uint8Array = NOTHING;

  enter(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.resource.enter(bytes);
    return this;
  }

  nextResource(): boolean {
    if (!nextOf(this.resource, RESOURCE_ITEMS)) return false;
    this.scope.enter(this.bytes, this.resource.start, this.resource.end);
    return true;
  }

  nextScope(): boolean {
    if (!nextOf(this.scope, SCOPE_ITEMS)) return false;
    this.record.enter(this.bytes, this.scope.start, this.scope.end);
    return true;
  }

  nextRecord(): boolean {
    return nextOf(this.record, RECORDS);
  }

  /** Begins with the data points of the current record, which is a metric. */
  enterMetric(): void {
    this.data.enter(this.bytes, this.record.start, this.record.end);
  }

  /** Steps to the next field of the metric that holds data points: one, by the rules of `oneof`. */
  nextData(): boolean {
    const { data } = this;
    while (data.next()) {
      if (POINT_KIND[data.number] === undefined || data.wireType !== LENGTH_DELIMITED) continue;
      this.point.enter(this.bytes, data.start, data.end);
      return true;
    }
    return false;
  }

  nextPoint(): boolean {
    return nextOf(this.point, DATA_POINTS);
  }
}

/** Steps to the next message field of that number. */
export function nextOf(cursor: FieldCursor, number: number): boolean {
  while (cursor.next())
    if (cursor.number === number && cursor.wireType === LENGTH_DELIMITED) return true;
  return false;
}

/** Spans, data points or log records in a valid request. */
export function countItems(signal: Signal, bytes: Uint8Array): number {
  const walk = new RequestWalk().enter(bytes);
  let items = 0;
  while (walk.nextResource())
    while (walk.nextScope())
      while (walk.nextRecord()) {
        if (signal !== 'metrics') {
          items++;
          continue;
        }
        walk.enterMetric();
        while (walk.nextData()) while (walk.nextPoint()) items++;
      }
  return items;
}

/** The range of the last field of that number in a message: by protobuf the one that counts. */
export function findField(
  bytes: Uint8Array,
  message: Pick<FieldRange, 'start' | 'end'>,
  number: number,
): FieldRange | undefined {
  const cursor = new FieldCursor().enter(bytes, message.start, message.end);
  let found: FieldRange | undefined;
  while (cursor.next()) {
    if (cursor.number !== number) continue;
    found = { tagStart: cursor.tagStart, start: cursor.start, end: cursor.end };
  }
  return found;
}

const NOTHING = new Uint8Array(0);
