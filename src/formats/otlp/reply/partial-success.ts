import type { Bytes, Signal } from '../../../contract/batch.ts';
import { Writer } from '../../../wire/writer.ts';
import {
  clipMessage,
  findBytes,
  findInteger,
  isRecord,
  MAX_REPLY_BYTES,
  parseJsonReply,
  readFields,
} from './reader.ts';

/** How a reply is encoded; the same as its request. */
export type ReplyFormat = 'protobuf' | 'json';

/** What a server did not take of a request it answered with success. */
export interface PartialSuccess {
  /** Spans, data points or log records; 0 with a message is a warning. */
  readonly rejected: number;
  readonly message: string;
}

const REJECTED_KEYS = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
} as const satisfies Record<Signal, string>;

const FULL_SUCCESS: PartialSuccess = Object.freeze({ rejected: 0, message: '' });

// message Export<Signal>ServiceResponse { Export<Signal>PartialSuccess partial_success = 1; }
// message Export<Signal>PartialSuccess { int64 rejected_<items> = 1; string error_message = 2; }

/**
 * An `Export…ServiceResponse`. Nothing rejected and nothing to say is full success: no bytes in
 * protobuf, `{}` in JSON. A long message is cut.
 */
export function encodePartialSuccess(
  signal: Signal,
  format: ReplyFormat,
  rejected: number,
  message: string,
): Bytes {
  const isFullSuccess = rejected === 0 && message === '';
  const text = clipMessage(message);
  if (format === 'json') {
    const partialSuccess: Record<string, string> = {};
    if (rejected > 0) partialSuccess[REJECTED_KEYS[signal]] = String(rejected);
    if (text !== '') partialSuccess['errorMessage'] = text;
    return encodeText(JSON.stringify(isFullSuccess ? {} : { partialSuccess }));
  }
  const writer = new Writer();
  if (isFullSuccess) return writer.finish();
  writer.open(1);
  if (rejected > 0) writer.uint(1, rejected);
  if (text !== '') writer.string(2, text);
  return writer.close().finish();
}

/**
 * Reads a backend's success reply. Never throws: a body that cannot be read is success all the
 * same (it must not be retried), with a message that says so and nothing rejected.
 */
export function decodePartialSuccess(
  signal: Signal,
  format: ReplyFormat,
  bytes: Uint8Array,
): PartialSuccess {
  if (bytes.length === 0) return FULL_SUCCESS;
  try {
    if (bytes.length > MAX_REPLY_BYTES) throw new Error(`reply of ${bytes.length} bytes`);
    return format === 'json' ? fromJson(signal, bytes) : fromProtobuf(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { rejected: 0, message: clipMessage(`cannot decode the reply of the backend: ${why}`) };
  }
}

function fromProtobuf(bytes: Uint8Array): PartialSuccess {
  const partial = findBytes(readFields(bytes), 1);
  if (partial === undefined) return FULL_SUCCESS;
  const fields = readFields(partial);
  const message = new TextDecoder('utf-8', { ignoreBOM: true }).decode(findBytes(fields, 2));
  return { rejected: countOf(findInteger(fields, 1)), message: clipMessage(message) };
}

function fromJson(signal: Signal, bytes: Uint8Array): PartialSuccess {
  const reply = parseJsonReply(bytes);
  const partial = reply['partialSuccess'] ?? reply['partial_success'];
  if (!isRecord(partial)) return FULL_SUCCESS;
  const key = REJECTED_KEYS[signal];
  const rejected = partial[key] ?? partial[snakeCase(key)];
  const message = partial['errorMessage'] ?? partial['error_message'];
  return {
    rejected: countOf(rejected),
    message: typeof message === 'string' ? clipMessage(message) : '',
  };
}

function countOf(value: unknown): number {
  const count = typeof value === 'string' || typeof value === 'bigint' ? Number(value) : value;
  if (typeof count !== 'number' || !(count > 0)) return 0;
  return Math.min(Math.floor(count), Number.MAX_SAFE_INTEGER);
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function encodeText(text: string): Bytes {
  return new TextEncoder().encode(text);
}
