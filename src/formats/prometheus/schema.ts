/** Scalar types of protobuf that remote-write uses. Enums are 32-bit integers. */
export type ScalarType =
  | 'string'
  | 'double'
  | 'enum'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'sint64';

/** One field of a message of remote-write or of the form. */
export interface Field {
  readonly number: number;
  /** As in the .proto file: `positive_spans`. */
  readonly name: string;
  readonly type: ScalarType | MessageName;
  readonly repeated?: true;
  /** At most one field with the same `oneof` is set in a message. */
  readonly oneof?: string;
}

type Marks = Pick<Field, 'repeated' | 'oneof'>;

const repeated: Marks = { repeated: true };

function field<T extends string>(number: number, name: string, type: T, marks: Marks = {}) {
  return { number, name, type, ...marks };
}

/**
 * The messages of the `prometheus` form, which are those of remote-write 1.0 (`Request` is its
 * WriteRequest) with three additions, and the messages of remote-write 2.0 where they differ.
 * Sample and Histogram are the same in all three; `created_timestamp` is of release candidates
 * of 2.0 up to the third, which had no `start_timestamp`.
 */
const messages = {
  Request: [
    field(1, 'timeseries', 'TimeSeries', repeated),
    field(3, 'metadata', 'MetricMetadata', repeated),
  ],
  TimeSeries: [
    field(1, 'labels', 'Label', repeated),
    field(2, 'samples', 'Sample', repeated),
    field(3, 'exemplars', 'Exemplar', repeated),
    field(4, 'histograms', 'Histogram', repeated),
    // Of the form alone.
    field(15, 'metadata', 'SeriesMetadata'),
  ],
  Label: [field(1, 'name', 'string'), field(2, 'value', 'string')],
  Sample: [
    field(1, 'value', 'double'),
    field(2, 'timestamp', 'int64'),
    // Of the form and of 2.0; milliseconds, 0 is unset.
    field(3, 'start_timestamp', 'int64'),
  ],
  Exemplar: [
    field(1, 'labels', 'Label', repeated),
    field(2, 'value', 'double'),
    field(3, 'timestamp', 'int64'),
  ],
  BucketSpan: [field(1, 'offset', 'sint32'), field(2, 'length', 'uint32')],
  Histogram: [
    field(1, 'count_int', 'uint64', { oneof: 'count' }),
    field(2, 'count_float', 'double', { oneof: 'count' }),
    field(3, 'sum', 'double'),
    field(4, 'schema', 'sint32'),
    field(5, 'zero_threshold', 'double'),
    field(6, 'zero_count_int', 'uint64', { oneof: 'zero_count' }),
    field(7, 'zero_count_float', 'double', { oneof: 'zero_count' }),
    field(8, 'negative_spans', 'BucketSpan', repeated),
    field(9, 'negative_deltas', 'sint64', repeated),
    field(10, 'negative_counts', 'double', repeated),
    field(11, 'positive_spans', 'BucketSpan', repeated),
    field(12, 'positive_deltas', 'sint64', repeated),
    field(13, 'positive_counts', 'double', repeated),
    field(14, 'reset_hint', 'enum'),
    field(15, 'timestamp', 'int64'),
    field(16, 'custom_values', 'double', repeated),
    // Of the form and of 2.0; milliseconds, 0 is unset.
    field(17, 'start_timestamp', 'int64'),
  ],
  MetricMetadata: [
    field(1, 'type', 'enum'),
    field(2, 'metric_family_name', 'string'),
    field(4, 'help', 'string'),
    field(5, 'unit', 'string'),
  ],
  SeriesMetadata: [
    field(1, 'type', 'enum'),
    field(2, 'help', 'string'),
    field(3, 'unit', 'string'),
  ],

  Request2: [
    field(4, 'symbols', 'string', repeated),
    field(5, 'timeseries', 'TimeSeries2', repeated),
  ],
  TimeSeries2: [
    field(1, 'labels_refs', 'uint32', repeated),
    field(2, 'samples', 'Sample', repeated),
    field(3, 'histograms', 'Histogram', repeated),
    field(4, 'exemplars', 'Exemplar2', repeated),
    field(5, 'metadata', 'Metadata2'),
    field(6, 'created_timestamp', 'int64'),
  ],
  Exemplar2: [
    field(1, 'labels_refs', 'uint32', repeated),
    field(2, 'value', 'double'),
    field(3, 'timestamp', 'int64'),
  ],
  Metadata2: [
    field(1, 'type', 'enum'),
    field(3, 'help_ref', 'uint32'),
    field(4, 'unit_ref', 'uint32'),
  ],
} as const;

/** Every message of `SCHEMA`. */
export type MessageName = keyof typeof messages;

/** Fields of each message by its name; those of remote-write 2.0 alone end in 2. */
export const SCHEMA: Readonly<Record<MessageName, readonly Field[]>> = messages;

/** Field numbers of a chunk of the form, which are those of a remote-write 1.0 request. */
export const REQUEST = { timeseries: 1, metadata: 3 } as const;

/** Field numbers of a series of the form. */
export const SERIES = { label: 1, sample: 2, exemplar: 3, histogram: 4, metadata: 15 } as const;

/** Field numbers of a remote-write 2.0 request. */
export const REQUEST_2 = { symbol: 4, timeseries: 5 } as const;

/** Field numbers of a series of remote-write 2.0. */
export const SERIES_2 = {
  labelRef: 1,
  sample: 2,
  histogram: 3,
  exemplar: 4,
  metadata: 5,
  created: 6,
} as const;

/** Number of `start_timestamp` in a sample and in a histogram. */
export const START_TIMESTAMP = { sample: 3, histogram: 17 } as const;
