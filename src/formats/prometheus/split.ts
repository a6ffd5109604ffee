import type { Bytes } from '../../contract/batch.ts';
import { FieldCursor } from '../../wire/cursor.ts';
import { ownBytes } from '../../wire/memory.ts';
import { copyRange } from '../../wire/splice.ts';
import { REQUEST, SERIES } from './schema.ts';

/** How large a part may become; 0 is no limit. */
export interface Limits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** A chunk by itself, with its share of the items. */
export interface Part {
  readonly bytes: Bytes;
  readonly items: number;
}

/**
 * Cuts a valid chunk of the form between its series into chunks within `limits`. Order is kept,
 * and a series stays whole, so that one series alone may exceed a limit. The parts one after
 * the other are the chunk.
 */
export function splitChunk(chunk: Bytes, { maxItems, maxBytes }: Limits): Part[] {
  const parts: Part[] = [];
  const fields = new FieldCursor().enter(chunk);
  const inner = new FieldCursor();
  let start = 0;
  let items = 0;
  const cut = (end: number) => {
    const isAll = start === 0 && end === chunk.length;
    parts.push({ bytes: isAll ? chunk : copyOf(chunk, start, end), items });
    start = end;
    items = 0;
  };
  while (fields.next()) {
    const more = fields.number === REQUEST.timeseries ? itemsOf(inner, chunk, fields) : 0;
    const overItems = maxItems > 0 && items > 0 && items + more > maxItems;
    const overBytes = maxBytes > 0 && fields.end - start > maxBytes;
    if (fields.tagStart > start && (overItems || overBytes)) cut(fields.tagStart);
    items += more;
  }
  if (start < chunk.length || parts.length === 0) cut(chunk.length);
  return parts;
}

function copyOf(chunk: Bytes, start: number, end: number): Bytes {
  const bytes = ownBytes(end - start);
  copyRange(bytes, 0, chunk, [start, end]);
  return bytes;
}

function itemsOf(inner: FieldCursor, chunk: Bytes, { start, end }: FieldCursor): number {
  let items = 0;
  inner.enter(chunk, start, end);
  while (inner.next())
    if (inner.number === SERIES.sample || inner.number === SERIES.histogram) items++;
  return items;
}
