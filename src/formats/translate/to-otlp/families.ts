import { LRUCache } from 'lru-cache';
import { FieldCursor, type FieldRange } from '../../../wire/cursor.ts';
import { readUint32 } from '../../../wire/varint.ts';
import { REQUEST } from '../../prometheus/schema.ts';
import { METRIC_TYPE } from '../metric-type.ts';

/** What metadata says of a family. */
export interface Facts {
  /** One of `METRIC_TYPE`. */
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** What a series is: its family, and which part of it. */
export interface Role extends Facts {
  /** Name of the family, which is the name of the metric. */
  readonly family: string;
  readonly part: 'whole' | 'bucket' | 'sum' | 'count' | 'quantile';
}

const MAX_BYTES = 8 * 1024 * 1024;
const ENTRY_BYTES = 200;
const UNKNOWN: Facts = { type: METRIC_TYPE.unknown, help: '', unit: '' };

// message MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
const FAMILY_FIELDS = { name: 2, help: 4, unit: 5 };
// message SeriesMetadata { MetricType type = 1; string help = 2; string unit = 3; }
const SERIES_FIELDS = { name: 0, help: 2, unit: 3 };

/**
 * Metadata of families by tenant. Remote-write 1.0 sends it now and then, apart from the series;
 * it is kept, within a bound in bytes, for the series that come later.
 */
export class Families {
  readonly #known = new LRUCache<string, Facts>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ help, unit }, key) =>
      ENTRY_BYTES + 2 * (key.length + help.length + unit.length),
  });

  /** Takes in the metadata of families in a chunk. */
  learn(tenant: string, chunk: Uint8Array): void {
    const top = new FieldCursor().enter(chunk);
    while (top.next()) {
      if (top.number !== REQUEST.metadata) continue;
      const { name, ...facts } = read(chunk, top, FAMILY_FIELDS);
      if (name !== '') this.#known.set(keyOf(tenant, name), facts);
    }
  }

  /** What a series of that name is; `metadata` is its own, where it has some. */
  roleOf(tenant: string, name: string, own: Facts | undefined): Role {
    // fast path: types whose series have no parts
    if (own !== undefined && own.type !== METRIC_TYPE.unknown && !hasParts(own.type))
      return { ...own, family: name, part: 'whole' };
    const [, stem = name, suffix = ''] = /^(.*)_(bucket|sum|count|total)$/s.exec(name) ?? [];
    const facts =
      own !== undefined && own.type !== METRIC_TYPE.unknown ? own : this.#find(tenant, name);
    if (facts !== undefined) return { ...facts, ...partOf(facts.type, name, stem, suffix) };
    const ofStem = suffix === '' ? undefined : this.#find(tenant, stem);
    if (ofStem !== undefined && fits(ofStem.type, suffix)) {
      return { ...ofStem, ...partOf(ofStem.type, name, stem, suffix) };
    }
    return { ...(own ?? UNKNOWN), family: name, part: 'whole' };
  }

  #find(tenant: string, name: string): Facts | undefined {
    return this.#known.get(keyOf(tenant, name));
  }
}

function hasParts(type: number): boolean {
  const { histogram, gaugehistogram, summary } = METRIC_TYPE;
  return type === histogram || type === gaugehistogram || type === summary;
}

/** The metadata that a series carries. */
export function readSeriesMetadata(chunk: Uint8Array, range: FieldRange): Facts {
  return read(chunk, range, SERIES_FIELDS);
}

// oxlint-disable-next-line max-params -- a name and what it is made of
function partOf(
  type: number,
  name: string,
  stem: string,
  suffix: string,
): Pick<Role, 'family' | 'part'> {
  const isHistogram = type === METRIC_TYPE.histogram || type === METRIC_TYPE.gaugehistogram;
  const isSummary = type === METRIC_TYPE.summary;
  if (isHistogram && suffix === 'bucket') return { family: stem, part: 'bucket' };
  if ((isHistogram || isSummary) && (suffix === 'sum' || suffix === 'count')) {
    return { family: stem, part: suffix };
  }
  return { family: name, part: isSummary ? 'quantile' : 'whole' };
}

/** Whether a series with this suffix may belong to the family without it. */
function fits(type: number, suffix: string): boolean {
  if (suffix === 'total') return type === METRIC_TYPE.counter;
  if (type === METRIC_TYPE.summary) return suffix !== 'bucket';
  return type === METRIC_TYPE.histogram || type === METRIC_TYPE.gaugehistogram;
}

function read(
  chunk: Uint8Array,
  { start, end }: FieldRange,
  numbers: typeof FAMILY_FIELDS,
): Facts & { readonly name: string } {
  let type = 0;
  let [name, help, unit] = ['', '', ''];
  const fields = new FieldCursor().enter(chunk, start, end);
  while (fields.next()) {
    const payload = chunk.subarray(fields.start, fields.end);
    if (fields.number === 1) type = readUint32(chunk, fields.start);
    else if (fields.number === numbers.name) name = decoder.decode(payload);
    else if (fields.number === numbers.help) help = decoder.decode(payload);
    else if (fields.number === numbers.unit) unit = decoder.decode(payload);
  }
  return { type, name, help, unit };
}

function keyOf(tenant: string, name: string): string {
  return `${tenant.length} ${tenant}${name}`;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
