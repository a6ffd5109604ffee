import type { Clock } from '../../../contract/context.ts';

/** Less is never concluded from a refusal: it was something else, then. */
const LEAST_BYTES = 16 * 1024;

/**
 * How large a record batch may be, for each topic. The setting is what is known at first; a broker
 * that refuses teaches better, for as long as metadata counts as fresh.
 */
export class Limits {
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  readonly #learned = new Map<string, { readonly bytes: number; readonly at: number }>();

  constructor(maxBytes: number, maxAgeMs: number, clock: Clock) {
    this.#maxBytes = maxBytes;
    this.#maxAgeMs = maxAgeMs;
    this.#clock = clock;
  }

  /** Bytes that a batch of records for `topic` may have before compression. */
  of(topic: string): number {
    const learned = this.#learned.get(topic);
    if (learned === undefined) return this.#maxBytes;
    if (this.#clock.now() - learned.at < this.#maxAgeMs) return learned.bytes;
    this.#learned.delete(topic);
    return this.#maxBytes;
  }

  /** A batch of `bytes` that could be made smaller was refused. */
  refused(topic: string, bytes: number): void {
    const half = Math.max(LEAST_BYTES, Math.floor(bytes / 2));
    if (half < this.of(topic)) this.#learned.set(topic, { bytes: half, at: this.#clock.now() });
  }
}
