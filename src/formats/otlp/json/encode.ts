import type { Bytes, Signal } from '../../../contract/batch.ts';
import { FieldCursor } from '../../../wire/cursor.ts';
import {
  FIXED64,
  LENGTH_DELIMITED,
  readDouble,
  readFixed32,
  readUint32,
  readUint64,
  VARINT,
} from '../../../wire/varint.ts';
import { type Field, isMessage, type MessageName, REQUEST, SCHEMA } from '../schema.ts';
import { regroup } from './regroup.ts';
import { TextWriter } from './text-writer.ts';

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** How one field turns into text. */
interface Column {
  readonly field: Field;
  /** The key with its quotes and colon. */
  readonly key: Uint8Array;
  readonly message: Columns | undefined;
  /** Bits of the fields that exclude this one: itself, and the others of its oneof. */
  readonly excludes: number;
}

/** By field number. */
type Columns = readonly (Column | undefined)[];

const TABLES = new Map<MessageName, (Column | undefined)[]>();

function columnsOf(name: MessageName): Columns {
  const known = TABLES.get(name);
  if (known !== undefined) return known;
  const columns: (Column | undefined)[] = [];
  TABLES.set(name, columns);
  for (const field of SCHEMA[name]) {
    const excluding = SCHEMA[name].filter(
      (other) => other === field || (field.oneof !== undefined && other.oneof === field.oneof),
    );
    columns[field.number] = {
      field,
      key: Buffer.from(`"${field.jsonName}":`),
      message: isMessage(field.type) ? columnsOf(field.type) : undefined,
      excludes: excluding.reduce((bits, { number }) => bits | (1 << number), 0),
    };
  }
  return columns;
}

/**
 * Writes a batch as one OTLP/JSON request: camelCase keys, 64-bit integers as strings, enums as
 * numbers, ids in lower-case hex. The chunks must be valid requests; what they say is what is
 * written, unknown fields apart, which JSON has no name for.
 */
export function encodeJson(signal: Signal, chunks: readonly Bytes[]): Bytes {
  const columns = columnsOf(REQUEST[signal]);
  const column = columns[1];
  if (column?.message === undefined) throw new Error('bug: a request without its list');
  const encoder = new JsonEncoder(chunks);
  return encoder.request(column);
}

class JsonEncoder {
  readonly #chunks: readonly Bytes[];
  readonly #text: TextWriter;
  /** One per depth, reused. */
  readonly #cursors: FieldCursor[] = [];
  readonly #scratch = Buffer.alloc(8);
  #depth = 0;

  constructor(chunks: readonly Bytes[]) {
    this.#chunks = chunks;
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#text = new TextWriter(size * 2 + 64);
  }

  request(column: Column): Bytes {
    const text = this.#text;
    text.character(OPEN_BRACE);
    let isFirst = true;
    for (const chunk of this.#chunks) {
      const cursor = this.#enter(chunk, 0, chunk.length);
      while (cursor.next()) {
        if (cursor.number !== column.field.number) continue;
        if (isFirst) {
          text.raw(column.key);
          text.character(OPEN_BRACKET);
        } else text.character(COMMA);
        isFirst = false;
        this.#message(column.message ?? [], chunk, cursor);
      }
      this.#depth--;
    }
    if (!isFirst) text.character(CLOSE_BRACKET);
    text.character(CLOSE_BRACE);
    return text.finish();
  }

  #message(columns: Columns, bytes: Uint8Array, field: FieldCursor): void {
    const { start, end } = field;
    if (!this.#hasRepeats(columns, bytes, field)) return this.#fields(columns, bytes, [start, end]);
    const grouped = regroup(bytes.subarray(start, end), {
      isRepeated: (number) => columns[number]?.field.repeated === true,
      isMessage: (number) => columns[number]?.message !== undefined,
      excludes: (number) => columns[number]?.excludes ?? 0,
    });
    return this.#fields(columns, grouped, [0, grouped.length]);
  }

  /**
   * Whether fields that JSON must have in one place are apart on the wire. Asked before writing:
   * finding out on the way would write what is inside twice, at every depth.
   */
  #hasRepeats(columns: Columns, bytes: Uint8Array, { start, end }: FieldCursor): boolean {
    const cursor = this.#enter(bytes, start, end);
    this.#depth--;
    let seen = 0;
    let list = 0;
    while (cursor.next()) {
      const column = columns[cursor.number];
      if (column === undefined || cursor.number === list) continue;
      if ((seen & column.excludes) !== 0) return true;
      seen |= 1 << cursor.number;
      list = column.field.repeated ? cursor.number : 0;
    }
    return false;
  }

  #fields(columns: Columns, bytes: Uint8Array, [start, end]: readonly [number, number]): void {
    const text = this.#text;
    const cursor = this.#enter(bytes, start, end);
    let list: Column | undefined;
    let isFirst = true;
    text.character(OPEN_BRACE);
    while (cursor.next()) {
      const column = columns[cursor.number];
      if (column === undefined) continue;
      if (column !== list) {
        if (list !== undefined) text.character(CLOSE_BRACKET);
        if (!isFirst) text.character(COMMA);
        isFirst = false;
        text.raw(column.key);
        list = column.field.repeated ? column : undefined;
        if (list !== undefined) text.character(OPEN_BRACKET);
      }
      if (list === undefined) this.#value(column, bytes, cursor);
      else this.#element(column, bytes, cursor);
    }
    if (list !== undefined) text.character(CLOSE_BRACKET);
    text.character(CLOSE_BRACE);
    this.#depth--;
  }

  /** One element of a list, or the many of a packed one. */
  #element(column: Column, bytes: Uint8Array, cursor: FieldCursor): void {
    const { field, message } = column;
    const text = this.#text;
    const isPacked =
      message === undefined && field.type !== 'string' && cursor.wireType === LENGTH_DELIMITED;
    if (!isPacked) {
      if (text.last !== OPEN_BRACKET) text.character(COMMA);
      this.#value(column, bytes, cursor);
      return;
    }
    const isVarint = !WIDTHS.has(field.type);
    for (let at = cursor.start; at < cursor.end; ) {
      if (text.last !== OPEN_BRACKET) text.character(COMMA);
      this.#scalar(field, bytes, at);
      if (isVarint) while (bytes[at++]! >= 0x80);
      else at += 8;
    }
  }

  #value(column: Column, bytes: Uint8Array, cursor: FieldCursor): void {
    const { field, message } = column;
    if (message !== undefined) return this.#message(message, bytes, cursor);
    const { start, end } = cursor;
    if (field.type === 'string') return this.#text.string(bytes, start, end);
    if (field.type !== 'bytes') return this.#scalar(field, bytes, start);
    if (field.id !== undefined) return this.#text.hex(bytes, start, end);
    return this.#text.base64(bytes, start, end);
  }

  #scalar(field: Field, bytes: Uint8Array, at: number): void {
    const text = this.#text;
    switch (field.type) {
      case 'bool':
        return text.ascii(readUint64(bytes, at) === 0n ? 'false' : 'true');
      case 'enum':
      case 'int32':
        return text.ascii(String(readUint32(bytes, at) | 0));
      case 'uint32':
        return text.ascii(String(readUint32(bytes, at)));
      case 'sint32': {
        const zigzag = readUint32(bytes, at);
        return text.ascii(String((zigzag >>> 1) ^ -(zigzag & 1)));
      }
      case 'fixed32':
        return text.ascii(String(readFixed32(bytes, at)));
      case 'double':
        return text.double(readDouble(bytes, at));
      case 'fixed64':
        return text.decimal64(bytes, at, false);
      case 'sfixed64':
        return text.decimal64(bytes, at, true);
      case 'int64':
      case 'uint64':
        this.#scratch.writeBigUInt64LE(readUint64(bytes, at));
        return text.decimal64(this.#scratch, 0, field.type === 'int64');
      default:
        throw new Error(`bug: ${field.type} (wire types ${VARINT} and ${FIXED64}) is no number`);
    }
  }

  #enter(bytes: Uint8Array, start: number, end: number): FieldCursor {
    const cursor = (this.#cursors[this.#depth++] ??= new FieldCursor());
    return cursor.enter(bytes, start, end);
  }
}

/** Types of eight bytes on the wire. */
const WIDTHS: ReadonlySet<Field['type']> = new Set(['double', 'fixed64', 'sfixed64']);
