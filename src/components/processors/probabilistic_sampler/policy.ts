import { encodeValue } from '../../../formats/otlp/any-value.ts';
import {
  adjustedCountOf,
  bucketsFor,
  SeededHash,
} from '../../../formats/otlp/sampling/seeded-hash.ts';
import {
  type Bits56,
  isAbove,
  type Threshold,
  thresholdFor,
  thresholdOf,
} from '../../../formats/otlp/sampling/threshold.ts';
import { newTraceState } from '../../../formats/otlp/sampling/trace-state.ts';
import type { Config } from './settings.ts';

const MAX_REMEMBERED = 1024;

/** A threshold, and how it is written on what has none yet. */
export class Stated {
  readonly threshold: Threshold;
  /** A whole trace_state field of a span. */
  readonly traceState: Uint8Array;
  /** The value of the attribute of a log record: an AnyValue. */
  readonly value: Uint8Array;

  constructor(threshold: Threshold) {
    this.threshold = threshold;
    this.traceState = newTraceState(threshold.digits);
    const value = Buffer.from(threshold.digits).toString('latin1');
    this.value = encodeValue({ kind: 'string', value });
  }
}

/** How a percentage decides, in one of the modes. */
export class Policy {
  readonly mode: Config['mode'];
  /** Whether nothing is kept. */
  readonly isNever: boolean;
  /** Of hash_seed: how many of the 16,384 buckets are kept, and by which hash. */
  readonly buckets: number;
  readonly hash: SeededHash;
  /** Of hash_seed: how many items each kept one stands for. */
  readonly adjustedCount: number;
  /** Of the other modes, for what arrives without a threshold; undefined when nothing is kept. */
  readonly fresh: Stated | undefined;
  readonly #ratio: number;
  readonly #precision: number;
  readonly #remembered = new Map<number, { low: number; stated: Stated | undefined }>();

  constructor(config: Config, percentage: number) {
    // The Collector holds percentages in single precision; so does this, to agree with it.
    const share = Math.fround(Math.min(100, percentage));
    this.mode = config.mode;
    this.buckets = bucketsFor(percentage);
    this.hash = new SeededHash(config.hash_seed);
    this.adjustedCount = this.buckets > 0 ? adjustedCountOf(this.buckets) : 0;
    this.#ratio = share / 100;
    this.#precision = config.sampling_precision;
    const threshold = share === 0 ? undefined : thresholdFor(this.#ratio, this.#precision);
    this.fresh = threshold && new Stated(threshold);
    this.isNever = config.mode === 'hash_seed' ? this.buckets === 0 : threshold === undefined;
  }

  /**
   * The threshold for what arrives with one: never below it. Undefined when what is left is too
   * little to be said, so that nothing may be kept.
   */
  statedFor(arriving: Bits56): Stated | undefined {
    const { high, low } = arriving;
    const known = this.#remembered.get(high);
    if (known !== undefined && known.low === low) return known.stated;
    const stated = this.#combine(thresholdOf(high, low));
    // Clients choose what arrives, so what is remembered has a bound.
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(high, { low, stated });
    return stated;
  }

  #combine(arriving: Threshold): Stated | undefined {
    const own =
      this.mode === 'proportional'
        ? thresholdFor(arriving.probability * this.#ratio, this.#precision)
        : this.fresh?.threshold;
    return own && new Stated(isAbove(arriving, own) ? arriving : own);
  }
}
