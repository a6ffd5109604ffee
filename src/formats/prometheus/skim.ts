import { SeriesKernel } from './kernel.ts';

/** For label sets that were checked before, in each thread: about 50,000 of them. */
const KNOWN_BYTES = 16 * 1024 * 1024;

const SAMPLES = 0;
const WAS_CUT = 1;
const ALL_LEGACY = 2;

/**
 * Passes over the series of a request that nearly all are: labels as the form wants them, samples, and
 * nothing else. It only knows what is right: what it does not pass over, others look at.
 */
export interface Skim {
  /** Samples that were passed over since `enter`. */
  readonly samples: number;
  /** Whether all names that were passed over since `enter` are names of remote-write 1.0. */
  readonly isLegacy: boolean;
  /** Begins with a request or chunk. With `legacy`, names must be those of remote-write 1.0. */
  enter(bytes: Uint8Array, legacy?: boolean): void;
  /**
   * Passes over series from `at` on, where a field begins, and answers where it stopped: at the end of
   * the bytes, or at the first field that is anything else.
   */
  pass(at: number): number;
}

let perThread: Skim | undefined;

/** The one of this thread: whoever enters it is done before anybody else does. */
export function skimmer(): Skim {
  perThread ??= createSkim();
  return perThread;
}

/** A new one; where the kernel does not run, one that passes over nothing. */
export function createSkim(url?: URL): Skim {
  const kernel = SeriesKernel.create(url);
  if (kernel === undefined) return NONE;
  kernel.remember(KNOWN_BYTES);
  return new KernelSkim(kernel);
}

const NONE: Skim = { samples: 0, isLegacy: false, enter: () => undefined, pass: (at) => at };

class KernelSkim implements Skim {
  samples = 0;
  isLegacy = true;
  readonly #kernel: SeriesKernel;
  #bytes: Uint8Array = new Uint8Array(0);
  #legacy = false;
  // What the kernel sees of the bytes.
  #seen = 0;
  #seenEnd = 0;

  constructor(kernel: SeriesKernel) {
    this.#kernel = kernel;
  }

  enter(bytes: Uint8Array, legacy = false): void {
    this.#bytes = bytes;
    this.#legacy = legacy;
    this.samples = 0;
    this.isLegacy = true;
    this.#seen = 0;
    this.#seenEnd = 0;
  }

  pass(at: number): number {
    const { length } = this.#bytes;
    const { exports } = this.#kernel;
    for (let next = at; next < length; ) {
      if (next >= this.#seenEnd) this.#look(next);
      const offset = SeriesKernel.INPUT - this.#seen;
      const stop = exports.skim(next + offset, this.#seenEnd + offset, this.#legacy) - offset;
      const { results } = this.#kernel;
      this.samples += results[SAMPLES]!;
      this.isLegacy &&= results[ALL_LEGACY] === 1;
      if (stop < this.#seenEnd) {
        // A series that the window cuts is seen whole from its beginning.
        if (results[WAS_CUT] === 0 || this.#seenEnd === length || stop === this.#seen) return stop;
        this.#look(stop);
      }
      next = stop;
    }
    return length;
  }

  #look(start: number): void {
    this.#seen = start;
    this.#seenEnd = this.#kernel.look(this.#bytes, start);
  }
}
