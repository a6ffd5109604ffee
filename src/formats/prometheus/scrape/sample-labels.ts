import type { Bytes } from '../../../contract/batch.ts';
import { isValidUtf8 } from '../../../wire/utf8.ts';
import { Output } from '../output.ts';
import { isLabelName, type Naming } from '../relabel/label-name.ts';
import type { Label } from '../relabel/label-set.ts';
import type { RelabelRules } from '../relabel/rules.ts';
import { SeriesLabels } from '../relabel/series-labels.ts';
import {
  compareNames,
  isEmpty,
  isNamed,
  type LabelRef,
  labelRef,
  merged,
  nameText,
  readLabels,
  sortLabels,
  writeLabels,
} from './label-refs.ts';
import { METRIC_TYPE } from '../../translate/metric-type.ts';
import { NumberReader, openMetricsNumber } from './text/number-reader.ts';
import { ScrapeError } from './scrape-error.ts';
import { type SeriesText, unescape } from './text/series-text.ts';

/** What becomes of the labels of a page. */
export interface SampleLabelOptions {
  /** Of the target, none of them empty. */
  readonly target: readonly Label[];
  /** Whether a label of the page wins over one of the target. */
  readonly honorLabels: boolean;
  /** `metric_relabel_configs`. */
  readonly rules?: RelabelRules;
  /** Added where a series has none of that name. */
  readonly external: readonly Label[];
  readonly naming: Naming;
  /** 0: no limit. */
  readonly limits: {
    readonly labels: number;
    readonly nameBytes: number;
    readonly valueBytes: number;
  };
}

const NAME = '__name__';
const LEGACY_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** Distinct values of `le` and `quantile` that are remembered. */
const MAX_BOUNDS = 1000;
const CONFLICT_PREFIX = 'exported_';

/** Makes the labels of a series from what a page says and what is known of the target. */
export class SampleLabels {
  readonly #options: SampleLabelOptions;
  readonly #target: readonly LabelRef[];
  readonly #external: readonly LabelRef[];
  readonly #relabelled = new SeriesLabels();
  readonly #numbers = new NumberReader();
  /** Values of `le` and `quantile` as they are written. */
  readonly #bounds = new Map<string, Uint8Array>();
  /** Whether nothing has to be known of labels after they were put together. */
  readonly #isSimple: boolean;

  constructor(options: SampleLabelOptions) {
    this.#options = options;
    const { limits, naming, external } = options;
    const { labels: count, nameBytes, valueBytes } = limits;
    this.#isSimple =
      count + nameBytes + valueBytes === 0 && naming === 'utf8' && external.length === 0;
    const sorted = (labels: readonly Label[]) =>
      labels.map(({ name, value }) => labelRef(name, value)).sort(compareNames);
    this.#target = sorted(options.target);
    this.#external = sorted(options.external);
  }

  /**
   * The labels of a series that was read, as the form has them, until the next call; undefined
   * when a rule drops it. `type` is that of its family. Throws `ScrapeError` for labels that fail
   * the whole page.
   */
  of(page: Uint8Array, text: SeriesText, type: number): Uint8Array | undefined {
    const exposed = this.#exposed(page, text, type);
    const own = this.#options.honorLabels
      ? merged(exposed, this.#target)
      : merged(this.#target, this.#renamed(exposed));
    const { rules } = this.#options;
    if (rules === undefined && this.#isSimple) {
      if (text.nameStart === text.nameEnd) throw NAMELESS;
      return encoded(own);
    }
    let bytes = encoded(own).slice();
    if (rules !== undefined) {
      const after = this.#relabel(bytes, rules);
      if (after === undefined) return undefined;
      bytes = after;
    }
    const labels = readLabels(bytes, 0, bytes.length);
    this.#check(labels);
    return this.#external.length === 0 ? bytes : encoded(merged(labels, this.#external));
  }

  /** Labels of a series that the scrape itself makes, such as `up`, until the next call. */
  ofReport(name: string): Uint8Array {
    return encoded(merged(merged([labelRef(NAME, name)], this.#target), this.#external));
  }

  /** The labels of the page, sorted; a value may be empty. */
  #exposed(page: Uint8Array, text: SeriesText, type: number): LabelRef[] {
    const { ranges, isEscaped, isWide } = text;
    if (isWide) checkText(page, text);
    const wanted = type === METRIC_TYPE.histogram ? LE : QUANTILE;
    const isNumbered = type === METRIC_TYPE.histogram || type === METRIC_TYPE.summary;
    const labels = [metricName(page, text)];
    for (let at = 0; at < ranges.length; at += 4) {
      const nameStart = ranges[at]!;
      const nameEnd = ranges[at + 1]!;
      const valueStart = ranges[at + 2]!;
      const valueEnd = ranges[at + 3]!;
      if (nameStart === nameEnd) throw invalid('a label has an empty name');
      const raw = { name: page, nameStart, nameEnd, value: page, valueStart, valueEnd };
      const label = isEscaped ? unescaped(raw) : raw;
      labels.push(isNumbered && isNamed(label, wanted) ? this.#normal(label) : label);
    }
    sortLabels(labels);
    for (let at = 1; at < labels.length; at++) {
      if (compareNames(labels[at - 1]!, labels[at]!) !== 0) continue;
      throw invalid(`the label ${JSON.stringify(nameText(labels[at]!))} is there twice`);
    }
    return labels;
  }

  /** `le` and `quantile` are written one way, whoever writes them: `1` is `1.0`. */
  #normal(label: LabelRef): LabelRef {
    const { value, valueStart, valueEnd } = label;
    const text = Buffer.from(value.buffer, value.byteOffset + valueStart, valueEnd - valueStart);
    const key = text.toString('latin1');
    let known = this.#bounds.get(key);
    if (known === undefined) {
      const line = Buffer.concat([text, NEWLINE]);
      const number = this.#numbers.read(line, 0);
      const isNumber = this.#numbers.end === line.length - 1;
      known = isNumber ? encoder.encode(openMetricsNumber(number)) : Uint8Array.from(text);
      if (this.#bounds.size < MAX_BOUNDS) this.#bounds.set(key, known);
    }
    const { name, nameStart, nameEnd } = label;
    return { name, nameStart, nameEnd, value: known, valueStart: 0, valueEnd: known.length };
  }

  /** The labels of the page with those renamed that the target has, too, unless they are empty. */
  #renamed(exposed: readonly LabelRef[]): readonly LabelRef[] {
    const target = this.#target;
    let conflicts: LabelRef[] | undefined;
    for (const own of target)
      for (const label of exposed)
        if (compareNames(own, label) === 0 && !isEmpty(label)) (conflicts ??= []).push(label);
    if (conflicts === undefined) return exposed;
    const names = new Set([...exposed, ...target].map(nameText));
    const renamed: LabelRef[] = [];
    for (const label of conflicts.toSorted((a, b) => nameText(a).length - nameText(b).length)) {
      let name = nameText(label);
      do name = CONFLICT_PREFIX + name;
      while (names.has(name));
      names.add(name);
      const { name: bytes, nameStart, nameEnd } = labelRef(name, '');
      renamed.push({ ...label, name: bytes, nameStart, nameEnd });
    }
    return [...exposed, ...renamed].sort(compareNames);
  }

  #relabel(bytes: Bytes, rules: RelabelRules): Bytes | undefined {
    const labels = this.#relabelled;
    labels.begin(bytes);
    labels.enter(0, bytes.length);
    if (!rules.apply(labels)) return undefined;
    const patch = labels.finish();
    if (patch === undefined) return bytes;
    const tail = bytes.length - patch.suffix;
    const out = new Uint8Array(patch.prefix + patch.bytes.length + patch.suffix);
    out.set(bytes.subarray(0, patch.prefix));
    out.set(patch.bytes, patch.prefix);
    out.set(bytes.subarray(tail), patch.prefix + patch.bytes.length);
    return out;
  }

  #check(labels: readonly LabelRef[]): void {
    const { limits, naming } = this.#options;
    if (limits.labels > 0 && labels.length > limits.labels)
      throw overLimit(`a series has ${labels.length} labels; label_limit is ${limits.labels}`);
    let hasName = false;
    for (const label of labels) {
      const nameBytes = label.nameEnd - label.nameStart;
      const valueBytes = label.valueEnd - label.valueStart;
      if (limits.nameBytes > 0 && nameBytes > limits.nameBytes)
        throw overLimit(
          `the label name ${quoted(label)} has ${nameBytes} bytes; label_name_length_limit is ${limits.nameBytes}`,
        );
      if (limits.valueBytes > 0 && valueBytes > limits.valueBytes)
        throw overLimit(
          `a value of the label ${quoted(label)} has ${valueBytes} bytes; label_value_length_limit is ${limits.valueBytes}`,
        );
      hasName ||= isNamed(label, NAME_LABEL.name);
      if (naming === 'legacy') checkLegacy(label);
    }
    if (!hasName) throw NAMELESS;
  }
}

function checkLegacy(label: LabelRef): void {
  const name = nameText(label);
  const value = new TextDecoder().decode(label.value.subarray(label.valueStart, label.valueEnd));
  const isValid = name === NAME ? LEGACY_METRIC.test(value) : isLabelName(name, 'legacy');
  if (isValid) return;
  const what =
    name === NAME ? `metric name ${JSON.stringify(value)}` : `label name ${quoted(label)}`;
  throw invalid(`the ${what} has characters that metric_name_validation_scheme legacy forbids`);
}

function metricName(page: Uint8Array, text: SeriesText): LabelRef {
  const { nameStart: valueStart, nameEnd: valueEnd } = text;
  const label = { ...NAME_LABEL, value: page, valueStart, valueEnd };
  return text.isEscaped ? unescaped(label) : label;
}

function unescaped(label: LabelRef): LabelRef {
  const name = unescape(label.name, label.nameStart, label.nameEnd);
  const value = unescape(label.value, label.valueStart, label.valueEnd);
  return {
    name,
    nameStart: 0,
    nameEnd: name.length,
    value,
    valueStart: 0,
    valueEnd: value.length,
  };
}

function checkText(page: Uint8Array, { nameStart, nameEnd, ranges }: SeriesText): void {
  if (!isValidUtf8(page, nameStart, nameEnd)) throw invalid('the name of a metric is not UTF-8');
  for (let at = 0; at < ranges.length; at += 2)
    if (!isValidUtf8(page, ranges[at]!, ranges[at + 1]!)) throw invalid('a label is not UTF-8');
}

/** Sorted labels as the form has them, until the next call. */
function encoded(labels: readonly LabelRef[]): Uint8Array<ArrayBuffer> {
  scratch.backTo(0);
  writeLabels(scratch, labels);
  return scratch.bytes.subarray(0, scratch.length);
}

function quoted(label: LabelRef): string {
  return JSON.stringify(nameText(label).slice(0, 80));
}

function invalid(message: string): ScrapeError {
  return new ScrapeError('invalid_labels', message);
}

function overLimit(message: string): ScrapeError {
  return new ScrapeError('label_limit', message);
}

const NAME_LABEL = labelRef(NAME, '');
const NEWLINE = Buffer.from('\n');
const encoder = new TextEncoder();
const LE = encoder.encode('le');
const QUANTILE = encoder.encode('quantile');
const NAMELESS = invalid('a series is without a metric name');
const scratch = new Output(4096);
