import type { Batch, Bytes } from '../../../../contract/batch.ts';
import { ACCEPTED, type Outcome } from '../../../../contract/outcome.ts';
import { SeriesPartition } from '../../../../formats/prometheus/partition.ts';
import type { Leg } from './backend.ts';
import type { Backends } from './backends.ts';
import type { Piece } from './piece.ts';
import { Progress } from './progress.ts';

type Rejected = Outcome & { kind: 'rejected' };

/** A batch that is on its way, perhaps in several requests, to several backends, in several attempts. */
export class Journey {
  /** Resolves when the attempt that is under way has let go of the batch. */
  attempt: Promise<unknown> = Promise.resolve();
  attempts = 0;
  readonly #items: number;
  readonly #backends: Backends;
  readonly #maxBytes: number;
  readonly #partition: SeriesPartition;
  #up: readonly boolean[] = [];
  #legs: { readonly backend: number; readonly leg: Leg }[] = [];
  #unrouted: readonly Piece[] = [];
  #lost = 0;
  #why: Rejected | undefined;

  /** Requests will be of at most `maxBytes`; 0 is no limit. */
  constructor(batch: Batch, backends: Backends, maxBytes: number) {
    this.#items = batch.items;
    this.#backends = backends;
    this.#maxBytes = maxBytes;
    this.#partition = new SeriesPartition(backends.count, (hash) =>
      backends.ofThoseUp(hash, this.#up),
    );
    if (backends.count === 1) this.#add(0, batch);
    else this.#unrouted = [batch];
  }

  /** What is left, by backend. What was meant for one that is down goes to those that are up. */
  legs(): readonly { readonly backend: number; readonly leg: Leg }[] {
    if (this.#backends.count > 1) {
      this.#up = this.#backends.up();
      const stranded = this.#legs.filter(({ backend }) => !this.#up[backend]!);
      for (const { leg } of stranded) this.arrived(leg);
      const rest = stranded.flatMap(({ leg }) => leg.progress.rest);
      this.#route([...this.#unrouted, ...rest]);
      this.#unrouted = [];
    }
    this.attempts += 1;
    return this.#legs;
  }

  /** Nothing more is sent on a leg. */
  arrived(leg: Leg): void {
    this.#lost += leg.progress.lost;
    this.#why ??= leg.progress.why;
    this.#legs = this.#legs.filter((other) => other.leg !== leg);
  }

  /** What became of the batch, once nothing is left. */
  outcome(): Outcome {
    const why = this.#why;
    if (why === undefined) return ACCEPTED;
    if (this.#lost >= this.#items) return why;
    const { reason } = why;
    const message = `${this.#lost} of ${this.#items} items were refused: ${why.message}`;
    return { kind: 'partial', rejected: this.#lost, reason, message };
  }

  #route(pieces: readonly Piece[]): void {
    const shares = new Map<number, { chunks: Bytes[]; byteLength: number; items: number }>();
    for (const chunk of pieces.flatMap(({ chunks }) => chunks)) {
      for (const [backend, part] of this.#partition.divide(chunk, 0).entries()) {
        if (part === undefined) continue;
        const share = shares.get(backend) ?? { chunks: [], byteLength: 0, items: 0 };
        share.chunks.push(part.bytes);
        share.byteLength += part.bytes.length;
        share.items += part.items;
        shares.set(backend, share);
      }
    }
    for (const [backend, share] of shares) this.#add(backend, share);
  }

  #add(backend: number, piece: Piece): void {
    const progress = new Progress(piece, this.#maxBytes);
    this.#legs.push({ backend, leg: { progress, pending: undefined } });
  }
}
