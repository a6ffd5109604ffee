import {
  type Escaping,
  escapeLabelName,
  isLabelName,
  quoted,
} from '../../../../formats/prometheus/text/escaping.ts';
import { secondsText, valueText } from '../../../../formats/prometheus/text/number-text.ts';
import { FieldCursor } from '../../../../wire/cursor.ts';
import { readDouble, readUint64 } from '../../../../wire/varint.ts';

/** Of all names and values; OpenMetrics allows no more. */
const MAX_CHARACTERS = 128;

/**
 * An exemplar as it stands behind a sample; empty when its labels are too long.
 *
 * message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
 */
export function exemplarOf(exemplar: Uint8Array, escaping: Escaping): string {
  const from = Buffer.from(exemplar.buffer, exemplar.byteOffset, exemplar.length);
  const pairs = new Map<string, string>();
  let [value, timestamp, characters] = [0, 0, 0];
  const fields = new FieldCursor().enter(exemplar);
  const inner = new FieldCursor();
  while (fields.next()) {
    const { number, start, end } = fields;
    if (number === 2) value = readDouble(exemplar, start);
    else if (number === 3) timestamp = Number(BigInt.asIntN(64, readUint64(exemplar, start)));
    else if (number === 1) {
      const texts = ['', '', ''];
      inner.enter(exemplar, start, end);
      while (inner.next()) {
        if (inner.number <= 2) texts[inner.number] = from.toString('utf8', inner.start, inner.end);
      }
      const [, name = '', text = ''] = texts;
      pairs.set(escapeLabelName(name, escaping), text);
    }
  }
  for (const [name, text] of pairs) characters += codePointsIn(name) + codePointsIn(text);
  if (characters > MAX_CHARACTERS) return '';
  const labels = [...pairs].map(
    ([name, text]) => `${isLabelName(name) ? name : quoted(name)}=${quoted(text)}`,
  );
  const time = timestamp === 0 ? '' : ` ${secondsText(timestamp)}`;
  return ` # {${labels.join()}} ${valueText(value)}${time}`;
}

function codePointsIn(text: string): number {
  return Array.from(text).length;
}
