import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { LabelSetCache } from '../label-set-cache.ts';
import { Output } from '../output.ts';
import { SERIES } from '../schema.ts';
import { SeriesCursor } from '../walk.ts';
import { DROPPED, NAMELESS, PatchMaker, UNCHANGED } from './patch-maker.ts';
import type { RelabelRules } from './rules.ts';
import type { Patch } from './series-labels.ts';

/** A chunk of the form after the rules. */
export interface Rewritten {
  /** The very same array when nothing changed; empty when nothing is left. */
  readonly bytes: Bytes;
  /** Samples and histograms of series that a rule dropped. */
  readonly dropped: number;
  /** Samples and histograms of series that the rules left without a metric name. */
  readonly nameless: number;
}

/** What a patch takes beside its bytes. */
const PATCH_BYTES = 200;

const SERIES_TAG = 0x0a;

/** Relabels the series of chunks. */
export interface Rewriter {
  /** Of label sets, since the beginning: known, not known, and gone to make room for others. */
  readonly lookups: {
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
  };
  /** Bytes and label sets that are remembered. */
  readonly bytes: number;
  readonly size: number;
  rewrite(chunk: Bytes): Rewritten;
}

/**
 * The rewriter in TypeScript. Each distinct label set pays for the rules once, as long as it
 * is remembered; a series whose labels do not change is copied as it came, neighbours in one go.
 * Exemplars and metadata are not looked at: they stay with their series, or go with it.
 */
export class SeriesRewriter implements Rewriter {
  readonly #patches: PatchMaker;
  readonly #known: LabelSetCache<Patch>;
  readonly #series = new SeriesCursor();
  readonly #fields = new FieldCursor();
  readonly #output = new Output(4096);
  #chunk: Uint8Array = new Uint8Array(0);

  /** `maxBytes` is for what is remembered. Without `hasPlans` each label set pays for the rules. */
  constructor(rules: RelabelRules, maxBytes: number, hasPlans = true) {
    this.#patches = new PatchMaker(rules, hasPlans);
    const valueBytes = ({ bytes }: Patch) => (bytes.length === 0 ? 0 : bytes.length + PATCH_BYTES);
    this.#known = new LabelSetCache({ maxBytes, valueBytes });
  }

  get lookups(): Rewriter['lookups'] {
    return this.#known;
  }

  get bytes(): number {
    return this.#known.bytes;
  }

  get size(): number {
    return this.#known.size;
  }

  rewrite(chunk: Bytes): Rewritten {
    this.#chunk = chunk;
    this.#patches.begin(chunk);
    const output = this.#output;
    // What an error left behind is of no use.
    output.backTo(0);
    const series = this.#series.enter(chunk);
    let [copied, dropped, nameless] = [0, 0, 0];
    while (series.next()) {
      const { start, end, labelsEnd } = series;
      const patch = this.#patchOf(start, labelsEnd);
      if (patch === UNCHANGED) continue;
      output.append(chunk, copied, series.tagStart);
      if (patch === DROPPED || patch === NAMELESS) {
        copied = end;
        const items = this.#items(labelsEnd, end);
        if (patch === DROPPED) dropped += items;
        else nameless += items;
        continue;
      }
      const { prefix, suffix, bytes } = patch;
      // What is behind the patch is copied with whatever follows it.
      copied = labelsEnd - suffix;
      output.reserve(6 + prefix + bytes.length);
      output.byte(SERIES_TAG);
      output.varint(prefix + bytes.length + end - copied);
      output.copy(chunk, start, start + prefix);
      output.copy(bytes, 0, bytes.length);
    }
    if (copied === 0) return { bytes: chunk, dropped, nameless };
    output.append(chunk, copied, chunk.length);
    return { bytes: output.finish(), dropped, nameless };
  }

  #patchOf(start: number, end: number): Patch {
    const bytes = this.#chunk;
    const known = this.#known.get(bytes, start, end);
    if (known !== undefined) return known;
    const patch = this.#patches.patchOf(start, end);
    const kept = patch.bytes.length === 0 ? patch : { ...patch, bytes: patch.bytes.slice() };
    this.#known.set(bytes, start, end, kept);
    return kept;
  }

  /** Samples and histograms behind the labels of a series. */
  #items(labelsEnd: number, end: number): number {
    let items = 0;
    const fields = this.#fields.enter(this.#chunk, labelsEnd, end);
    while (fields.next())
      if (fields.number === SERIES.sample || fields.number === SERIES.histogram) items++;
    return items;
  }
}
