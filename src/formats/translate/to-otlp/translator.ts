import { type Batch, withChunks } from '../../../contract/batch.ts';
import type { DropItems } from '../../../contract/component.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { LabelSetCache } from '../../prometheus/label-set-cache.ts';
import { areEqual } from '../../prometheus/ranges.ts';
import { SERIES } from '../../prometheus/schema.ts';
import { SeriesCursor } from '../../prometheus/walk.ts';
import { isStale, METRIC_TYPE } from '../metric-type.ts';
import { type Facts, Families, readSeriesMetadata, type Role } from './families.ts';
import { DATA, type DataKind, Groups, type SeriesRef } from './groups.ts';
import { type Identity, identityOf } from './identity.ts';
import { CUSTOM_BUCKETS, schemaOf } from './native-points.ts';
import { RequestWriter } from './request-writer.ts';
import { Targets } from './targets.ts';

const LABEL_CACHE_BYTES = 32 * 1024 * 1024;
const TARGET_INFO = 'target_info';

/** What one series holds beside its labels. */
interface Contents {
  samples: number;
  histograms: number;
  /** Whether its first histogram has buckets of its own bounds. */
  isCustom: boolean;
  /** Where the value of the last sample is; -1 when there is none. */
  lastValueAt: number;
  metadata: Facts | undefined;
}

/**
 * Turns series of the `prometheus` form into OTLP metrics. Keeps what it knows of label sets,
 * families and targets from batch to batch, bounded in bytes; the last two by tenant.
 */
export class PrometheusToOtlp {
  readonly #families = new Families();
  readonly #targets = new Targets();
  readonly #series = new SeriesCursor();
  readonly #fields = new FieldCursor();
  readonly #inner = new FieldCursor();
  #lastMetadata: { readonly bytes: Uint8Array; readonly facts: Facts } = {
    bytes: new Uint8Array(0),
    facts: { type: METRIC_TYPE.unknown, help: '', unit: '' },
  };
  readonly #identities = new LabelSetCache<Identity>({
    maxBytes: LABEL_CACHE_BYTES,
    valueBytes: ({ encoded, attributes }) => 600 + 2 * encoded.length + 100 * attributes.length,
  });

  /** Undefined when nothing of the batch can be said. Items are samples before, points after. */
  translate(batch: Batch, drop: DropItems): Batch | undefined {
    const { tenant } = batch.origin;
    const groups = new Groups();
    for (const chunk of batch.chunks) this.#families.learn(tenant, chunk);
    for (const chunk of batch.chunks) {
      const series = this.#series.enter(chunk);
      while (series.next()) this.#place(chunk, tenant, groups, drop);
    }
    const writer = new RequestWriter(batch.byteLength * 2 + 1024, drop);
    for (const { resource, scopes } of groups.resources.values()) {
      writer.resource(this.#targets.resourceOf(tenant, resource), scopes.values());
    }
    const { bytes, points } = writer.finish();
    if (bytes === undefined) return undefined;
    return { ...withChunks(batch, [bytes], points), form: 'otlp' };
  }

  /** Puts the current series into the group of its metric, or takes in what it says of a target. */
  // oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
  #place(chunk: Uint8Array, tenant: string, groups: Groups, drop: DropItems): void {
    const { start, labelsEnd, end } = this.#series;
    const contents = this.#look(chunk, labelsEnd, end);
    const identity = this.#identity(chunk, start, labelsEnd);
    if (identity.name === TARGET_INFO) {
      const { lastValueAt } = contents;
      const isGone = lastValueAt >= 0 && isStale(chunk, lastValueAt);
      const said = isGone ? undefined : identity.attributes;
      if (lastValueAt >= 0) this.#targets.learn(tenant, identity.resource, said);
      return;
    }
    const role = this.#families.roleOf(tenant, identity.name, contents.metadata);
    const ref: SeriesRef = { chunk, start: labelsEnd, end, identity, role };
    if (contents.samples > 0) placeSamples(ref, contents.samples, groups, drop);
    if (contents.histograms > 0) {
      const data = contents.isCustom ? DATA.histogram : DATA.exponential;
      const whole: Role = { ...role, family: identity.name, type: METRIC_TYPE.histogram };
      groups.metric(identity, whole, data).natives.push(ref);
    }
  }

  #identity(chunk: Uint8Array, start: number, labelsEnd: number): Identity {
    const known = this.#identities.get(chunk, start, labelsEnd);
    if (known !== undefined) return known;
    const identity = identityOf(chunk, start, labelsEnd);
    this.#identities.set(chunk, start, labelsEnd, identity);
    return identity;
  }

  /** Series of one family come one after the other and say the same. */
  #facts(chunk: Uint8Array, start: number, end: number): Facts {
    const { bytes, facts } = this.#lastMetadata;
    const isSame = end - start === bytes.length && areEqual(bytes, 0, chunk, start, bytes.length);
    if (isSame) return facts;
    const read = readSeriesMetadata(chunk, { tagStart: start, start, end });
    this.#lastMetadata = { bytes: chunk.slice(start, end), facts: read };
    return read;
  }

  #look(chunk: Uint8Array, labelsEnd: number, end: number): Contents {
    const contents: Contents = {
      samples: 0,
      histograms: 0,
      isCustom: false,
      lastValueAt: -1,
      metadata: undefined,
    };
    const fields = this.#fields.enter(chunk, labelsEnd, end);
    while (fields.next()) {
      if (fields.number === SERIES.sample) {
        contents.samples++;
        const inner = this.#inner.enter(chunk, fields.start, fields.end);
        while (inner.next()) if (inner.number === 1) contents.lastValueAt = inner.start;
      } else if (fields.number === SERIES.histogram) {
        if (contents.histograms++ === 0)
          contents.isCustom = schemaOf(chunk, fields) === CUSTOM_BUCKETS;
      } else if (fields.number === SERIES.metadata) {
        contents.metadata = this.#facts(chunk, fields.start, fields.end);
      }
    }
    return contents;
  }
}

// oxlint-disable-next-line max-params -- one call per series: an object would be an allocation
function placeSamples(ref: SeriesRef, samples: number, groups: Groups, drop: DropItems): void {
  const { identity, role } = ref;
  if (role.type === METRIC_TYPE.gaugehistogram) {
    drop('gauge_histogram', samples);
    return;
  }
  groups.metric(identity, role, dataOf(role)).samples.push(ref);
}

function dataOf({ type, part }: Role): DataKind {
  switch (type) {
    case METRIC_TYPE.counter:
    case METRIC_TYPE.info:
    case METRIC_TYPE.stateset:
      return DATA.sum;
    case METRIC_TYPE.summary:
      return DATA.summary;
    case METRIC_TYPE.histogram:
      return part === 'whole' ? DATA.gauge : DATA.histogram;
    default:
      return DATA.gauge;
  }
}
