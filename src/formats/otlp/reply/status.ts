import type { Bytes } from '../../../contract/batch.ts';
import { Writer } from '../../../wire/writer.ts';
import type { ReplyFormat } from './partial-success.ts';
import {
  clipMessage,
  findBytes,
  findInteger,
  isRecord,
  MAX_REPLY_BYTES,
  parseJsonReply,
  readFields,
} from './reader.ts';

/** Why a request failed, as `google.rpc.Status` says it. */
export interface Status {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
  /** The RetryInfo detail: milliseconds a client should wait at least. */
  readonly retryAfterMs?: number;
  /** The BadRequest detail. */
  readonly violations?: readonly Violation[];
}

/** What is wrong with one field of a request. */
export interface Violation {
  /** A path such as `resourceSpans[0].scopeSpans[1]`; empty for the whole request. */
  readonly field: string;
  readonly description: string;
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';
const MAX_VIOLATIONS = 16;
/** Nobody waits longer for a backend; it also keeps hostile numbers finite. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

// message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
// message Any { string type_url = 1; bytes value = 2; }
// message RetryInfo { Duration retry_delay = 1; }
// message Duration { int64 seconds = 1; int32 nanos = 2; }
// message BadRequest { repeated FieldViolation field_violations = 1; }
// message FieldViolation { string field = 1; string description = 2; }

/** A `google.rpc.Status`: the body of an HTTP error, or the `grpc-status-details-bin` trailer. */
export function encodeStatus(format: ReplyFormat, status: Status): Bytes {
  return format === 'json' ? toJson(status) : toProtobuf(status);
}

/**
 * Reads a backend's error reply. Undefined when it is no Status, as plain-text errors of proxies
 * are not; never throws. Delays are clamped to a day.
 */
export function decodeStatus(format: ReplyFormat, bytes: Uint8Array): Status | undefined {
  if (bytes.length === 0 || bytes.length > MAX_REPLY_BYTES) return undefined;
  try {
    return format === 'json' ? fromJson(bytes) : fromProtobuf(bytes);
  } catch {
    return undefined;
  }
}

function toProtobuf(status: Status): Bytes {
  const writer = new Writer();
  if (status.code !== 0) writer.uint(1, status.code);
  if (status.message !== '') writer.string(2, clipMessage(status.message));
  if (status.retryAfterMs !== undefined) {
    const { seconds, nanos } = durationOf(status.retryAfterMs);
    writer.open(3).string(1, RETRY_INFO).open(2).open(1);
    if (seconds > 0) writer.uint(1, seconds);
    if (nanos > 0) writer.uint(2, nanos);
    writer.close().close().close();
  }
  const violations = status.violations?.slice(0, MAX_VIOLATIONS) ?? [];
  if (violations.length > 0) {
    writer.open(3).string(1, BAD_REQUEST).open(2);
    for (const { field, description } of violations) {
      writer.open(1).string(1, clipMessage(field)).string(2, clipMessage(description)).close();
    }
    writer.close().close();
  }
  return writer.finish();
}

function toJson(status: Status): Bytes {
  const details: unknown[] = [];
  if (status.retryAfterMs !== undefined) {
    const { seconds, nanos } = durationOf(status.retryAfterMs);
    const fraction =
      nanos === 0
        ? ''
        : `.${String(nanos)
            .padStart(9, '0')
            .replace(/(000)+$/, '')}`;
    details.push({ '@type': RETRY_INFO, retryDelay: `${seconds}${fraction}s` });
  }
  const violations = status.violations?.slice(0, MAX_VIOLATIONS) ?? [];
  if (violations.length > 0) {
    const fieldViolations = violations.map(({ field, description }) => ({
      field: clipMessage(field),
      description: clipMessage(description),
    }));
    details.push({ '@type': BAD_REQUEST, fieldViolations });
  }
  const { code } = status;
  const message = clipMessage(status.message);
  return encodeText(
    JSON.stringify(details.length > 0 ? { code, message, details } : { code, message }),
  );
}

function fromProtobuf(bytes: Uint8Array): Status {
  const fields = readFields(bytes);
  const details: Details = {};
  for (const field of fields) {
    if (field.number !== 3 || typeof field.value === 'bigint') continue;
    const any = readFields(field.value);
    const value = findBytes(any, 2) ?? new Uint8Array(0);
    const typeUrl = decodeText(findBytes(any, 1));
    if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
      const delay = readFields(findBytes(readFields(value), 1) ?? new Uint8Array(0));
      details.retryAfterMs = clampDelay(
        Number(findInteger(delay, 1)) * 1000 + Number(findInteger(delay, 2)) / 1e6,
      );
    } else if (typeUrl.endsWith('/google.rpc.BadRequest')) {
      details.violations = violationsOf(value);
    }
  }
  return {
    code: Number(BigInt.asIntN(32, findInteger(fields, 1))),
    message: decodeText(findBytes(fields, 2)),
    ...details,
  };
}

interface Details {
  retryAfterMs?: number;
  violations?: readonly Violation[];
}

function violationsOf(badRequest: Uint8Array): readonly Violation[] {
  const violations: Violation[] = [];
  for (const { number, value } of readFields(badRequest)) {
    if (number !== 1 || typeof value === 'bigint') continue;
    if (violations.length === MAX_VIOLATIONS) break;
    const fields = readFields(value);
    violations.push({
      field: decodeText(findBytes(fields, 1)),
      description: decodeText(findBytes(fields, 2)),
    });
  }
  return violations;
}

function fromJson(bytes: Uint8Array): Status | undefined {
  const { code, message, details: list } = parseJsonReply(bytes);
  if (code === undefined && message === undefined && list === undefined) return undefined;
  const details: Details = {};
  for (const detail of Array.isArray(list) ? list : []) {
    if (!isRecord(detail) || typeof detail['@type'] !== 'string') continue;
    if (detail['@type'].endsWith('/google.rpc.RetryInfo')) {
      const delay = parseDelay(detail['retryDelay'] ?? detail['retry_delay']);
      if (delay !== undefined) details.retryAfterMs = delay;
    } else if (detail['@type'].endsWith('/google.rpc.BadRequest')) {
      const found = detail['fieldViolations'] ?? detail['field_violations'];
      details.violations = (Array.isArray(found) ? found : [])
        .filter(isRecord)
        .slice(0, MAX_VIOLATIONS)
        .map((one) => ({ field: textOf(one['field']), description: textOf(one['description']) }));
    }
  }
  const number = Number(code);
  return {
    code: Number.isSafeInteger(number) ? number : 2,
    message: textOf(message),
    ...details,
  };
}

/** Milliseconds of a protojson Duration such as `1.5s`. */
function parseDelay(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(-?\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (match === null) return undefined;
  return clampDelay(Number(match[1]) * 1000 + Number((match[2] ?? '').padEnd(9, '0')) / 1e6);
}

function clampDelay(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function durationOf(ms: number): { readonly seconds: number; readonly nanos: number } {
  const nanos = Math.round(clampDelay(ms) * 1e6);
  return { seconds: Math.floor(nanos / 1e9), nanos: nanos % 1e9 };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? clipMessage(value) : '';
}

function decodeText(bytes: Uint8Array | undefined): string {
  return bytes === undefined
    ? ''
    : clipMessage(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
}

function encodeText(text: string): Bytes {
  return new TextEncoder().encode(text);
}
