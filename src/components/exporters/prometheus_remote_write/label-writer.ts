import type { Bytes } from '../../../contract/batch.ts';
import { LabelSetCache } from '../../../formats/prometheus/label-set-cache.ts';
import { Output } from '../../../formats/prometheus/output.ts';
import { LabelCursor, SeriesCursor } from '../../../formats/prometheus/walk.ts';
import { escapeLabelName, escapeMetricName, isLabelName, isMetricName } from './names.ts';

/** What becomes of label sets on their way out. */
export interface LabelWriterOptions {
  /** Given to series that have no label of that name. */
  readonly external: Readonly<Record<string, string>>;
  /** Whether names are limited to what remote-write 1.0 allows. */
  readonly legacyNames: boolean;
  /** For label sets that change. */
  readonly cacheBytes: number;
}

const SERIES_TAG = 0x0a;
const LABEL_TAG = 0x0a;
const NAME_TAG = 0x0a;
const VALUE_TAG = 0x12;
const METRIC_NAME = '__name__';
const METRIC_NAME_BYTES = Buffer.from(METRIC_NAME);
/** Not a label set: this one stays as it is. */
const UNCHANGED = new Uint8Array(0);

/**
 * Puts external labels into series and names of 1.0 in place of others. A label set that changes
 * pays for it once, as long as it is remembered; what does not change is copied as it came.
 */
export class LabelWriter {
  readonly #external: ReadonlyMap<string, string>;
  readonly #legacyNames: boolean;
  readonly #known: LabelSetCache<Uint8Array>;
  readonly #series = new SeriesCursor();
  readonly #labels = new LabelCursor();
  readonly #output = new Output(4096);

  constructor({ external, legacyNames, cacheBytes }: LabelWriterOptions) {
    const given = Object.entries(external).filter(([, value]) => value !== '');
    this.#external = new Map(
      given.map(([name, value]) => [legacyNames ? escapeLabelName(name) : name, value]),
    );
    this.#legacyNames = legacyNames;
    const valueBytes = (labels: Uint8Array) => labels.length;
    this.#known = new LabelSetCache({ maxBytes: cacheBytes, valueBytes });
  }

  /** The chunk with its labels written; the very same array when none of them changed. */
  write(chunk: Bytes): Bytes {
    if (this.#external.size === 0 && !this.#legacyNames) return chunk;
    const output = this.#output;
    // What an error left behind is of no use.
    output.backTo(0);
    let copied = 0;
    const series = this.#series.enter(chunk);
    while (series.next()) {
      const { start, labelsEnd, end } = series;
      const labels = this.#labelsOf(chunk, start, labelsEnd);
      if (labels === UNCHANGED) continue;
      output.append(chunk, copied, series.tagStart);
      output.reserve(6 + labels.length);
      output.byte(SERIES_TAG);
      output.varint(labels.length + end - labelsEnd);
      output.copy(labels, 0, labels.length);
      copied = labelsEnd;
    }
    if (copied === 0) return chunk;
    output.append(chunk, copied, chunk.length);
    return output.finish();
  }

  #labelsOf(chunk: Bytes, start: number, end: number): Uint8Array {
    // Names that are fit for 1.0 are found out faster than remembered.
    if (this.#external.size === 0 && this.#isLegacy(chunk, start, end)) return UNCHANGED;
    const known = this.#known.get(chunk, start, end);
    if (known !== undefined) return known;
    const labels = this.#rewritten(chunk, start, end);
    this.#known.set(chunk, start, end, labels);
    return labels;
  }

  #isLegacy(chunk: Bytes, start: number, end: number): boolean {
    const labels = this.#labels.enter(chunk, start, end);
    while (labels.next()) {
      const { nameStart, nameEnd, valueStart, valueEnd } = labels;
      if (!isLabelName(chunk, nameStart, nameEnd)) return false;
      if (!isNameOfMetric(chunk, nameStart, nameEnd)) continue;
      if (!isMetricName(chunk, valueStart, valueEnd)) return false;
    }
    return true;
  }

  #rewritten(chunk: Bytes, start: number, end: number): Uint8Array {
    const merged = new Map<string, string>();
    const from = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const labels = this.#labels.enter(chunk, start, end);
    while (labels.next()) {
      const name = from.toString('utf8', labels.nameStart, labels.nameEnd);
      const value = from.toString('utf8', labels.valueStart, labels.valueEnd);
      if (!this.#legacyNames) merged.set(name, value);
      else if (name === METRIC_NAME) merged.set(name, escapeMetricName(value));
      else {
        const escaped = escapeLabelName(name);
        const other = merged.get(escaped);
        merged.set(escaped, other === undefined ? value : `${other};${value}`);
      }
    }
    for (const [name, value] of this.#external) if (!merged.has(name)) merged.set(name, value);
    const bytes = encode(merged);
    const isSame = Buffer.compare(bytes, from.subarray(start, end)) === 0;
    return isSame ? UNCHANGED : bytes;
  }
}

function isNameOfMetric(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== METRIC_NAME_BYTES.length) return false;
  for (let i = 0; i < METRIC_NAME_BYTES.length; i++) {
    if (bytes[start + i] !== METRIC_NAME_BYTES[i]) return false;
  }
  return true;
}

/** Labels as fields of a series, sorted by the bytes of their names. */
function encode(labels: ReadonlyMap<string, string>): Uint8Array {
  const pairs = [...labels].map(
    ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
  );
  pairs.sort(([left], [right]) => Buffer.compare(left, right));
  const output = new Output(1024);
  for (const [name, value] of pairs) {
    const label = output.open(LABEL_TAG, 1);
    output.delimited(NAME_TAG, name, 0, name.length);
    output.delimited(VALUE_TAG, value, 0, value.length);
    output.close(label, 1);
  }
  // Of a size of its own, because it is remembered for long.
  const bytes = output.bytes.slice(0, output.length);
  output.discard();
  return bytes;
}
