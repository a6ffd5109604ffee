import { FieldCursor } from '../../../wire/cursor.ts';
import { LENGTH_DELIMITED, readUint64, VARINT } from '../../../wire/varint.ts';

/** Replies larger than this are not read: OTLP's limit for both sides. */
export const MAX_REPLY_BYTES = 4 * 1024 * 1024;

const MAX_MESSAGE_LENGTH = 2048;

/** A message short enough for a reply, a trailer and a log line; never cut inside a character. */
export function clipMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message.toWellFormed();
  return `${message.slice(0, MAX_MESSAGE_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '')}…`.toWellFormed();
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A reply that must be a JSON object. Throws on anything else. */
export function parseJsonReply(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isRecord(value)) throw new Error('it is no JSON object');
  return value;
}

/** One field of a reply: a whole number, or the bytes of a length-delimited field. */
export interface ReplyField {
  readonly number: number;
  readonly value: bigint | Uint8Array;
}

/** A reply with more fields than this is nobody's. */
const MAX_FIELDS = 1024;

/** The varint and length-delimited fields of a message. Throws `WireError` on garbage. */
export function readFields(bytes: Uint8Array): readonly ReplyField[] {
  const fields: ReplyField[] = [];
  const cursor = new FieldCursor().enter(bytes);
  while (cursor.next()) {
    const { number, wireType, start, end } = cursor;
    if (fields.length === MAX_FIELDS) throw new Error(`more than ${MAX_FIELDS} fields in a reply`);
    if (wireType === VARINT) fields.push({ number, value: readUint64(bytes, start) });
    if (wireType === LENGTH_DELIMITED) fields.push({ number, value: bytes.subarray(start, end) });
  }
  return fields;
}

/** The last length-delimited field of that number. */
export function findBytes(fields: readonly ReplyField[], number: number): Uint8Array | undefined {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? undefined : value;
}

/** The last varint field of that number as an int64; 0 when absent. */
export function findInteger(fields: readonly ReplyField[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : 0n;
}
