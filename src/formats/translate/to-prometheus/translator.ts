import { LRUCache } from 'lru-cache';
import { type Batch, withChunks } from '../../../contract/batch.ts';
import type { DropItems } from '../../../contract/component.ts';
import type { TranslationSettings } from '../../../contract/translation.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { LabelSetCache } from '../../prometheus/label-set-cache.ts';
import { findField, nextOf, POINT_KIND, RequestWalk, RESOURCE, SCOPE } from '../../otlp/walk.ts';
import { METRIC_TYPE } from '../metric-type.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { type Family, familyOf } from './family.ts';
import { writeHistogram } from './points/histograms.ts';
import type { LabelSet } from './label-set.ts';
import { type Metric, readMetric } from './metric.ts';
import { Names } from './names.ts';
import { writeExponential } from './points/native.ts';
import { writeNumber } from './points/numbers.ts';
import { Point, POINT_SHAPE } from './points/point.ts';
import { SeriesOutput } from './points/series-output.ts';
import { BoundLabels, type Sink, type Subject } from './points/sink.ts';
import { Labels, type ResourceSource, type Source, textOf, textsOf } from './source.ts';
import { writeSummary } from './points/summaries.ts';

const LABEL_CACHE_BYTES = 32 * 1024 * 1024;
const SOURCE_CACHE_BYTES = 16 * 1024 * 1024;
const FAMILY_CACHE_BYTES = 8 * 1024 * 1024;
const ENTRY_BYTES = 500;
const SCHEMA_URL = 3;

const NOTHING = new Uint8Array(0);

/** What is known while one batch is translated. */
interface Job {
  readonly sink: Sink;
  readonly families: Map<string, Family>;
  readonly targets: Map<string, { readonly set: LabelSet; time: number }>;
}

/**
 * Turns OTLP metrics into series of the `prometheus` form. Keeps what it knows of label sets,
 * sources and names from batch to batch, in caches that are bounded in bytes.
 */
export class OtlpToPrometheus {
  readonly #settings: TranslationSettings;
  readonly #names: Names;
  readonly #labels: Labels;
  readonly #bounds = new BoundLabels();
  readonly #walk = new RequestWalk();
  readonly #point = new Point();
  readonly #data = new FieldCursor();
  readonly #sets = new LabelSetCache<LabelSet>({
    maxBytes: LABEL_CACHE_BYTES,
    valueBytes: ({ bytes }) => bytes.length + ENTRY_BYTES,
  });
  readonly #sources = new LRUCache<string, Source>({
    maxSize: SOURCE_CACHE_BYTES,
    sizeCalculation: (_, key) => key.length * 4 + ENTRY_BYTES,
  });
  readonly #families = new LRUCache<string, Family>({
    maxSize: FAMILY_CACHE_BYTES,
    sizeCalculation: (_, key) => key.length * 8 + ENTRY_BYTES,
  });
  #nextSource = 0;

  constructor(settings: Partial<TranslationSettings> = {}) {
    this.#settings = { ...DEFAULT_SETTINGS, ...settings };
    this.#names = new Names(this.#settings.strategy, this.#settings.namespace);
    this.#labels = new Labels(this.#names, this.#settings);
  }

  /** Undefined when nothing of the batch can be said. Items are points before, samples after. */
  translate(batch: Batch, drop: DropItems): Batch | undefined {
    const { customBuckets } = this.#settings;
    const output = new SeriesOutput(Math.max(1024, batch.byteLength));
    const sink = { output, drop, names: this.#names, bounds: this.#bounds, customBuckets };
    const job: Job = { sink, families: new Map(), targets: new Map() };
    for (const chunk of batch.chunks) this.#chunk(chunk, job);
    this.#writeTargets(job);
    if (output.items === 0) {
      output.output.discard();
      return undefined;
    }
    const bytes = output.finish();
    return { ...withChunks(batch, [bytes], output.items), form: 'prometheus' };
  }

  #chunk(bytes: Uint8Array, job: Job): void {
    const walk = this.#walk.enter(bytes);
    while (walk.nextResource()) {
      const resource = findField(bytes, walk.resource, RESOURCE);
      while (walk.nextScope()) {
        const scope = findField(bytes, walk.scope, SCOPE);
        const source = this.#source(bytes, resource, scope);
        let latest = 0;
        while (walk.nextRecord()) latest = Math.max(latest, this.#metric(bytes, source, job));
        if (latest > 0) noteTarget(source.resource, latest, job);
      }
    }
  }

  /** The source of the scope the walk is in. */
  #source(bytes: Uint8Array, resource: Range | undefined, scope: Range | undefined): Source {
    const url = textOf(bytes, findField(bytes, this.#walk.scope, SCHEMA_URL));
    const about = latin1(bytes, resource);
    const key = `${about.length} ${url.length} ${about}${url}${latin1(bytes, scope)}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const attributes = resource === undefined ? new Map() : textsOf(bytes, resource, 1);
    const source: Source = {
      id: this.#nextSource++,
      resource: this.#labels.resource(attributes),
      scopeLabels: this.#labels.scope(bytes, scope, url),
    };
    this.#sources.set(key, source);
    return source;
  }

  /** Answers the time of the latest point that was written, 0 when none was. */
  #metric(bytes: Uint8Array, source: Source, job: Job): number {
    const metric = readMetric(bytes, this.#walk.record);
    if (POINT_KIND[metric.data] === undefined) return 0;
    const refusal = metric.refusal;
    const family = refusal === '' ? this.#family(metric) : undefined;
    const before = family === undefined ? undefined : job.families.get(family.facts.name);
    const isConflict = before !== undefined && before.facts.type !== family?.facts.type;
    if (family === undefined || isConflict) {
      const reason = isConflict ? 'conflicting_type' : refusal === '' ? 'invalid_name' : refusal;
      job.sink.drop(reason, this.#countPoints(bytes, metric));
      return 0;
    }
    const { metadata } = this.#settings;
    // Of two that say different things about a name the first is believed.
    const believed = before ?? family;
    const ofSeries = metadata === 'series' ? believed.seriesMetadata : NOTHING;
    const written = this.#points(bytes, metric, { family, source, metadata: ofSeries, job });
    if (written > 0 && before === undefined) {
      job.families.set(family.facts.name, family);
      if (metadata === 'families') {
        job.sink.output.output.append(family.familyMetadata, 0, family.familyMetadata.length);
      }
    }
    return written;
  }

  #points(bytes: Uint8Array, metric: Metric, about: About): number {
    const { sink } = about.job;
    const shape = POINT_SHAPE[metric.data]!;
    const point = this.#point;
    const walk = this.#walk;
    let latest = 0;
    walk.enterMetric();
    while (walk.nextData()) {
      if (walk.data.number !== metric.data) continue;
      while (walk.nextPoint()) {
        point.enter(bytes, walk.point.start, walk.point.end, shape);
        if (!this.#settings.startTimestamps) point.startTime = 0;
        const { items } = sink.output;
        const { family, metadata } = about;
        write(metric.data, point, { family, metadata, set: this.#set(about.source) }, sink);
        if (sink.output.items > items && point.time > latest) latest = point.time;
      }
    }
    return latest;
  }

  /** The labels of the current point, found by its source and its raw attributes. */
  #set(source: Source): LabelSet {
    const { attributeBytes, attributesStart, attributesEnd, shape } = this.#point;
    const { id } = source;
    const known = this.#sets.get(attributeBytes, attributesStart, attributesEnd, id);
    if (known !== undefined) return known;
    const range = { start: attributesStart, end: attributesEnd };
    const texts = textsOf(attributeBytes, range, shape.attributes);
    const set = this.#labels.series(texts, source);
    this.#sets.set(attributeBytes, attributesStart, attributesEnd, set, id);
    return set;
  }

  #family(metric: Metric): Family | undefined {
    const { name, unit, help, type, kind } = metric;
    const key = `${kind}${type} ${name.length} ${unit.length} ${name}${unit}${help}`;
    const known = this.#families.get(key);
    if (known !== undefined) return known;
    const named = this.#names.metric({ name, unit, kind });
    if (named === undefined) return undefined;
    const family = familyOf({ name: named.name, type, help, unit: named.unit });
    this.#families.set(key, family);
    return family;
  }

  #countPoints(bytes: Uint8Array, metric: Metric): number {
    let points = 0;
    const data = this.#data.enter(bytes, this.#walk.record.start, this.#walk.record.end);
    const inner = new FieldCursor();
    while (nextOf(data, metric.data)) {
      inner.enter(bytes, data.start, data.end);
      while (nextOf(inner, 1)) points++;
    }
    return points;
  }

  #writeTargets({ sink, targets }: Job): void {
    if (targets.size === 0) return;
    const name = this.#names.targetInfo;
    const family = familyOf({ name, type: METRIC_TYPE.info, help: 'Target metadata', unit: '' });
    const { metadata } = this.#settings;
    for (const { set, time } of targets.values()) {
      sink.output.begin(set, family.plain);
      sink.output.number(1, time, 0);
      sink.output.end(metadata === 'series' ? family.seriesMetadata : NOTHING);
    }
    if (metadata !== 'families') return;
    sink.output.output.append(family.familyMetadata, 0, family.familyMetadata.length);
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** What the points of one metric have in common. */
interface About {
  readonly family: Family;
  readonly source: Source;
  readonly metadata: Uint8Array;
  readonly job: Job;
}

/** By the number of the field of a metric that holds the points. */
// oxlint-disable-next-line max-params -- one call per point
function write(data: number, point: Point, subject: Subject, sink: Sink): void {
  if (data === 9) writeHistogram(point, subject, sink);
  else if (data === 10) writeExponential(point, subject, sink);
  else if (data === 11) writeSummary(point, subject, sink);
  else writeNumber(point, subject, sink);
}

function noteTarget(resource: ResourceSource, time: number, { targets }: Job): void {
  const { job, instance, target } = resource;
  if (target === undefined) return;
  const key = `${job.length} ${job}${instance}`;
  const known = targets.get(key);
  if (known === undefined) targets.set(key, { set: target, time });
  else known.time = Math.max(known.time, time);
}

function latin1(bytes: Uint8Array, range: Range | undefined): string {
  if (range === undefined) return '';
  const { start, end } = range;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
