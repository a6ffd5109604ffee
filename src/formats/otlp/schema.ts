import type { Signal } from '../../contract/batch.ts';

/** Scalar types of protobuf that OTLP uses. Enums are 32-bit integers, in JSON too. */
export type ScalarType =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'enum'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'double'
  | 'float';

/** One field of an OTLP message. */
export interface Field {
  readonly number: number;
  /** As in the .proto file: `dropped_attributes_count`. */
  readonly name: string;
  /** As in OTLP/JSON: `droppedAttributesCount`. */
  readonly jsonName: string;
  readonly type: ScalarType | MessageName;
  readonly repeated?: true;
  /** A scalar whose presence matters even when it holds its default. */
  readonly optional?: true;
  /** The only length in bytes that a trace or span id may have besides 0; hex in JSON. */
  readonly id?: 16 | 8;
  /** At most one field with the same `oneof` is set in a message. */
  readonly oneof?: string;
}

type Marks = Pick<Field, 'repeated' | 'optional' | 'id' | 'oneof'>;

const repeated: Marks = { repeated: true };
const optional: Marks = { optional: true };
const traceId: Marks = { id: 16 };
const spanId: Marks = { id: 8 };
const oneof = (name: string): Marks => ({ oneof: name });

function field<T extends string>(number: number, name: string, type: T, marks: Marks = {}) {
  const jsonName = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return { number, name, jsonName, type, ...marks };
}

const PARTIAL_ERROR = field(2, 'error_message', 'string');
const DROPPED = 'dropped_attributes_count';
const TEMPORALITY = field(2, 'aggregation_temporality', 'enum');
const START_TIME = field(2, 'start_time_unix_nano', 'fixed64');
const TIME = field(3, 'time_unix_nano', 'fixed64');
const SCHEMA_URL = field(3, 'schema_url', 'string');

/**
 * Every message of OTLP traces, metrics and logs, as of opentelemetry-proto 1.9. What checks,
 * decodes, encodes or describes OTLP derives its tables from this one. The string indexes of
 * the profiles signal are left out on purpose: everywhere else they count as unknown fields.
 */
const messages = {
  ExportTraceServiceRequest: [field(1, 'resource_spans', 'ResourceSpans', repeated)],
  ExportTraceServiceResponse: [field(1, 'partial_success', 'ExportTracePartialSuccess')],
  ExportTracePartialSuccess: [field(1, 'rejected_spans', 'int64'), PARTIAL_ERROR],
  ExportMetricsServiceRequest: [field(1, 'resource_metrics', 'ResourceMetrics', repeated)],
  ExportMetricsServiceResponse: [field(1, 'partial_success', 'ExportMetricsPartialSuccess')],
  ExportMetricsPartialSuccess: [field(1, 'rejected_data_points', 'int64'), PARTIAL_ERROR],
  ExportLogsServiceRequest: [field(1, 'resource_logs', 'ResourceLogs', repeated)],
  ExportLogsServiceResponse: [field(1, 'partial_success', 'ExportLogsPartialSuccess')],
  ExportLogsPartialSuccess: [field(1, 'rejected_log_records', 'int64'), PARTIAL_ERROR],

  AnyValue: [
    field(1, 'string_value', 'string', oneof('value')),
    field(2, 'bool_value', 'bool', oneof('value')),
    field(3, 'int_value', 'int64', oneof('value')),
    field(4, 'double_value', 'double', oneof('value')),
    field(5, 'array_value', 'ArrayValue', oneof('value')),
    field(6, 'kvlist_value', 'KeyValueList', oneof('value')),
    field(7, 'bytes_value', 'bytes', oneof('value')),
  ],
  ArrayValue: [field(1, 'values', 'AnyValue', repeated)],
  KeyValueList: [field(1, 'values', 'KeyValue', repeated)],
  KeyValue: [field(1, 'key', 'string'), field(2, 'value', 'AnyValue')],
  InstrumentationScope: [
    field(1, 'name', 'string'),
    field(2, 'version', 'string'),
    field(3, 'attributes', 'KeyValue', repeated),
    field(4, DROPPED, 'uint32'),
  ],
  EntityRef: [
    field(1, 'schema_url', 'string'),
    field(2, 'type', 'string'),
    field(3, 'id_keys', 'string', repeated),
    field(4, 'description_keys', 'string', repeated),
  ],
  Resource: [
    field(1, 'attributes', 'KeyValue', repeated),
    field(2, DROPPED, 'uint32'),
    field(3, 'entity_refs', 'EntityRef', repeated),
  ],

  ResourceSpans: [
    field(1, 'resource', 'Resource'),
    field(2, 'scope_spans', 'ScopeSpans', repeated),
    SCHEMA_URL,
  ],
  ScopeSpans: [
    field(1, 'scope', 'InstrumentationScope'),
    field(2, 'spans', 'Span', repeated),
    SCHEMA_URL,
  ],
  Span: [
    field(1, 'trace_id', 'bytes', traceId),
    field(2, 'span_id', 'bytes', spanId),
    field(3, 'trace_state', 'string'),
    field(4, 'parent_span_id', 'bytes', spanId),
    field(5, 'name', 'string'),
    field(6, 'kind', 'enum'),
    field(7, 'start_time_unix_nano', 'fixed64'),
    field(8, 'end_time_unix_nano', 'fixed64'),
    field(9, 'attributes', 'KeyValue', repeated),
    field(10, DROPPED, 'uint32'),
    field(11, 'events', 'Event', repeated),
    field(12, 'dropped_events_count', 'uint32'),
    field(13, 'links', 'Link', repeated),
    field(14, 'dropped_links_count', 'uint32'),
    field(15, 'status', 'Status'),
    field(16, 'flags', 'fixed32'),
  ],
  Event: [
    field(1, 'time_unix_nano', 'fixed64'),
    field(2, 'name', 'string'),
    field(3, 'attributes', 'KeyValue', repeated),
    field(4, DROPPED, 'uint32'),
  ],
  Link: [
    field(1, 'trace_id', 'bytes', traceId),
    field(2, 'span_id', 'bytes', spanId),
    field(3, 'trace_state', 'string'),
    field(4, 'attributes', 'KeyValue', repeated),
    field(5, DROPPED, 'uint32'),
    field(6, 'flags', 'fixed32'),
  ],
  Status: [field(2, 'message', 'string'), field(3, 'code', 'enum')],

  ResourceMetrics: [
    field(1, 'resource', 'Resource'),
    field(2, 'scope_metrics', 'ScopeMetrics', repeated),
    SCHEMA_URL,
  ],
  ScopeMetrics: [
    field(1, 'scope', 'InstrumentationScope'),
    field(2, 'metrics', 'Metric', repeated),
    SCHEMA_URL,
  ],
  Metric: [
    field(1, 'name', 'string'),
    field(2, 'description', 'string'),
    field(3, 'unit', 'string'),
    field(5, 'gauge', 'Gauge', oneof('data')),
    field(7, 'sum', 'Sum', oneof('data')),
    field(9, 'histogram', 'Histogram', oneof('data')),
    field(10, 'exponential_histogram', 'ExponentialHistogram', oneof('data')),
    field(11, 'summary', 'Summary', oneof('data')),
    field(12, 'metadata', 'KeyValue', repeated),
  ],
  Gauge: [field(1, 'data_points', 'NumberDataPoint', repeated)],
  Sum: [
    field(1, 'data_points', 'NumberDataPoint', repeated),
    TEMPORALITY,
    field(3, 'is_monotonic', 'bool'),
  ],
  Histogram: [field(1, 'data_points', 'HistogramDataPoint', repeated), TEMPORALITY],
  ExponentialHistogram: [
    field(1, 'data_points', 'ExponentialHistogramDataPoint', repeated),
    TEMPORALITY,
  ],
  Summary: [field(1, 'data_points', 'SummaryDataPoint', repeated)],
  NumberDataPoint: [
    START_TIME,
    TIME,
    field(4, 'as_double', 'double', oneof('value')),
    field(5, 'exemplars', 'Exemplar', repeated),
    field(6, 'as_int', 'sfixed64', oneof('value')),
    field(7, 'attributes', 'KeyValue', repeated),
    field(8, 'flags', 'uint32'),
  ],
  HistogramDataPoint: [
    START_TIME,
    TIME,
    field(4, 'count', 'fixed64'),
    field(5, 'sum', 'double', optional),
    field(6, 'bucket_counts', 'fixed64', repeated),
    field(7, 'explicit_bounds', 'double', repeated),
    field(8, 'exemplars', 'Exemplar', repeated),
    field(9, 'attributes', 'KeyValue', repeated),
    field(10, 'flags', 'uint32'),
    field(11, 'min', 'double', optional),
    field(12, 'max', 'double', optional),
  ],
  ExponentialHistogramDataPoint: [
    field(1, 'attributes', 'KeyValue', repeated),
    START_TIME,
    TIME,
    field(4, 'count', 'fixed64'),
    field(5, 'sum', 'double', optional),
    field(6, 'scale', 'sint32'),
    field(7, 'zero_count', 'fixed64'),
    field(8, 'positive', 'Buckets'),
    field(9, 'negative', 'Buckets'),
    field(10, 'flags', 'uint32'),
    field(11, 'exemplars', 'Exemplar', repeated),
    field(12, 'min', 'double', optional),
    field(13, 'max', 'double', optional),
    field(14, 'zero_threshold', 'double'),
  ],
  Buckets: [field(1, 'offset', 'sint32'), field(2, 'bucket_counts', 'uint64', repeated)],
  SummaryDataPoint: [
    START_TIME,
    TIME,
    field(4, 'count', 'fixed64'),
    field(5, 'sum', 'double'),
    field(6, 'quantile_values', 'ValueAtQuantile', repeated),
    field(7, 'attributes', 'KeyValue', repeated),
    field(8, 'flags', 'uint32'),
  ],
  ValueAtQuantile: [field(1, 'quantile', 'double'), field(2, 'value', 'double')],
  Exemplar: [
    field(2, 'time_unix_nano', 'fixed64'),
    field(3, 'as_double', 'double', oneof('value')),
    field(4, 'span_id', 'bytes', spanId),
    field(5, 'trace_id', 'bytes', traceId),
    field(6, 'as_int', 'sfixed64', oneof('value')),
    field(7, 'filtered_attributes', 'KeyValue', repeated),
  ],

  ResourceLogs: [
    field(1, 'resource', 'Resource'),
    field(2, 'scope_logs', 'ScopeLogs', repeated),
    SCHEMA_URL,
  ],
  ScopeLogs: [
    field(1, 'scope', 'InstrumentationScope'),
    field(2, 'log_records', 'LogRecord', repeated),
    SCHEMA_URL,
  ],
  LogRecord: [
    field(1, 'time_unix_nano', 'fixed64'),
    field(2, 'severity_number', 'enum'),
    field(3, 'severity_text', 'string'),
    field(5, 'body', 'AnyValue'),
    field(6, 'attributes', 'KeyValue', repeated),
    field(7, DROPPED, 'uint32'),
    field(8, 'flags', 'fixed32'),
    field(9, 'trace_id', 'bytes', traceId),
    field(10, 'span_id', 'bytes', spanId),
    field(11, 'observed_time_unix_nano', 'fixed64'),
    field(12, 'event_name', 'string'),
  ],
};

export type MessageName = keyof typeof messages;

/** The fields of every message. */
export const SCHEMA: Readonly<Record<MessageName, readonly Field[]>> = messages as Record<
  MessageName,
  Field[]
>;

/** The message a client sends, by signal. */
export const REQUEST: Readonly<Record<Signal, MessageName>> = {
  traces: 'ExportTraceServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
  logs: 'ExportLogsServiceRequest',
};

/** Whether the type of a field is a message of this schema. */
export function isMessage(type: Field['type']): type is MessageName {
  return Object.hasOwn(SCHEMA, type);
}
