import type { Bytes } from '../../../contract/batch.ts';
import { STALE_BYTES } from '../../translate/metric-type.ts';
import { Output } from '../output.ts';
import type { SeriesMessages } from './series-messages.ts';
import { VALUE_AND_TIME } from './series-messages.ts';

const SERIES_TAG = 0x0a;
const SAMPLE_TAG = 0x12;
const EXEMPLAR_TAG = 0x1a;
const TIME_TAG = 0x10;
/** Tag and value of a sample. */
const VALUE_BYTES = 9;
const LOW_MASK = 0x80808080;
const HIGH_MASK = 0x80;
/** Times that take six bytes as a varint: from 1971 to 2109. */
const FIRST_TIME = 2 ** 35;
const LAST_TIME = 2 ** 42 - 1;

/**
 * Writes series of one scrape. Messages that lie one after the other are copied together, once
 * the run of them ends.
 */
export class MessageWriter {
  #output = new Output(0);
  #series: SeriesMessages | undefined;
  #runStart = 0;
  #runEnd = 0;
  #items = 0;
  // The time of the scrape as a varint of six bytes: four and two of them.
  #low = 0;
  #high = 0;

  /** Begins with nothing; `time` is that of the scrape in milliseconds since the epoch. */
  begin(time: number, capacity: number): void {
    this.#output.discard();
    this.#output = new Output(capacity);
    this.#low = lowOf(time);
    this.#high = highOf(time);
    this.clear();
  }

  /** Takes back everything that was written. */
  clear(): void {
    this.#output.backTo(0);
    this.#series = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
    this.#items = 0;
  }

  /** Samples so far. */
  get items(): number {
    return this.#items;
  }

  /** A series with a value at the time of the scrape. */
  write(messages: SeriesMessages, series: number, value: number): void {
    const { view } = messages;
    const at = messages.valueAt[series]!;
    setValue(view, at, value);
    view.setUint32(at + 9, this.#low, true);
    view.setUint16(at + 13, this.#high, true);
    this.#append(messages, series);
  }

  /** The stale marker at the time of the scrape. */
  writeStale(messages: SeriesMessages, series: number): void {
    const { bytes, view } = messages;
    const at = messages.valueAt[series]!;
    bytes.set(STALE_BYTES, at);
    view.setUint32(at + 9, this.#low, true);
    view.setUint16(at + 13, this.#high, true);
    this.#append(messages, series);
  }

  /** A value at a time of its own. */
  // oxlint-disable-next-line max-params -- a series, and a sample of it
  writeAt(messages: SeriesMessages, series: number, value: number, time: number): void {
    if (time < FIRST_TIME || time > LAST_TIME) {
      this.#writeLong(messages, series, { value, time });
      return;
    }
    // The same series may be in the run already, with another value.
    this.#flush();
    const { view } = messages;
    const at = messages.valueAt[series]!;
    setValue(view, at, value);
    view.setUint32(at + 9, lowOf(time), true);
    view.setUint16(at + 13, highOf(time), true);
    this.#append(messages, series);
  }

  /** A value with an exemplar, which is an encoded `Exemplar`. */
  writeWithExemplar(
    messages: SeriesMessages,
    series: number,
    sample: { readonly value: number; readonly time: number; readonly exemplar: Uint8Array },
  ): void {
    this.#writeLong(messages, series, sample);
  }

  /** What was written, in a buffer of its own, held by the caller. */
  finish(): Bytes {
    this.#flush();
    return this.#output.finish();
  }

  #append(messages: SeriesMessages, series: number): void {
    this.#items++;
    const start = messages.start[series]!;
    if (start === this.#runEnd && messages === this.#series) {
      this.#runEnd = messages.end[series]!;
      return;
    }
    this.#flush();
    this.#series = messages;
    this.#runStart = start;
    this.#runEnd = messages.end[series]!;
  }

  #flush(): void {
    if (this.#series === undefined) return;
    this.#output.append(this.#series.bytes, this.#runStart, this.#runEnd);
    this.#series = undefined;
    this.#runEnd = 0;
  }

  /** A series whose message is not as long as the one that is kept of it. */
  #writeLong(
    messages: SeriesMessages,
    series: number,
    of: { readonly value: number; readonly time: number; readonly exemplar?: Uint8Array },
  ): void {
    this.#flush();
    this.#items++;
    const output = this.#output;
    const { bytes } = messages;
    const at = messages.valueAt[series]!;
    setValue(messages.view, at, of.value);
    const message = output.open(SERIES_TAG, 2);
    output.append(bytes, messages.labelsStart(series), messages.labelsEnd(series));
    const sample = output.open(SAMPLE_TAG, 1);
    output.append(bytes, at - 1, at - 1 + VALUE_BYTES);
    writeTime(output, of.time);
    output.close(sample, 1);
    if (of.exemplar !== undefined)
      output.delimited(EXEMPLAR_TAG, of.exemplar, 0, of.exemplar.length);
    output.append(bytes, at + VALUE_AND_TIME, messages.end[series]!);
    output.close(message, 2);
  }
}

/** The field of a time in a sample, in milliseconds since the epoch. */
function writeTime(output: Output, time: number): void {
  output.reserve(11);
  output.byte(TIME_TAG);
  if (time >= 0) {
    output.varint(time);
    return;
  }
  let rest = BigInt.asUintN(64, BigInt(time));
  for (; rest >= 0x80n; rest >>= 7n) output.byte(Number(rest & 0x7fn) | 0x80);
  output.byte(Number(rest));
}

/** NaN has the bits that Prometheus gives it, which are not those of JavaScript. */
function setValue(view: DataView, at: number, value: number): void {
  if (value === value) {
    view.setFloat64(at, value, true);
    return;
  }
  view.setUint32(at, 1, true);
  view.setUint32(at + 4, 0x7ff80000, true);
}

/** The first four bytes of a time as a varint of six. */
function lowOf(time: number): number {
  const low = time % 2 ** 28;
  return (
    (low & 0x7f) |
    ((low << 1) & 0x7f00) |
    ((low << 2) & 0x7f0000) |
    ((low << 3) & 0x7f000000) |
    LOW_MASK
  );
}

/** The last two of them. */
function highOf(time: number): number {
  const high = Math.floor(time / 2 ** 28);
  return (high & 0x7f) | HIGH_MASK | ((high << 1) & 0x7f00);
}
