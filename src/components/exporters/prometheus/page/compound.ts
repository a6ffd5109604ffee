import { MEMBER } from '../../../../formats/prometheus/membership.ts';
import { canonicalBound } from '../../../../formats/prometheus/text/number-text.ts';
import { floatText } from '../../../../formats/translate/float-text.ts';
import type { Series } from '../store/series.ts';
import type { LineWriter } from './line-writer.ts';
import { classicShapeOf } from './native-buckets.ts';
import type { Omissions } from './omissions.ts';

/** The family that groups are written of. */
export interface CompoundFamily {
  /** Escaped. */
  readonly name: string;
  readonly isOpenMetrics: boolean;
  readonly omissions: Omissions;
}

/** Writes the series of one histogram, which are in their order. */
export function writeHistogram(
  series: readonly Series[],
  lines: LineWriter,
  family: CompoundFamily,
): void {
  const buckets = series.filter(isBucket);
  const native = series.find(({ histogram }) => histogram !== undefined);
  for (const one of series) {
    const isOther = one.member === MEMBER.bucket ? !isBucket(one) : one.member > MEMBER.count;
    if (isOther && one !== native) family.omissions.count('wrong_member');
  }
  if (buckets.length === 0 && native?.histogram !== undefined) {
    return writeNative(native, native.histogram, lines, family);
  }
  const sum = series.find(({ member }) => member === MEMBER.sum);
  const count = series.find(({ member }) => member === MEMBER.count);
  const last = buckets.at(-1);
  const total = last?.bound === Infinity ? last : count;
  if (total === undefined) return family.omissions.count('incomplete_histogram');
  for (const bucket of buckets) {
    const { value } = bucket;
    lines.write(`${family.name}_bucket`, bucket, { value, exemplar: family.isOpenMetrics });
  }
  if (total !== last) {
    lines.write(`${family.name}_bucket`, total, { value: total.value, bound: '+Inf' });
  }
  // They say the same, and one may be newer than the other for a moment.
  const counted = { value: total.value };
  writeTotals({ sum, count, counted }, lines, family, (buckets[0]?.bound ?? 0) < 0);
}

/** Whether its bound is a number. */
function isBucket({ member, bound }: Series): boolean {
  return member === MEMBER.bucket && !Number.isNaN(bound);
}

interface Totals {
  readonly sum: Series | undefined;
  readonly count: Series | undefined;
  readonly counted: { readonly value: number };
}

/** OpenMetrics has both or none of them, and no sum of what may be negative. */
// oxlint-disable-next-line max-params -- one call per group
function writeTotals(
  { sum, count, counted }: Totals,
  lines: LineWriter,
  { name, isOpenMetrics }: CompoundFamily,
  isNegative: boolean,
): void {
  const isWhole = sum !== undefined && count !== undefined && !isNegative;
  if (!isOpenMetrics || isWhole) {
    if (sum !== undefined) lines.write(`${name}_sum`, sum, { value: sum.value });
    if (count !== undefined) lines.write(`${name}_count`, count, counted);
  }
  const started = count ?? sum;
  if (isOpenMetrics && started !== undefined) writeCreated(started, lines, name);
}

/** Writes the series of one summary, which are in their order. */
export function writeSummary(
  series: readonly Series[],
  lines: LineWriter,
  { name, isOpenMetrics, omissions }: CompoundFamily,
): void {
  let started: Series | undefined;
  for (const one of series) {
    const { member, value } = one;
    if (member === MEMBER.quantile) lines.write(name, one, { value });
    else if (member === MEMBER.sum) lines.write(`${name}_sum`, one, { value });
    else if (member === MEMBER.count) {
      lines.write(`${name}_count`, one, { value });
      started = one;
    } else omissions.count('wrong_member');
  }
  if (isOpenMetrics && started !== undefined) writeCreated(started, lines, name);
}

function writeCreated(series: Series, lines: LineWriter, name: string): void {
  const { startTimestamp } = series;
  if (startTimestamp > 0) lines.write(`${name}_created`, series, { value: startTimestamp / 1000 });
}

// oxlint-disable-next-line max-params -- one call per group
function writeNative(
  series: Series,
  histogram: Uint8Array,
  lines: LineWriter,
  { name, isOpenMetrics }: CompoundFamily,
): void {
  const { count, sum, buckets } = classicShapeOf(histogram);
  for (const [upper, value] of buckets) {
    const text = floatText(upper);
    const bound = isOpenMetrics ? canonicalBound(text) : text;
    lines.write(`${name}_bucket`, series, { value, bound });
  }
  lines.write(`${name}_bucket`, series, { value: count, bound: '+Inf' });
  if (!isOpenMetrics || (buckets[0]?.[0] ?? 0) >= 0) {
    lines.write(`${name}_sum`, series, { value: sum });
    lines.write(`${name}_count`, series, { value: count });
  }
  if (isOpenMetrics) writeCreated(series, lines, name);
}
