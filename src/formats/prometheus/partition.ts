import type { Bytes } from '../../contract/batch.ts';
import { FieldCursor } from '../../wire/cursor.ts';
import { takeBytes } from '../../wire/memory.ts';
import { SeriesKernel } from './kernel.ts';
import { Membership } from './membership.ts';
import { Output } from './output.ts';
import { hashWords } from './ranges.ts';
import { notePlain, plainSamples } from './plain.ts';
import { SERIES } from './schema.ts';
import { SeriesCursor } from './walk.ts';

/** Where the series with this hash belongs, from 0. */
export type PlaceOf = (hash: number) => number;

/** What of a chunk belongs to one place: a chunk by itself. */
export interface Share {
  readonly bytes: Bytes;
  /** Samples and histograms. */
  readonly items: number;
}

const { INPUT, OUTPUT } = SeriesKernel;
/** Where a series ends, the hash of its labels, its items or then its place. */
const RECORD_WORDS = 3;
/** Behind the records: where the kernel puts shares. */
const SHARES = OUTPUT + 64 * 1024;
/** How much larger than others a share may be before it is copied once more. */
const USUAL_EXCESS = 1.25;

let perThread: SeriesKernel | undefined;

/** The same in every thread and every run: all must agree on where a series belongs. */
const SEED = 0x5e12e5;

/**
 * Divides valid chunks of the form by series. A series has the same hash wherever it comes from:
 * that of its labels as they are in the chunk. Metadata of families belongs to no series.
 *
 * Where `keepsGroups`, a series has the hash of its group, so that those of a histogram or summary
 * stay together; that takes more than twice the time.
 */
export class SeriesPartition {
  readonly #placeOf: PlaceOf;
  readonly #membership: Membership | undefined;
  readonly #kernel: SeriesKernel | undefined;
  readonly #cursor = new SeriesCursor();
  readonly #fields = new FieldCursor();
  readonly #sizes: Int32Array;
  readonly #items: Int32Array;
  // Neighbours that belong to one place are one run.
  #ends = new Int32Array(256);
  #places = new Int32Array(256);
  #runs = 0;

  constructor(count: number, placeOf: PlaceOf, keepsGroups = false) {
    this.#placeOf = placeOf;
    this.#membership = keepsGroups ? new Membership() : undefined;
    this.#kernel = keepsGroups ? undefined : (perThread ??= SeriesKernel.create());
    this.#sizes = new Int32Array(count);
    this.#items = new Int32Array(count);
  }

  /**
   * The shares of all places, in the order of the chunk; nothing where a share is empty. The share
   * that is all of the chunk is that very array, others are the caller's. `rest` is the place
   * of what is no series.
   */
  divide(chunk: Bytes, rest: number): readonly (Share | undefined)[] {
    const shares = this.#divideInKernel(chunk) ?? this.#divideHere(chunk, rest);
    if (plainSamples(chunk) !== undefined) {
      for (const share of shares) if (share !== undefined) notePlain(share.bytes, share.items);
    }
    return shares;
  }

  #divideHere(chunk: Bytes, rest: number): readonly (Share | undefined)[] {
    this.#runs = 0;
    this.#sizes.fill(0);
    this.#items.fill(0);
    this.#walk(chunk, rest);
    if (this.#runs === 1) {
      const only = this.#places[0]!;
      return Array.from(this.#items, (items, place) =>
        place === only ? { bytes: chunk, items } : undefined,
      );
    }
    const targets = Array.from(this.#sizes, (size) => (size > 0 ? takeBytes(size) : undefined));
    const filled = this.#sizes.fill(0);
    for (let run = 0, start = 0; run < this.#runs; run++) {
      const place = this.#places[run]!;
      const end = this.#ends[run]!;
      targets[place]!.set(chunk.subarray(start, end), filled[place]);
      filled[place]! += end - start;
      start = end;
    }
    return targets.map((bytes, place) => bytes && { bytes, items: this.#items[place]! });
  }

  /** The same for a chunk of series alone; undefined when there is something else, or no kernel. */
  #divideInKernel(chunk: Bytes): readonly (Share | undefined)[] | undefined {
    const kernel = this.#kernel;
    if (kernel === undefined || chunk.length === 0) return undefined;
    const count = this.#items.length;
    this.#items.fill(0);
    const usual = Math.ceil((chunk.length / count) * USUAL_EXCESS);
    const outputs = Array.from(this.#items, () => new Output(usual));
    for (let at = 0; at < chunk.length; ) {
      const records = this.#placesInWindow(kernel, chunk, at);
      if (records === 0) {
        for (const output of outputs) output.discard();
        return undefined;
      }
      let from = SHARES;
      for (let place = 0; place < count; place++) {
        const to = kernel.exports.gather(INPUT, OUTPUT, records, place, from);
        outputs[place]!.append(kernel.memory, from, to);
        from = to;
      }
      at += from - SHARES;
    }
    const whole = outputs.findIndex((output) => output.length === chunk.length);
    return outputs.map((output, place) => {
      const items = this.#items[place]!;
      if (output.length > 0 && place !== whole) return { bytes: output.finish(), items };
      output.discard();
      return place === whole ? { bytes: chunk, items } : undefined;
    });
  }

  /** Finds the places of the series that the kernel sees from `at` on; 0 when it sees anything else. */
  #placesInWindow(kernel: SeriesKernel, chunk: Bytes, at: number): number {
    const end = kernel.look(chunk, at) - at + INPUT;
    kernel.exports.places(INPUT, end, SEED, OUTPUT, SHARES);
    const [records = 0, wasOdd] = kernel.results;
    if (wasOdd === 1) return 0;
    const list = kernel.words(OUTPUT, records * RECORD_WORDS);
    for (let index = 0; index < list.length; index += RECORD_WORDS) {
      const place = this.#placeOf(list[index + 1]! | 0);
      this.#items[place]! += list[index + 2]!;
      list[index + 2] = place;
    }
    return records;
  }

  #walk(chunk: Bytes, rest: number): void {
    const series = this.#cursor.enter(chunk);
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (series.next()) {
      if (series.tagStart > at) this.#add(at, series.tagStart, rest);
      const { start, labelsEnd } = series;
      const hash =
        this.#membership?.read(chunk, start, labelsEnd).hash ??
        hashWords(view, start, labelsEnd, SEED);
      const place = this.#placeOf(hash);
      this.#items[place]! += this.#itemsIn(chunk, series);
      this.#add(series.tagStart, series.end, place);
      at = series.end;
    }
    if (at < chunk.length || this.#runs === 0) this.#add(at, chunk.length, rest);
  }

  #itemsIn(chunk: Bytes, { labelsEnd, end }: SeriesCursor): number {
    const fields = this.#fields.enter(chunk, labelsEnd, end);
    let items = 0;
    while (fields.next()) {
      if (fields.number === SERIES.sample || fields.number === SERIES.histogram) items++;
    }
    return items;
  }

  #add(start: number, end: number, place: number): void {
    this.#sizes[place]! += end - start;
    if (this.#runs === 0 || this.#places[this.#runs - 1] !== place) {
      if (this.#runs === this.#ends.length) this.#grow();
      this.#places[this.#runs++] = place;
    }
    this.#ends[this.#runs - 1] = end;
  }

  #grow(): void {
    const [ends, places] = [this.#ends, this.#places];
    this.#ends = new Int32Array(ends.length * 2);
    this.#places = new Int32Array(ends.length * 2);
    this.#ends.set(ends);
    this.#places.set(places);
  }
}
