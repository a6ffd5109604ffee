import type { Signal } from '../../contract/batch.ts';
import type { ItemIndex } from '../../wire/item-index.ts';
import { createChecker } from '../../wire/kernel.ts';
import { compileShapes, type FieldShape, type MessageShape } from '../../wire/shape.ts';
import { type Field, isMessage, type MessageName, REQUEST, SCHEMA } from './schema.ts';

/** What a valid request holds. */
export interface Validated {
  /** Spans, data points or log records. */
  readonly items: number;
  /** Data points among them that OTLP says to reject; `dropInvalidPoints` takes them out. */
  readonly badPoints: number;
}

/**
 * Walks an encoded request to the leaves and counts it. Throws `WireError` when any part of it
 * is not protobuf, does not fit the schema, or holds a string that is not UTF-8 or an id of a
 * wrong length. Unknown fields are accepted, so that newer clients are.
 */
export function validateRequest(signal: Signal, bytes: Uint8Array): Validated {
  const { items, unsound, index } = checker.check(ROOTS[signal], bytes, indexed.has(signal));
  latestIndex = index;
  return { items, badPoints: unsound };
}

/**
 * Where the items of `bytes` stand, if these are the bytes that were validated last in this
 * thread, or came of them by edits that the index followed. Good until the next validation.
 */
export function knownIndex(bytes: Uint8Array): ItemIndex | undefined {
  return latestIndex?.bytes === bytes ? latestIndex.enter() : undefined;
}

/** `knownIndex`, and from the first call on what is validated of the signal has one. */
export function wantedIndex(signal: Signal, bytes: Uint8Array): ItemIndex | undefined {
  indexed.add(signal);
  return knownIndex(bytes);
}

const indexed = new Set<Signal>();
let latestIndex: ItemIndex | undefined;

/** The messages that are counted, by signal. */
const ITEMS: ReadonlySet<MessageName> = new Set<MessageName>([
  'Span',
  'LogRecord',
  'NumberDataPoint',
  'HistogramDataPoint',
  'ExponentialHistogramDataPoint',
  'SummaryDataPoint',
]);

const POINTS: ReadonlySet<MessageName> = new Set<MessageName>(
  [...ITEMS].filter((name) => name.endsWith('DataPoint')),
);

// Marks of a data point: 1 it has a time, 2 it says that no value was recorded, 4 it has a value.
const HAS_TIME = [1, 3, 5, 7];
const HAS_TIME_AND_VALUE = [3, 5, 7];

/** The messages of OTLP as a checker sees them. */
export const TABLE = compileShapes(
  Object.entries(SCHEMA).map(([name, fields]) => shapeOf(name as MessageName, fields)),
);

/** Index of the request message in `TABLE`, by signal. */
export const ROOTS: Readonly<Record<Signal, number>> = {
  traces: TABLE.indexOf(REQUEST.traces),
  metrics: TABLE.indexOf(REQUEST.metrics),
  logs: TABLE.indexOf(REQUEST.logs),
};

const checker = createChecker(TABLE);

function shapeOf(name: MessageName, fields: readonly Field[]): MessageShape {
  const item = ITEMS.has(name);
  const point = POINTS.has(name);
  return {
    name,
    fields: fields.map((field) => fieldShapeOf(field, { item, point })),
    item,
    ...(point && { sound: name === 'NumberDataPoint' ? HAS_TIME_AND_VALUE : HAS_TIME }),
  };
}

function fieldShapeOf(
  field: Field,
  { item, point }: { readonly item: boolean; readonly point: boolean },
): FieldShape {
  const { number, type } = field;
  if (isMessage(type)) return { number, kind: 'message', message: type };
  if (field.id) {
    // Of items, the trace id says who belongs together, and the trace state how it was sampled.
    const kind = item && field.name === 'trace_id' ? 'noted id' : 'id';
    return { number, kind, length: field.id };
  }
  if (item && field.name === 'trace_state') return { number, kind: 'noted string' };
  const repeated = field.repeated && { repeated: true as const };
  if (point && field.name === 'time_unix_nano') return { number, kind: 'nonzero64' };
  if (point && field.name === 'flags') return { number, kind: 'flag' };
  if (point && field.oneof) return { number, kind: 'present64' };
  switch (type) {
    case 'string':
    case 'bytes':
      return { number, kind: type };
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return { number, kind: 'fixed64', ...repeated };
    case 'float':
    case 'fixed32':
      return { number, kind: 'fixed32', ...repeated };
    default:
      return { number, kind: 'varint', ...repeated };
  }
}
