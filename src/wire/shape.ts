import { FIXED32, FIXED64, GROUP_END, LENGTH_DELIMITED, VARINT } from './varint.ts';

/**
 * How the bytes of a field are checked. `message` and `id` have an argument of their own. Where
 * the noted fields of an item stand is in the index of items; a message has one of each at most.
 */
export type FieldShape =
  | { readonly number: number; readonly kind: ScalarKind; readonly repeated?: true }
  | { readonly number: number; readonly kind: 'string' | 'bytes' }
  | { readonly number: number; readonly kind: 'id'; readonly length: number }
  | { readonly number: number; readonly kind: 'noted string' }
  | { readonly number: number; readonly kind: 'noted id'; readonly length: number }
  | { readonly number: number; readonly kind: 'message'; readonly message: string };

/**
 * Scalars by their place on the wire. Three of them leave a mark on the message that holds them,
 * each with one bit: `nonzero64` (1) when its last value is not 0, `flag` (2) when the lowest
 * bit of its last value is set, `present64` (4) when the field is there.
 */
type ScalarKind = 'varint' | 'fixed64' | 'fixed32' | 'nonzero64' | 'flag' | 'present64';

/** What a checker knows about one message. */
export interface MessageShape {
  readonly name: string;
  readonly fields: readonly FieldShape[];
  /** Whether messages of this kind are the items that are counted. There are none inside of one. */
  readonly item?: boolean;
  /** Sums of marks with which a message is sound; every sum when absent. */
  readonly sound?: readonly number[];
}

/** What a checker does with a field, the low byte of an entry. The kernel holds the same numbers. */
export const ACTION = {
  unknown: 0,
  mismatch: 1,
  varint: 2,
  fixed64: 3,
  fixed32: 4,
  bytes: 5,
  string: 6,
  id: 7,
  message: 8,
  packedVarint: 9,
  packedFixed64: 10,
  packedFixed32: 11,
  nonzero64: 12,
  present64: 13,
  flag: 14,
  bad: 15,
  /** A message of a key and a value, which the kernel knows a short way through. */
  pair: 16,
  notedId: 17,
  notedString: 18,
} as const;

/** Bits in the note of a message; its sound sums of marks are the byte above them. */
export const NOTE_ITEM = 1;
export const NOTE_SOUND = 2;

/** Entries per message: one for every tag of the field numbers 0 to 31. */
export const STRIDE = 256;

/** Messages within messages that are accepted, counted from the outermost; groups count too. */
export const MAX_DEPTH = 100;

/**
 * Message shapes as one array of entries, for checkers to look up by tag.
 *
 * ```
 * entries[message * 256 + tag] = action + (length of an id or index of a message) * 256
 * entries[messages * 256 + message] = note
 * ```
 */
export interface ShapeTable {
  readonly entries: Uint16Array<ArrayBuffer>;
  readonly messages: number;
  /** Index of a message; throws when there is none of that name. */
  indexOf(name: string): number;
}

/** Compiles shapes. Field numbers go up to 31, and there are at most 255 messages. */
export function compileShapes(shapes: readonly MessageShape[]): ShapeTable {
  const indexes = new Map(shapes.map((shape, index) => [shape.name, index]));
  const indexOf = (name: string): number => {
    const index = indexes.get(name);
    if (index === undefined) throw new Error(`bug: there is no message ${name}`);
    return index;
  };
  const pairs = new Set(shapes.filter((shape) => isPair(shape, shapes)).map(({ name }) => name));
  const entries = new Uint16Array(shapes.length * (STRIDE + 1));
  for (const [index, shape] of shapes.entries()) {
    const own = entries.subarray(index * STRIDE, (index + 1) * STRIDE);
    for (let tag = 0; tag < STRIDE; tag++) if (tag < 8 || (tag & 7) > 5) own[tag] = ACTION.bad;
    for (const field of shape.fields) enterField(own, field, { indexOf, pairs });
    entries[shapes.length * STRIDE + index] = noteOf(shape);
  }
  return { entries, messages: shapes.length, indexOf };
}

interface Names {
  readonly indexOf: (name: string) => number;
  readonly pairs: ReadonlySet<string>;
}

function enterField(own: Uint16Array, field: FieldShape, { indexOf, pairs }: Names): void {
  const tag = field.number * 8;
  if (field.number < 1 || tag >= STRIDE) throw new Error(`bug: field number ${field.number}`);
  for (let wireType = 0; wireType <= 5; wireType++)
    if (wireType !== GROUP_END) own[tag + wireType] = ACTION.mismatch;
  switch (field.kind) {
    case 'string':
    case 'bytes':
      own[tag + LENGTH_DELIMITED] = ACTION[field.kind];
      return;
    case 'id':
      own[tag + LENGTH_DELIMITED] = ACTION.id + field.length * 256;
      return;
    case 'noted id':
      own[tag + LENGTH_DELIMITED] = ACTION.notedId + field.length * 256;
      return;
    case 'noted string':
      own[tag + LENGTH_DELIMITED] = ACTION.notedString;
      return;
    case 'message':
      own[tag + LENGTH_DELIMITED] = pairs.has(field.message) ? ACTION.pair : ACTION.message;
      own[tag + LENGTH_DELIMITED]! += indexOf(field.message) * 256;
      return;
    case 'varint':
    case 'flag':
      own[tag + VARINT] = ACTION[field.kind];
      if (field.repeated) own[tag + LENGTH_DELIMITED] = ACTION.packedVarint;
      return;
    case 'fixed32':
      own[tag + FIXED32] = ACTION.fixed32;
      if (field.repeated) own[tag + LENGTH_DELIMITED] = ACTION.packedFixed32;
      return;
    case 'fixed64':
    case 'nonzero64':
    case 'present64':
      own[tag + FIXED64] = ACTION[field.kind];
      if (field.repeated) own[tag + LENGTH_DELIMITED] = ACTION.packedFixed64;
  }
}

/** message Pair { string key = 1; Value value = 2; } message Value { string text = 1; … } */
function isPair(shape: MessageShape, shapes: readonly MessageShape[]): boolean {
  const [key, value, ...more] = shape.fields;
  if (key?.number !== 1 || key.kind !== 'string' || value?.number !== 2) return false;
  if (value.kind !== 'message' || more.length > 0 || noteOf(shape) !== 0) return false;
  const inner = shapes.find(({ name }) => name === value.message);
  const [first] = inner?.fields ?? [];
  return (
    inner !== undefined && noteOf(inner) === 0 && first?.number === 1 && first.kind === 'string'
  );
}

function noteOf(shape: MessageShape): number {
  let note = shape.item ? NOTE_ITEM : 0;
  if (shape.sound) note |= NOTE_SOUND;
  for (const marks of shape.sound ?? []) note |= 256 << marks;
  return note;
}
