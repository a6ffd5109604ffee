import { FieldCursor } from '../../../wire/cursor.ts';
import { Writer } from '../../../wire/writer.ts';

/** What `regroup` must know of a message, by field number. */
export interface Shape {
  isRepeated(number: number): boolean;
  isMessage(number: number): boolean;
  /** Bits of the fields a later one replaces: itself, and the others of its oneof. */
  excludes(number: number): number;
}

/**
 * The same message with every field in one place: elements of a list side by side, parts of a
 * split submessage joined, and of what may be there once only the last, as protobuf reads it.
 */
export function regroup(message: Uint8Array, shape: Shape): Uint8Array {
  const groups = new Map<number, Uint8Array[]>();
  const cursor = new FieldCursor().enter(message);
  while (cursor.next()) {
    const { number, tagStart, start, end } = cursor;
    if (shape.excludes(number) === 0) continue;
    for (const other of groups.keys()) {
      const isReplaced = (shape.excludes(number) & (1 << other)) !== 0;
      const isMerged = other === number && (shape.isRepeated(number) || shape.isMessage(number));
      if (isReplaced && !isMerged) groups.delete(other);
    }
    const isJoined = shape.isMessage(number) && !shape.isRepeated(number);
    const part = message.subarray(isJoined ? start : tagStart, end);
    const group = groups.get(number);
    if (group === undefined) groups.set(number, [part]);
    else group.push(part);
  }
  const writer = new Writer(message.length + 16);
  for (const [number, parts] of groups) {
    const isJoined = shape.isMessage(number) && !shape.isRepeated(number);
    if (isJoined) writer.open(number);
    for (const part of parts) writer.raw(part);
    if (isJoined) writer.close();
  }
  return writer.finish();
}
