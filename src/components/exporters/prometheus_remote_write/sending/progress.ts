import type { Outcome } from '../../../../contract/outcome.ts';
import { halves, type Piece, piecesOf } from './piece.ts';

type Rejected = Outcome & { kind: 'rejected' };

/** Requests that the search for the bad series of a batch may take. */
const MAX_SEARCH = 128;
/** Refusals in a row, from the first on, after which it is not the series that are at fault. */
const MAX_FRUITLESS = 24;

/**
 * How far a batch has got, from one attempt to the next: a request that was answered is not sent
 * again, because what it holds would come out of order then.
 */
export class Progress {
  /** What is left, the next at the end. */
  readonly #left: Piece[];
  /** Items that will never be written, and why the first of them. */
  lost = 0;
  why: Rejected | undefined;
  #refusals = 0;
  #successes = 0;

  constructor(whole: Piece, maxBytes: number) {
    this.#left = piecesOf(whole, maxBytes).toReversed();
  }

  /** What is left, in order. */
  get rest(): readonly Piece[] {
    return this.#left.toReversed();
  }

  /** What to send next; undefined when all of it has an answer. */
  get next(): Piece | undefined {
    return this.#left.at(-1);
  }

  /** The next piece has its answer: `lost` items of it will never be written. */
  done(lost: number, why: Rejected | undefined): void {
    this.#left.pop();
    this.#successes++;
    if (lost > 0) this.#lose(lost, why);
  }

  /** The next piece was refused as a whole; when `divisible`, its parts are tried instead. */
  refused(why: Rejected, divisible: boolean): void {
    const piece = this.#left.pop();
    if (piece === undefined) return;
    this.#refusals++;
    const parts = divisible && this.#mayDivide() ? halves(piece) : [piece];
    if (parts.length > 1) this.#left.push(...parts.toReversed());
    else this.#lose(piece.items, why);
  }

  /** `items` of the next piece cannot be sent; the rest is. */
  unsaid(items: number, why: Rejected): void {
    this.#lose(items, why);
  }

  #mayDivide(): boolean {
    const sent = this.#refusals + this.#successes;
    return sent < MAX_SEARCH && (this.#successes > 0 || this.#refusals < MAX_FRUITLESS);
  }

  #lose(items: number, why: Rejected | undefined): void {
    this.lost += items;
    this.why ??= why;
  }
}
