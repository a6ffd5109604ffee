import type { Bytes } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import { releaseBytes } from '../../../wire/memory.ts';
import { copyRange } from '../../../wire/splice.ts';
import { MAX_PATCH_BYTES, SeriesKernel } from '../kernel.ts';
import { Output } from '../output.ts';
import { notePlain, plainSamples } from '../plain.ts';
import { DROPPED, NAMELESS, PatchMaker, UNCHANGED } from './patch-maker.ts';
import { type Rewriter, type Rewritten, SeriesRewriter } from './rewrite.ts';
import type { RelabelRules } from './rules.ts';
import type { Patch } from './series-labels.ts';

const { INPUT, OUTPUT, OUTPUT_END, PATCH } = SeriesKernel;

/** Places of the results of `rewrite` and `remember`; see src/formats/prometheus/kernel/rewrite.ts. */
const WHY = 0;
const START = 1;
const LABELS_END = 2;
const HITS = 4;
const DROPPED_ITEMS = 5;
const NAMELESS_ITEMS = 6;
const OUT = 7;
const COPIED = 8;
const ENTRIES = 9;
const EVICTIONS = 10;

/** Why `rewrite` stopped. */
const AT_END = 0;
const CUT = 1;
const UNKNOWN = 2;
const FULL = 3;

/** What becomes of a label set, as the kernel says it. */
const KIND = { unchanged: 0, patched: 1, dropped: 2, nameless: 3 } as const;

/** For series that are too large for the kernel, which are relabelled without it. */
const ASIDE_BYTES = 1024 * 1024;

/** In less than this the kernel has no room for large label sets, and goes over much of a chunk again. */
const LEAST_BYTES = 32 * 1024;

/** A rewriter for rules that remembers up to `maxBytes`: the fastest there is here. */
export function createRewriter(rules: RelabelRules, maxBytes: number, url?: URL): Rewriter {
  const kernel = maxBytes < LEAST_BYTES ? undefined : SeriesKernel.create(url);
  return kernel === undefined
    ? new SeriesRewriter(rules, maxBytes)
    : new KernelRewriter(kernel, rules, maxBytes);
}

/**
 * The rewriter in WebAssembly: it finds label sets and writes series, and comes back here for each label set
 * that it does not know. A chunk goes through it window by window.
 */
class KernelRewriter implements Rewriter {
  readonly lookups = { hits: 0, misses: 0, evictions: 0 };
  readonly #kernel: SeriesKernel;
  readonly #keepsLegacy: boolean;
  readonly #patches: PatchMaker;
  readonly #aside: SeriesRewriter;
  readonly #output = new Output(4096);
  readonly #field = new FieldCursor();
  #size = 0;
  #chunk: Bytes = new Uint8Array(0);
  /** Where in the chunk the output stops; 0 while nothing has changed. */
  #copied = 0;
  #dropped = 0;
  #nameless = 0;

  constructor(kernel: SeriesKernel, rules: RelabelRules, maxBytes: number) {
    this.#kernel = kernel;
    this.#keepsLegacy = rules.keepsLegacy;
    this.#patches = new PatchMaker(rules);
    this.#aside = new SeriesRewriter(rules, Math.min(maxBytes, ASIDE_BYTES));
    kernel.remember(maxBytes);
  }

  get bytes(): number {
    return this.#kernel.exports.heldBytes() + this.#aside.bytes;
  }

  get size(): number {
    return this.#size + this.#aside.size;
  }

  rewrite(chunk: Bytes): Rewritten {
    const output = this.#output;
    // What an error left behind is of no use.
    output.backTo(0);
    this.#chunk = chunk;
    this.#patches.begin(chunk);
    this.#copied = 0;
    this.#dropped = 0;
    this.#nameless = 0;
    for (let at = 0; at < chunk.length; ) at = this.#window(at);
    const [dropped, nameless] = [this.#dropped, this.#nameless];
    if (this.#copied === 0) return { bytes: chunk, dropped, nameless };
    output.append(chunk, this.#copied, chunk.length);
    const bytes = output.finish();
    const samples = this.#keepsLegacy ? plainSamples(chunk) : undefined;
    if (samples !== undefined && bytes.length > 0) notePlain(bytes, samples - dropped - nameless);
    return { bytes, dropped, nameless };
  }

  /** Rewrites what the kernel sees from `start` on; answers where it went on to. */
  #window(start: number): number {
    const { exports } = this.#kernel;
    const end = this.#kernel.look(this.#chunk, start);
    const shift = start - INPUT;
    exports.begin(INPUT, OUTPUT, OUTPUT_END);
    let at = INPUT;
    for (;;) {
      at = exports.rewrite(at, end - shift);
      const { results } = this.#kernel;
      this.lookups.hits += results[HITS]!;
      this.#dropped += results[DROPPED_ITEMS]!;
      this.#nameless += results[NAMELESS_ITEMS]!;
      const why = results[WHY]!;
      if (why === UNKNOWN && this.#learn(results[START]!, results[LABELS_END]!, shift)) continue;
      this.#take(start, results);
      if (why === FULL) continue;
      // What does not end in the window is seen whole from its beginning.
      const isDone = why === AT_END || (why === CUT && at > INPUT && end < this.#chunk.length);
      return isDone ? at + shift : this.#one(at + shift);
    }
  }

  /**
   * Has the kernel remember what becomes of the label set from `start` to `end` of its memory; false when
   * it is too large for that.
   */
  #learn(start: number, end: number, shift: number): boolean {
    this.lookups.misses++;
    const patch = this.#patches.patchOf(start + shift, end + shift);
    const { bytes, prefix, suffix } = patch;
    if (bytes.length > MAX_PATCH_BYTES) return false;
    const { exports } = this.#kernel;
    copyRange(this.#kernel.memory, PATCH, bytes, [0, bytes.length]);
    const isKept = exports.remember(kindOf(patch), prefix, suffix, PATCH, bytes.length) !== 0;
    const { results } = this.#kernel;
    this.#size = results[ENTRIES]!;
    // It is found right after this, which is no hit.
    if (isKept) this.lookups.hits--;
    this.lookups.evictions = results[EVICTIONS]! + this.#aside.lookups.evictions;
    return isKept;
  }

  /** Moves what the kernel wrote of the window at `start` to the output, with what was before it. */
  #take(start: number, results: Uint32Array): void {
    const copied = start + results[COPIED]! - INPUT;
    if (copied === start) return;
    const output = this.#output;
    if (this.#copied < start) output.append(this.#chunk, this.#copied, start);
    output.append(this.#kernel.memory, OUTPUT, results[OUT]!);
    this.#copied = copied;
    this.#kernel.exports.drain(OUTPUT);
  }

  /** Rewrites the one field at `at` without the kernel. */
  #one(at: number): number {
    const chunk = this.#chunk;
    const field = this.#field.enter(chunk, at);
    field.next();
    const { end } = field;
    const alone = chunk.subarray(at, end);
    const { bytes, dropped, nameless } = this.#aside.rewrite(alone);
    this.#dropped += dropped;
    this.#nameless += nameless;
    if (bytes !== alone) {
      this.#output.append(chunk, this.#copied, at);
      this.#output.append(bytes, 0, bytes.length);
      this.#copied = end;
      releaseBytes(bytes);
    }
    return end;
  }
}

function kindOf(patch: Patch): number {
  if (patch === UNCHANGED) return KIND.unchanged;
  if (patch === DROPPED) return KIND.dropped;
  return patch === NAMELESS ? KIND.nameless : KIND.patched;
}
