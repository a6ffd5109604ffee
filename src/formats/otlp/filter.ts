import type { Bytes, Signal } from '../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../wire/cursor.ts';
import type { ItemIndex } from '../../wire/item-index.ts';
import { Splice } from '../../wire/splice.ts';
import { wantedIndex } from './validate.ts';
import { numberOf, POINT_KIND, RequestWalk } from './walk.ts';

/**
 * Whether an item stays. `item` is the span, data point or log record in `walk.bytes`; the
 * other cursors of `walk` stand on what is around it. Neither may be moved or kept. An item that
 * stays may be edited: `splice` has entered what is around it, but not the item itself.
 */
export type KeepItem = (item: FieldRange, walk: RequestWalk, splice: Splice) => boolean;

/** A request without the items that were dropped. */
export interface Filtered {
  /** The very same array when nothing was dropped or edited. */
  readonly bytes: Bytes;
  readonly kept: number;
  readonly dropped: number;
}

/**
 * Drops items from a valid request. Scopes, resources and metrics that lost items and have none
 * left go too; others stay as they are, empty ones included.
 */
export function filterItems(signal: Signal, bytes: Bytes, keep: KeepItem): Filtered {
  return new Filter(signal, bytes, keep).run(undefined);
}

/**
 * `filterItems` for spans and log records. When the index of the items is known, `walk.index`
 * stands on the item too, and most of the way through the request need not be gone.
 */
export function filterIndexed(
  signal: Exclude<Signal, 'metrics'>,
  bytes: Bytes,
  keep: KeepItem,
): Filtered {
  return new Filter(signal, bytes, keep).run(wantedIndex(signal, bytes));
}

const TIME = numberOf('NumberDataPoint', 'time_unix_nano');
const FLAGS = POINT_KIND.map((kind) => (kind ? numberOf(kind, 'flags') : 0));
const AS_DOUBLE = numberOf('NumberDataPoint', 'as_double');
const AS_INT = numberOf('NumberDataPoint', 'as_int');
const NO_RECORDED_VALUE = 1;

/**
 * Takes out the data points that OTLP says to reject, those that `validateRequest` has counted
 * as bad: without a time, or without a value and not marked as having none.
 */
export function dropInvalidPoints(bytes: Bytes): Filtered {
  const cursor = new FieldCursor();
  return filterItems('metrics', bytes, (point, walk) => isSound(cursor, point, walk));
}

function isSound(cursor: FieldCursor, point: FieldRange, walk: RequestWalk): boolean {
  const { bytes } = walk;
  const isNumber = POINT_KIND[walk.data.number] === 'NumberDataPoint';
  const flags = FLAGS[walk.data.number];
  let hasTime = false;
  let hasValue = !isNumber;
  let hasNone = false;
  cursor.enter(bytes, point.start, point.end);
  while (cursor.next()) {
    const { number, start, end } = cursor;
    if (number === TIME) hasTime = bytes.subarray(start, end).some((byte) => byte !== 0);
    else if (number === flags) hasNone = (bytes[start]! & NO_RECORDED_VALUE) !== 0;
    else if (number === AS_DOUBLE || number === AS_INT) hasValue = true;
  }
  return hasTime && (hasValue || hasNone);
}

class Filter {
  readonly #signal: Signal;
  readonly #keep: KeepItem;
  readonly #splice: Splice;
  readonly #walk: RequestWalk;
  #kept = 0;
  #dropped = 0;

  constructor(signal: Signal, bytes: Bytes, keep: KeepItem) {
    this.#signal = signal;
    this.#keep = keep;
    this.#splice = new Splice(bytes);
    this.#walk = new RequestWalk().enter(bytes);
  }

  run(index: ItemIndex | undefined): Filtered {
    const walk = this.#walk;
    walk.index = index;
    const isMetrics = this.#signal === 'metrics';
    while (walk.nextResource()) {
      const keptBefore = this.#kept;
      const droppedBefore = this.#dropped;
      this.#splice.enter(walk.resource);
      while (walk.nextScope()) this.#scope(isMetrics);
      this.#leave(keptBefore, droppedBefore);
    }
    return { bytes: this.#splice.finish(), kept: this.#kept, dropped: this.#dropped };
  }

  #scope(isMetrics: boolean): void {
    const walk = this.#walk;
    const keptBefore = this.#kept;
    const droppedBefore = this.#dropped;
    this.#splice.enter(walk.scope);
    const { index } = walk;
    if (index !== undefined) {
      while (index.nextBefore(walk.scope.end)) this.#item(index);
    } else {
      while (walk.nextRecord()) {
        if (isMetrics) this.#metric();
        else this.#item(walk.record);
      }
    }
    this.#leave(keptBefore, droppedBefore);
  }

  #metric(): void {
    const walk = this.#walk;
    const keptBefore = this.#kept;
    const droppedBefore = this.#dropped;
    this.#splice.enter(walk.record);
    walk.enterMetric();
    while (walk.nextData()) {
      this.#splice.enter(walk.data);
      while (walk.nextPoint()) this.#item(walk.point);
      this.#splice.leave();
    }
    this.#leave(keptBefore, droppedBefore);
  }

  #item(item: FieldRange): void {
    if (this.#keep(item, this.#walk, this.#splice)) {
      this.#kept++;
      return;
    }
    this.#dropped++;
    this.#splice.remove(item.tagStart, item.end);
  }

  #leave(keptBefore: number, droppedBefore: number): void {
    const isEmptied = this.#kept === keptBefore && this.#dropped > droppedBefore;
    if (isEmptied) this.#splice.leaveAndRemove();
    else this.#splice.leave();
  }
}
