import type { DropItems } from '../../../contract/component.ts';
import { readDouble } from '../../../wire/varint.ts';
import { Writer } from '../../../wire/writer.ts';
import { SampleCursor } from '../../prometheus/walk.ts';
import { isStale } from '../metric-type.ts';
import { packedDoubles, packedFixed64 } from '../packed.ts';
import { exemplarsOf } from './exemplars.ts';
import type { MetricGroup, SeriesRef } from './groups.ts';
import { keyOf, type Pair, writeAttributes } from './identity.ts';
import { nanoseconds, timeAt } from './times.ts';

const NO_RECORDED_VALUE = 1;
const EXEMPLARS = 8;

/** A sample: where its eight bytes are, and its value. */
interface Value {
  readonly bytes: Uint8Array;
  readonly value: number;
  readonly start: number;
}

/** What is known of one set of labels at one time. */
interface Draft {
  readonly time: number;
  sum: Value | undefined;
  count: Value | undefined;
  /** By bound, or by quantile. */
  readonly values: Map<number, Value>;
  samples: number;
}

/** Series that differ in their bound alone. */
interface Assembly {
  readonly attributes: readonly Pair[];
  readonly drafts: Map<number, Draft>;
  readonly exemplars: Uint8Array[];
  /** The time of the last of `drafts`. */
  latest: number;
}

/**
 * Puts the series of a histogram or a summary together, as far as they are in this batch. What
 * is not complete is dropped, sample by sample. Answers the points as fields of the data.
 */
export function assemblePoints(group: MetricGroup, drop: DropItems): Uint8Array[] {
  const isHistogram = group.data === 9;
  const label = isHistogram ? 'le' : 'quantile';
  const assemblies = new Map<string, Assembly>();
  for (const series of group.samples) collect(assemblies, series, label, drop);
  const points: Uint8Array[] = [];
  for (const assembly of assemblies.values()) {
    for (const draft of assembly.drafts.values()) {
      const problem = isHistogram ? histogramProblem(draft) : summaryProblem(draft);
      if (problem !== '') {
        drop(problem, draft.samples);
        continue;
      }
      const exemplars = draft.time === assembly.latest ? assembly.exemplars : [];
      points.push(
        isHistogram
          ? histogramPoint(draft, assembly.attributes, exemplars)
          : summaryPoint(draft, assembly.attributes),
      );
    }
  }
  return points;
}

const cursor = new SampleCursor();

// oxlint-disable-next-line max-params -- a series, and where it goes
function collect(
  assemblies: Map<string, Assembly>,
  series: SeriesRef,
  label: string,
  drop: DropItems,
): void {
  const { identity, role, chunk } = series;
  const isValue = role.part === 'bucket' || role.part === 'quantile';
  const bound = isValue ? boundOf(identity.attributes, label) : 0;
  const attributes = identity.attributes.filter(([name]) => name !== label);
  const key = keyOf(attributes.flat());
  const assembly: Assembly = assemblies.get(key) ?? {
    attributes,
    drafts: new Map(),
    exemplars: [],
    latest: 0,
  };
  assemblies.set(key, assembly);
  const exemplars = exemplarsOf(chunk, series, EXEMPLARS);
  if (exemplars.length > 0) assembly.exemplars.push(exemplars);
  const samples = cursor.enter(chunk, series.start, series.end);
  while (samples.next()) {
    const time = timeAt(chunk, samples.timestampAt);
    if (time === 0 || Number.isNaN(bound)) {
      drop(time === 0 ? 'invalid_timestamp' : 'invalid_bound', 1);
      continue;
    }
    const draft = draftAt(assembly, time);
    draft.samples++;
    const at = samples.valueAt;
    const bytes = at < 0 ? ZERO : chunk.subarray(at, at + 8);
    const start = timeAt(chunk, samples.startTimestampAt);
    const value = { bytes, value: readDouble(bytes, 0), start };
    if (isValue) draft.values.set(bound, value);
    else if (role.part === 'sum') draft.sum = value;
    else draft.count = value;
  }
}

function draftAt(assembly: Assembly, time: number): Draft {
  const { drafts } = assembly;
  assembly.latest = Math.max(assembly.latest, time);
  let draft = drafts.get(time);
  if (draft === undefined) {
    draft = { time, sum: undefined, count: undefined, values: new Map(), samples: 0 };
    drafts.set(time, draft);
  }
  return draft;
}

/** The number in a `le` or `quantile` label; NaN when it is none. */
function boundOf(attributes: readonly Pair[], label: string): number {
  const text = attributes.find(([name]) => name === label)?.[1] ?? 'NaN';
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity;
  return /^[+-]?[\d.]/.test(text) ? Number(text) : Number.NaN;
}

function histogramProblem({ count, values }: Draft): string {
  const last = values.get(Infinity);
  if (count === undefined || last === undefined) return 'incomplete_histogram';
  if (isStale(count.bytes, 0)) return '';
  if (!Object.is(last.value, count.value)) return 'invalid_histogram';
  let before = 0;
  for (const { value } of inOrder(values)) {
    if (!Number.isInteger(value) || value < before) return 'invalid_histogram';
    before = value;
  }
  return before < 2 ** 64 ? '' : 'invalid_histogram';
}

function summaryProblem({ count }: Draft): string {
  if (count === undefined) return 'incomplete_summary';
  if (isStale(count.bytes, 0)) return '';
  const { value } = count;
  return Number.isInteger(value) && value >= 0 && value < 2 ** 64 ? '' : 'invalid_summary';
}

function inOrder(values: Draft['values']): (Value & { readonly bound: number })[] {
  const list = [...values].map(([bound, value]) => ({ ...value, bound }));
  return list.sort((a, b) => (a.bound < b.bound ? -1 : 1));
}

// message HistogramDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
//   double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
//   repeated Exemplar exemplars = 8; repeated KeyValue attributes = 9; uint32 flags = 10; }
function histogramPoint(
  draft: Draft,
  attributes: readonly Pair[],
  exemplars: readonly Uint8Array[],
): Uint8Array {
  const writer = begin(draft);
  const buckets = inOrder(draft.values);
  const bounds = buckets.slice(0, -1).map(({ bound }) => bound);
  const stale = isStale(draft.count!.bytes, 0);
  const counts: bigint[] = [];
  let before = 0n;
  for (const { value } of buckets) {
    const total = stale ? 0n : BigInt(value);
    counts.push(total - before);
    before = total;
  }
  if (stale) writer.uint(10, NO_RECORDED_VALUE);
  else {
    writer.fixed64(4, BigInt(draft.count!.value));
    if (draft.sum !== undefined) writer.raw(SUM_TAG).raw(draft.sum.bytes);
    for (const each of exemplars) writer.raw(each);
  }
  writer.bytes(6, packedFixed64(counts));
  if (bounds.length > 0) writer.bytes(7, packedDoubles(bounds));
  writeAttributes(writer, attributes, 9);
  return writer.close().finish();
}

// message SummaryDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
//   double sum = 5; repeated ValueAtQuantile quantile_values = 6; repeated KeyValue attributes = 7; uint32 flags = 8; }
function summaryPoint(draft: Draft, attributes: readonly Pair[]): Uint8Array {
  const writer = begin(draft);
  const stale = isStale(draft.count!.bytes, 0);
  if (stale) writer.uint(8, NO_RECORDED_VALUE);
  else {
    writer.fixed64(4, BigInt(draft.count!.value));
    writer.raw(SUM_TAG).raw(draft.sum?.bytes ?? ZERO);
  }
  for (const { bound, bytes } of inOrder(draft.values)) {
    writer.open(6).double(1, bound);
    if (!stale) writer.raw(VALUE_TAG).raw(bytes);
    writer.close();
  }
  writeAttributes(writer, attributes, 7);
  return writer.close().finish();
}

function begin({ time, count }: Draft): Writer {
  const writer = new Writer().open(1);
  if (count!.start > 0) writer.fixed64(2, nanoseconds(count!.start));
  return writer.fixed64(3, nanoseconds(time));
}

const ZERO: Uint8Array = new Uint8Array(8);
const SUM_TAG = Uint8Array.of(0x29);
const VALUE_TAG = Uint8Array.of(0x11);
