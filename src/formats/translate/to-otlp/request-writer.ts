import type { Bytes } from '../../../contract/batch.ts';
import type { DropItems } from '../../../contract/component.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { Writer } from '../../../wire/writer.ts';
import { Output } from '../../prometheus/output.ts';
import { SERIES } from '../../prometheus/schema.ts';
import { isStale, METRIC_TYPE, nameOfType, TYPE_KEY } from '../metric-type.ts';
import { unitOfWords } from '../units.ts';
import { assemblePoints } from './classic-points.ts';
import { exemplarsOf } from './exemplars.ts';
import { DATA, type MetricGroup, type ScopeGroup, type SeriesRef } from './groups.ts';
import { type ScopeIdentity, writeAttributes } from './identity.ts';
import {
  CUSTOM_BUCKETS,
  customPoint,
  exponentialPoint,
  readNative,
  refusalOf,
} from './native-points.ts';
import { writeNumberPoints } from './number-points.ts';

/** The name of the scope of series that say nothing of theirs. */
const OWN_SCOPE = 'millrace';

/** Tags of length-delimited fields, and bytes guessed for their lengths. */
const RESOURCE_METRICS = 0x0a;
const RESOURCE = 0x0a;
const SCOPE_METRICS = 0x12;
const METRIC = 0x12;
const LONG = 3;
const CUMULATIVE = Uint8Array.of(0x10, 2);
const MONOTONIC = Uint8Array.of(0x18, 1);
const EXEMPLARS = { histogram: 8, exponential: 11 } as const;

/** Writes an OTLP metrics request, resource by resource. */
export class RequestWriter {
  readonly #output: Output;
  readonly #drop: DropItems;
  #points = 0;

  constructor(capacity: number, drop: DropItems) {
    this.#output = new Output(capacity);
    this.#drop = drop;
  }

  /** `resource` is the Resource, encoded. Writes nothing when no point comes of it. */
  resource(resource: Uint8Array, scopes: Iterable<ScopeGroup>): void {
    const output = this.#output;
    const [before, points] = [output.length, this.#points];
    const message = output.open(RESOURCE_METRICS, LONG);
    output.delimited(RESOURCE, resource, 0, resource.length);
    for (const { scope, metrics } of scopes) this.#scope(scope, metrics.values());
    output.close(message, LONG);
    if (this.#points === points) output.backTo(before);
  }

  /** The request, held by the caller; none when there are no points. */
  finish(): { readonly bytes: Bytes | undefined; readonly points: number } {
    if (this.#points > 0) return { bytes: this.#output.finish(), points: this.#points };
    this.#output.discard();
    return { bytes: undefined, points: 0 };
  }

  // message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
  #scope(scope: ScopeIdentity, metrics: Iterable<MetricGroup>): void {
    const output = this.#output;
    const [before, points] = [output.length, this.#points];
    const message = output.open(SCOPE_METRICS, LONG);
    const head = headOf(scope);
    output.append(head, 0, head.length);
    for (const group of metrics) this.#metric(group);
    output.close(message, LONG);
    if (this.#points === points) output.backTo(before);
  }

  // message Metric { string name = 1; string description = 2; string unit = 3; oneof data { … } repeated KeyValue metadata = 12; }
  #metric(group: MetricGroup): void {
    const output = this.#output;
    const { role, data } = group;
    const [before, points] = [output.length, this.#points];
    const message = output.open(METRIC, LONG);
    const writer = new Writer().string(1, role.family);
    if (role.help !== '') writer.string(2, role.help);
    if (role.unit !== '') writer.string(3, unitOfWords(role.unit));
    writeAttributes(writer, [[TYPE_KEY, nameOfType(role.type)]], 12);
    const head = writer.finish();
    output.append(head, 0, head.length);
    const inner = output.open(data * 8 + 2, LONG);
    this.#data(group);
    if (data !== DATA.gauge && data !== DATA.summary) output.append(CUMULATIVE, 0, 2);
    if (data === DATA.sum && role.type === METRIC_TYPE.counter) output.append(MONOTONIC, 0, 2);
    output.close(inner, LONG);
    output.close(message, LONG);
    if (this.#points === points) output.backTo(before);
  }

  #data(group: MetricGroup): void {
    const { data, samples, natives } = group;
    if (data === DATA.histogram || data === DATA.summary) {
      for (const point of assemblePoints(group, this.#drop)) this.#append(point);
    } else {
      for (const series of samples)
        this.#points += writeNumberPoints(this.#output, series, this.#drop);
    }
    for (const series of natives) this.#natives(series, data);
  }

  #natives(series: SeriesRef, data: number): void {
    const { chunk, start, end, identity } = series;
    const { attributes } = identity;
    const isCustom = data === DATA.histogram;
    const number = isCustom ? EXEMPLARS.histogram : EXEMPLARS.exponential;
    let exemplars = exemplarsOf(chunk, series, number);
    const fields = new FieldCursor().enter(chunk, start, end);
    while (fields.next()) {
      if (fields.number !== SERIES.histogram) continue;
      const native = readNative(chunk, fields);
      const isOther = (native.schema === CUSTOM_BUCKETS) !== isCustom && !isStale(native.sum, 0);
      const refusal = isOther ? 'mixed_histograms' : refusalOf(native);
      if (refusal !== '') {
        this.#drop(refusal, 1);
        continue;
      }
      this.#append(
        isCustom
          ? customPoint(native, attributes, exemplars)
          : exponentialPoint(native, attributes, exemplars),
      );
      exemplars = NOTHING;
    }
  }

  #append(point: Uint8Array): void {
    this.#output.append(point, 0, point.length);
    this.#points++;
  }
}

// message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }
function headOf(scope: ScopeIdentity): Uint8Array {
  const { name, version, schemaUrl, attributes } = scope;
  const writer = new Writer().open(1);
  const isSilent = name === '' && version === '' && schemaUrl === '' && attributes.length === 0;
  if (isSilent) writer.string(1, OWN_SCOPE);
  if (name !== '') writer.string(1, name);
  if (version !== '') writer.string(2, version);
  writeAttributes(writer, attributes, 3);
  writer.close();
  if (schemaUrl !== '') writer.string(3, schemaUrl);
  return writer.finish();
}

const NOTHING: Uint8Array = new Uint8Array(0);
