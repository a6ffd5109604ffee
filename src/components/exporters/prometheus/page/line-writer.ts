import type { TextFormat } from '../../../../formats/prometheus/text/accept.ts';
import { Blocks } from '../../../../formats/prometheus/text/blocks.ts';
import {
  escapeLabelName,
  isLabelName,
  isMetricName,
  quoted,
} from '../../../../formats/prometheus/text/escaping.ts';
import {
  canonicalBound,
  secondsText,
  valueText,
} from '../../../../formats/prometheus/text/number-text.ts';
import { boundNameOf } from '../../../../formats/prometheus/membership.ts';
import { areEqual } from '../../../../formats/prometheus/ranges.ts';
import { LabelCursor } from '../../../../formats/prometheus/walk.ts';
import type { Series } from '../store/series.ts';
import { exemplarOf } from './exemplar.ts';

/** Labels that are added to every series of a tenant. */
export interface AddedLabels {
  /** Not given to series that have one of the name. */
  readonly constant: Readonly<Record<string, string>>;
  /** Wins over a label of the name, which becomes `exported_…`. */
  readonly tenant?: { readonly name: string; readonly value: string };
}

/** What a line says of a series beside its labels. */
export interface Line {
  readonly value: number;
  /** In place of its `le`, or where it has none. */
  readonly bound?: string;
  /** Whether the newest exemplar may stand here. */
  readonly exemplar?: boolean;
}

const [COMMA, OPEN, CLOSE, EQUALS, SPACE, NEWLINE] = [0x2c, 0x7b, 0x7d, 0x3d, 0x20, 0x0a] as const;
const NAME = Buffer.from('__name__');
const LE = Buffer.from('le');

/** Writes samples as lines of one format. */
export class LineWriter {
  readonly blocks = new Blocks();
  readonly #format: TextFormat;
  readonly #isOpenMetrics: boolean;
  readonly #sendTimestamps: boolean;
  readonly #labels = new LabelCursor();
  // Of the last line: most are of the same name as the one before.
  #name = '';
  #isOld = false;
  #added: AddedLabels = { constant: {} };
  /** Of those, as they stand behind others. */
  #addedText: Uint8Array = new Uint8Array(0);

  constructor(format: TextFormat, sendTimestamps: boolean) {
    this.#format = format;
    this.#isOpenMetrics = format.kind === 'openmetrics';
    this.#sendTimestamps = sendTimestamps;
  }

  /** Lines from here on get these labels. */
  add(added: AddedLabels): void {
    this.#added = added;
    const pairs = Object.entries(added.constant);
    if (added.tenant !== undefined) pairs.push([added.tenant.name, added.tenant.value]);
    this.#addedText = Buffer.from(
      pairs.map(([name, value]) => `,${name}=${quoted(value)}`).join(''),
    );
  }

  /** The line of a sample with this name, which is escaped already. */
  write(name: string, series: Series, { value, bound, exemplar }: Line): void {
    const { blocks } = this;
    if (name !== this.#name) {
      this.#name = name;
      this.#isOld = isMetricName(name);
    }
    const isOld = this.#isOld;
    if (isOld) blocks.ascii(name);
    else {
      blocks.byte(OPEN);
      blocks.text(quoted(name));
    }
    const isSimple = series.group.isSimple && this.#format.escaping !== 'dots';
    const isOpen = isSimple
      ? this.#labelsOf(series, bound, !isOld)
      : this.#anyLabelsOf(series, bound, !isOld);
    if (isOpen) blocks.byte(CLOSE);
    blocks.byte(SPACE);
    blocks.ascii(valueText(value));
    if (this.#sendTimestamps) {
      const { timestamp } = series;
      blocks.byte(SPACE);
      blocks.ascii(this.#isOpenMetrics ? secondsText(timestamp) : String(timestamp));
    }
    if (exemplar === true && series.exemplar !== undefined) {
      blocks.text(exemplarOf(series.exemplar, this.#format.escaping));
    }
    blocks.byte(NEWLINE);
  }

  /** Answers whether there is a brace to close. */
  #labelsOf({ labels, member }: Series, bound: string | undefined, isAfter: boolean): boolean {
    const { blocks } = this;
    const boundName = bound === undefined ? boundNameOf(member) : LE;
    let separator: number = isAfter ? COMMA : OPEN;
    const cursor = this.#labels.enter(labels, 0, labels.length);
    while (cursor.next()) {
      const { nameStart, nameEnd, valueStart, valueEnd } = cursor;
      if (isNamed(NAME, labels, cursor)) continue;
      const isBound = isNamed(boundName, labels, cursor);
      if (isBound && bound !== undefined) continue;
      blocks.byte(separator);
      separator = COMMA;
      blocks.copy(labels, nameStart, nameEnd);
      blocks.byte(EQUALS);
      if (isBound && this.#isOpenMetrics) blocks.text(quoted(this.#canonical(labels, cursor)));
      else blocks.quoted(labels, valueStart, valueEnd);
    }
    const added = this.#addedText;
    if (added.length > 0) {
      blocks.byte(separator);
      separator = COMMA;
      blocks.copy(added, 1, added.length);
    }
    if (bound !== undefined) {
      blocks.byte(separator);
      separator = COMMA;
      blocks.ascii(`le="${bound}"`);
    }
    return separator === COMMA;
  }

  /** The same where names are to be escaped, or meet those that are added. */
  #anyLabelsOf({ labels, member }: Series, bound: string | undefined, isAfter: boolean): boolean {
    const { escaping } = this.#format;
    const { constant, tenant } = this.#added;
    const boundName = bound === undefined ? boundNameOf(member) : LE;
    const tenantName = tenant && escapeLabelName(tenant.name, escaping);
    const pairs = new Map<string, string>();
    const cursor = this.#labels.enter(labels, 0, labels.length);
    while (cursor.next()) {
      const { nameStart, nameEnd, valueStart, valueEnd } = cursor;
      const isBound = isNamed(boundName, labels, cursor);
      if (isNamed(NAME, labels, cursor) || (isBound && bound !== undefined)) continue;
      const escaped = escapeLabelName(textOf(labels, nameStart, nameEnd), escaping);
      const name = escaped === tenantName ? `exported_${escaped}` : escaped;
      const value =
        isBound && this.#isOpenMetrics
          ? this.#canonical(labels, cursor)
          : textOf(labels, valueStart, valueEnd);
      const before = pairs.get(name);
      pairs.set(name, before === undefined ? value : `${before};${value}`);
    }
    for (const [name, value] of Object.entries(constant)) {
      const escaped = escapeLabelName(name, escaping);
      if (!pairs.has(escaped)) pairs.set(escaped, value);
    }
    if (tenant !== undefined && tenantName !== undefined) pairs.set(tenantName, tenant.value);
    if (bound !== undefined) pairs.set('le', bound);
    const texts = [...pairs].map(
      ([name, value]) => `${isLabelName(name) ? name : quoted(name)}=${quoted(value)}`,
    );
    if (texts.length > 0) this.blocks.text(`${isAfter ? ',' : '{'}${texts.join()}`);
    return isAfter || texts.length > 0;
  }

  #canonical(labels: Uint8Array, { valueStart, valueEnd }: LabelCursor): string {
    return canonicalBound(textOf(labels, valueStart, valueEnd));
  }
}

function isNamed(
  name: Uint8Array,
  labels: Uint8Array,
  { nameStart, nameEnd }: LabelCursor,
): boolean {
  const { length } = name;
  return nameEnd - nameStart === length && areEqual(name, 0, labels, nameStart, length);
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
