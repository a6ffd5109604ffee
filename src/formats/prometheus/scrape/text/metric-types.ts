import { areEqual } from '../../ranges.ts';
import { METRIC_TYPE } from '../../../translate/metric-type.ts';

const CLASSIC = new Set(['counter', 'gauge', 'histogram', 'summary']);

/** The number of a type by its word in a TYPE line; undefined for what is no type there. */
export function typeOf(word: string, isOpenMetrics: boolean): number | undefined {
  if (word === 'untyped') return isOpenMetrics ? undefined : METRIC_TYPE.unknown;
  const isKnown = isOpenMetrics ? Object.hasOwn(METRIC_TYPE, word) : CLASSIC.has(word);
  return isKnown ? METRIC_TYPE[word as keyof typeof METRIC_TYPE] : undefined;
}

/** What names of series of a family add to its name. */
const SUFFIXES: Readonly<Record<number, readonly Uint8Array[]>> = {
  [METRIC_TYPE.counter]: suffixes('', '_total'),
  [METRIC_TYPE.histogram]: suffixes('_bucket', '_sum', '_count', ''),
  [METRIC_TYPE.gaugehistogram]: suffixes('_bucket', '_gsum', '_gcount', ''),
  [METRIC_TYPE.summary]: suffixes('', '_sum', '_count'),
  [METRIC_TYPE.info]: suffixes('_info', ''),
};
const NONE = suffixes('');

function suffixes(...texts: readonly string[]): readonly Uint8Array[] {
  return texts.map((text) => Buffer.from(text));
}

/** Whether a name, from `start` to `end`, is that of a series of the family. */
// oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
export function isOfFamily(
  name: Uint8Array,
  start: number,
  end: number,
  family: Uint8Array,
  type: number,
): boolean {
  const length = end - start;
  if (length < family.length || !areEqual(name, start, family, 0, family.length)) return false;
  for (const suffix of SUFFIXES[type] ?? NONE) {
    if (length !== family.length + suffix.length) continue;
    if (areEqual(name, start + family.length, suffix, 0, suffix.length)) return true;
  }
  return false;
}
