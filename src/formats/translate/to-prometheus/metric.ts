import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { readUint32 } from '../../../wire/varint.ts';
import { POINT_KIND } from '../../otlp/walk.ts';
import { METRIC_TYPE, TYPE_KEY } from '../metric-type.ts';
import type { MetricIdentity } from './names.ts';
import { textOf, textsOf } from './source.ts';

// message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5;
//   Sum sum = 7; Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10; Summary summary = 11; }
//   repeated KeyValue metadata = 12; }
// message Sum { … AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
const GAUGE = 5;
const SUM = 7;
const SUMMARY = 11;
const METADATA = 12;
const CUMULATIVE = 2;
const DELTA = 1;

/** A metric without its points. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly unit: string;
  readonly kind: MetricIdentity['kind'];
  /** One of `METRIC_TYPE`. */
  readonly type: number;
  /** Number of the field that holds the points; 0 when there is none. */
  readonly data: number;
  /** Why its points cannot be told in Prometheus; empty when they can. */
  readonly refusal: string;
}

/** Reads the head of a valid metric. */
export function readMetric(bytes: Uint8Array, { start, end }: Range): Metric {
  let [name, help, unit] = ['', '', ''];
  let data = 0;
  let hasMetadata = false;
  const fields = new FieldCursor().enter(bytes, start, end);
  while (fields.next()) {
    if (fields.number === 1) name = textOf(bytes, fields);
    else if (fields.number === 2) help = textOf(bytes, fields);
    else if (fields.number === 3) unit = textOf(bytes, fields);
    else if (fields.number === METADATA) hasMetadata = true;
    else if (POINT_KIND[fields.number] !== undefined) data = fields.number;
  }
  const { temporality, isMonotonic } = aggregationOf(bytes, { start, end }, data);
  const saidType = hasMetadata ? textsOf(bytes, { start, end }, METADATA).get(TYPE_KEY) : undefined;
  const hasTemporality = data !== GAUGE && data !== SUMMARY && data !== 0;
  return {
    name,
    help,
    unit,
    data,
    kind: data === SUM && isMonotonic ? 'counter' : data === GAUGE ? 'gauge' : 'other',
    type: typeOf(data, isMonotonic, saidType),
    refusal: hasTemporality ? refusalOf(temporality) : '',
  };
}

type Range = Pick<FieldRange, 'start' | 'end'>;

function aggregationOf(bytes: Uint8Array, { start, end }: Range, data: number) {
  let temporality = 0;
  let isMonotonic = false;
  if (data === GAUGE || data === SUMMARY) return { temporality, isMonotonic };
  const fields = new FieldCursor().enter(bytes, start, end);
  const inner = new FieldCursor();
  while (fields.next()) {
    if (fields.number !== data) continue;
    inner.enter(bytes, fields.start, fields.end);
    while (inner.next()) {
      if (inner.number === 2) temporality = readUint32(bytes, inner.start);
      else if (inner.number === 3 && data === SUM)
        isMonotonic = readUint32(bytes, inner.start) !== 0;
    }
  }
  return { temporality, isMonotonic };
}

function refusalOf(temporality: number): string {
  if (temporality === CUMULATIVE) return '';
  return temporality === DELTA ? 'delta_temporality' : 'unspecified_temporality';
}

const SAID: Readonly<Record<string, number>> = {
  unknown: METRIC_TYPE.unknown,
  // The text of the specification has it in this spelling.
  unkown: METRIC_TYPE.unknown,
  info: METRIC_TYPE.info,
  stateset: METRIC_TYPE.stateset,
};

/** Of gauges and sums that are not monotonic the metadata may know more. */
function typeOf(data: number, isMonotonic: boolean, said: string | undefined): number {
  if (data === SUMMARY) return METRIC_TYPE.summary;
  if (data !== GAUGE && data !== SUM) return METRIC_TYPE.histogram;
  if (isMonotonic) return METRIC_TYPE.counter;
  return SAID[said ?? ''] ?? METRIC_TYPE.gauge;
}
