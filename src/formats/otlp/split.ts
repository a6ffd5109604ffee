import type { Bytes, Signal } from '../../contract/batch.ts';
import { FieldCursor, type FieldRange } from '../../wire/cursor.ts';
import { LENGTH_DELIMITED } from '../../wire/varint.ts';
import { Writer } from '../../wire/writer.ts';
import { DATA_POINTS, nextOf, POINT_KIND, RECORDS, RESOURCE_ITEMS, SCOPE_ITEMS } from './walk.ts';

/** How large a part may become; 0 is no limit. */
export interface Limits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** A request by itself, with its share of the items. */
export interface Part {
  readonly bytes: Bytes;
  readonly items: number;
}

/**
 * Cuts a valid request into requests within `limits`, the first of them within `first` when it
 * is given. Items stay in order; each part has the resource, the scope and, of metrics, the
 * metric its items came with. One item alone may exceed `maxBytes`. The parts one after the
 * other mean what the request means.
 */
export function splitRequest(
  signal: Signal,
  bytes: Bytes,
  limits: Limits,
  first: Limits = limits,
): Part[] {
  return new Split(signal, bytes, { limits, first }).run();
}

/** Which fields of a message lead on towards the items; the last level leads to the items. */
type Level = (number: number) => boolean;

const RECORD_LEVELS: readonly Level[] = [
  (number) => number === RESOURCE_ITEMS,
  (number) => number === SCOPE_ITEMS,
  (number) => number === RECORDS,
];
const POINT_LEVELS: readonly Level[] = [
  ...RECORD_LEVELS,
  (number) => POINT_KIND[number] !== undefined,
  (number) => number === DATA_POINTS,
];

/** The level of Gauge, Sum, …, among the messages around a data point. */
const DATA_LEVEL = 3;

/** Room that the tag and the length of an open message may still need. */
const OPEN_BYTES = 5;

class Split {
  readonly #bytes: Bytes;
  readonly #levels: readonly Level[];
  readonly #limits: Limits;
  readonly #writer: Writer;
  readonly #parts: Part[] = [];
  readonly #cursors: readonly FieldCursor[];
  // Messages around the item, outermost first, and how many of them the part has opened.
  readonly #around: { range: FieldRange; number: number }[] = [];
  #opened = 0;
  #current: Limits;
  // Fields placed and not yet copied.
  #runStart = 0;
  #runEnd = 0;
  #items = 0;
  #hasContent = false;

  constructor(
    signal: Signal,
    bytes: Bytes,
    { limits, first }: { readonly limits: Limits; readonly first: Limits },
  ) {
    this.#bytes = bytes;
    this.#levels = signal === 'metrics' ? POINT_LEVELS : RECORD_LEVELS;
    this.#limits = limits;
    this.#current = first;
    this.#writer = new Writer(Math.min(bytes.length + 64, 1 << 20));
    this.#cursors = this.#levels.map(() => new FieldCursor());
  }

  run(): Part[] {
    this.#message(0, 0, this.#bytes.length);
    this.#finishPart();
    return this.#parts;
  }

  #message(depth: number, start: number, end: number): void {
    const isInner = this.#levels[depth]!;
    const isLast = depth === this.#levels.length - 1;
    const cursor = this.#cursors[depth]!.enter(this.#bytes, start, end);
    while (cursor.next()) {
      const isEnvelope = cursor.wireType !== LENGTH_DELIMITED || !isInner(cursor.number);
      if (isEnvelope) {
        // Fields of messages that are open are written when those are opened.
        if (depth === 0) this.#place(cursor, 0);
      } else if (isLast) {
        this.#place(cursor, 1);
      } else {
        this.#descend(depth, cursor);
      }
    }
  }

  #descend(depth: number, { number, tagStart, start, end }: FieldCursor): void {
    const range = { tagStart, start, end };
    this.#around.push({ range, number });
    this.#message(depth + 1, start, end);
    this.#around.pop();
    if (this.#opened > depth) this.#close(depth);
    // Nothing inside has opened it: an empty envelope, kept as it is. Data of a metric goes
    // along with its other data, or with the metric when all of it is empty.
    else if (depth < DATA_LEVEL) this.#place(range, 0);
  }

  /** Copies a field into the current part, or into a new one when it has no room. */
  #place({ tagStart, end }: FieldRange, items: number): void {
    if (this.#hasContent && !this.#hasRoom(end - tagStart, items)) this.#finishPart();
    if (this.#opened < this.#around.length || tagStart !== this.#runEnd) {
      this.#copyRun();
      for (; this.#opened < this.#around.length; this.#opened++) this.#open(this.#opened);
      this.#runStart = tagStart;
    }
    this.#runEnd = end;
    this.#items += items;
    this.#hasContent = true;
  }

  #hasRoom(size: number, items: number): boolean {
    const { maxItems, maxBytes } = this.#current;
    if (maxItems > 0 && this.#items + items > maxItems) return false;
    if (maxBytes === 0) return true;
    const run = this.#runEnd - this.#runStart;
    let needed = this.#writer.length + run + size + this.#opened * OPEN_BYTES;
    for (let depth = this.#opened; depth < this.#around.length; depth++)
      needed += this.#sizeOfEnvelope(depth);
    return needed <= maxBytes;
  }

  #sizeOfEnvelope(depth: number): number {
    let size = OPEN_BYTES + 1;
    this.#eachEnvelopeField(depth, (tagStart, end) => (size += end - tagStart));
    return size;
  }

  #open(depth: number): void {
    this.#writer.open(this.#around[depth]!.number);
    this.#eachEnvelopeField(depth, (tagStart, end) => this.#writer.raw(this.#bytes, tagStart, end));
  }

  /** The fields of a message around the item that do not lead to items. */
  #eachEnvelopeField(depth: number, copy: (tagStart: number, end: number) => void): void {
    const { range, number } = this.#around[depth]!;
    if (depth < DATA_LEVEL) return this.#eachFieldOf(range, depth, copy);
    // The data of a metric is one message even when it comes in several fields.
    const metric = this.#around[depth - 1]!.range;
    const cursor = new FieldCursor().enter(this.#bytes, metric.start, metric.end);
    while (nextOf(cursor, number)) this.#eachFieldOf(cursor, depth, copy);
  }

  #eachFieldOf(
    { start, end }: FieldRange,
    depth: number,
    copy: (tagStart: number, end: number) => void,
  ): void {
    const isInner = this.#levels[depth + 1]!;
    const cursor = new FieldCursor().enter(this.#bytes, start, end);
    while (cursor.next()) {
      if (cursor.wireType === LENGTH_DELIMITED && isInner(cursor.number)) continue;
      copy(cursor.tagStart, cursor.end);
    }
  }

  /** Writes the fields that were placed one behind the other: neighbours are one copy. */
  #copyRun(): void {
    this.#writer.raw(this.#bytes, this.#runStart, this.#runEnd);
    this.#runStart = this.#runEnd;
  }

  #close(depth: number): void {
    this.#copyRun();
    for (; this.#opened > depth; this.#opened--) this.#writer.close();
  }

  #finishPart(): void {
    this.#close(0);
    if (this.#hasContent || this.#parts.length === 0)
      this.#parts.push({ bytes: this.#writer.finish(), items: this.#items });
    this.#current = this.#limits;
    this.#items = 0;
    this.#hasContent = false;
  }
}
