import type { Bytes } from '../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../wire/cursor.ts';
import { releaseBytes } from '../../wire/memory.ts';
import { filterItems } from './filter.ts';
import { numberOf, type RequestWalk } from './walk.ts';

/** Where the trace whose id stands from `start` to `end` belongs, from 0. */
export type PlaceOfTrace = (bytes: Uint8Array, start: number, end: number) => number;

/** What of a request belongs to one place: a request by itself. */
export interface Share {
  readonly bytes: Bytes;
  readonly items: number;
}

const TRACE_ID = numberOf('Span', 'trace_id');

/** Divides valid requests of traces by trace. */
export class TracePartition {
  readonly #count: number;
  readonly #placeOf: PlaceOfTrace;
  readonly #span = new FieldCursor();

  constructor(count: number, placeOf: PlaceOfTrace) {
    this.#count = count;
    this.#placeOf = placeOf;
  }

  /**
   * The shares of all places, each in the order of the request; nothing where a share has no
   * spans. The share that is all of the request is that very array, others are the caller's. A
   * request without spans is a share of `rest`.
   */
  divide(request: Bytes, rest: number): readonly (Share | undefined)[] {
    const shares: (Share | undefined)[] = Array.from({ length: this.#count });
    let spans = 0;
    for (let place = 0; place < this.#count; place++) {
      const keep = (span: FieldRange, walk: RequestWalk) => this.#place(span, walk) === place;
      const { bytes, kept } = filterItems('traces', request, keep);
      spans += kept;
      if (kept > 0) shares[place] = { bytes, items: kept };
      else if (bytes !== request) releaseBytes(bytes);
    }
    if (spans === 0) shares[rest] = { bytes: request, items: 0 };
    return shares;
  }

  #place({ start, end }: FieldRange, { bytes }: RequestWalk): number {
    const span = this.#span.enter(bytes, start, end);
    while (span.next())
      if (span.number === TRACE_ID) return this.#placeOf(bytes, span.start, span.end);
    return this.#placeOf(bytes, start, start);
  }
}
