import { isValidUtf8 } from '../../../../wire/utf8.ts';
import { Output } from '../../output.ts';
import { compareNames, type LabelRef, writeLabels } from '../label-refs.ts';
import { NumberReader } from './number-reader.ts';
import { LineError } from '../scrape-error.ts';
import { SeriesText, unescape } from './series-text.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
/** Longest that names and values of all labels may be together, in characters. */
const MAX_CHARACTERS = 128;

// message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
const VALUE_TAG = 0x11;
const TIME_TAG = 0x18;

/** Reads the exemplars of OpenMetrics: `{label="value"} number time`. */
export class ExemplarLine {
  /** Where the line ends. */
  end = 0;
  readonly #text = new SeriesText(true);
  readonly #numbers = new NumberReader();
  readonly #output = new Output(256);
  readonly #scratch = new DataView(new ArrayBuffer(8));
  #value = 0;
  #time = Number.NaN;

  /** Reads the exemplar that begins with the brace at `start`. Throws `LineError`. */
  read(page: Uint8Array, start: number): void {
    this.#text.readExemplar(page, start + 1);
    this.#value = this.#number(page, this.#text.end);
    this.#time = Number.NaN;
    let at = this.#numbers.end;
    if (page[at] === SPACE) {
      const seconds = this.#number(page, at);
      if (!Number.isFinite(seconds)) throw new LineError('a time is not finite', at);
      this.#time = Math.trunc(seconds * 1000);
      at = this.#numbers.end;
    }
    if (page[at] !== NEWLINE) throw new LineError('expected the end of the line', at);
    this.end = at;
  }

  /**
   * What was read as an `Exemplar`, at `time`, in milliseconds, where it says none; undefined when
   * it is not valid or its labels are too long.
   */
  encode(page: Uint8Array, time: number): Uint8Array | undefined {
    const own = Number.isNaN(this.#time) ? time : this.#time;
    if (own < 0 || !Number.isSafeInteger(own)) return undefined;
    const { ranges, isEscaped } = this.#text;
    const labels: LabelRef[] = [];
    let characters = 0;
    for (let at = 0; at < ranges.length; at += 4) {
      const [name, value] = [0, 2].map((part) => {
        const [start, end] = [ranges[at + part]!, ranges[at + part + 1]!];
        return isEscaped ? unescape(page, start, end) : page.subarray(start, end);
      }) as [Uint8Array, Uint8Array];
      characters += countCharacters(name) + countCharacters(value);
      if (name.length === 0 || characters > MAX_CHARACTERS) return undefined;
      labels.push({
        name,
        nameStart: 0,
        nameEnd: name.length,
        value,
        valueStart: 0,
        valueEnd: value.length,
      });
    }
    const isText = labels.every(
      ({ name, value }) => isValidUtf8(name, 0, name.length) && isValidUtf8(value, 0, value.length),
    );
    if (!isText) return undefined;
    return this.#encode(labels.sort(compareNames), own);
  }

  /** Lets go of the page. */
  release(): void {
    this.#numbers.release();
    this.#text.release();
  }

  #encode(labels: readonly LabelRef[], time: number): Uint8Array {
    const output = this.#output;
    output.backTo(0);
    writeLabels(output, labels);
    output.reserve(20);
    output.byte(VALUE_TAG);
    this.#scratch.setFloat64(0, this.#value, true);
    output.copy(new Uint8Array(this.#scratch.buffer), 0, 8);
    output.byte(TIME_TAG);
    output.varint(time);
    return output.bytes.slice(0, output.length);
  }

  #number(page: Uint8Array, at: number): number {
    if (page[at] !== SPACE) throw new LineError('expected a space and a number', at);
    const value = this.#numbers.read(page, at + 1);
    if (this.#numbers.end < 0) throw new LineError('expected a number', at + 1);
    return value;
  }
}

function countCharacters(text: Uint8Array): number {
  let count = 0;
  for (const byte of text) if ((byte & 0xc0) !== 0x80) count++;
  return count;
}
