/**
 * Outcomes in the words of HTTP and gRPC, and back: the only tables of this kind. Receivers use
 * one direction, exporters the other, so that what one gateway refuses the next one understands.
 */
import { ACCEPTED, type Fault, type Outcome } from '../contract/outcome.ts';

/** Codes of `google.rpc.Code`. */
export const GRPC = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const GRPC_NAMES: readonly string[] = Object.keys(GRPC).map((name) =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
);

/** Sent with every refusal that says nothing of when to come back, in milliseconds. */
const DEFAULT_RETRY_MS = 1000;

/** Longest part of a peer's message that is kept. */
const MAX_MESSAGE = 1024;

/** A status as either protocol carries it. */
export interface Status {
  /** HTTP status code. */
  readonly http: number;
  /** Code of `google.rpc.Code`: the `grpc-status`, and `Status.code` in an HTTP body. */
  readonly grpc: number;
  /** For people; empty on success. */
  readonly message: string;
  /** Present exactly when a client may come back: Retry-After and RetryInfo, in milliseconds. */
  readonly retryAfterMs?: number;
}

const FAULTS: Readonly<Record<Fault, readonly [http: number, grpc: number]>> = {
  invalid: [400, GRPC.invalidArgument],
  too_large: [413, GRPC.resourceExhausted],
  unauthenticated: [401, GRPC.unauthenticated],
  forbidden: [403, GRPC.permissionDenied],
  unsupported: [415, GRPC.unimplemented],
  unimplemented: [404, GRPC.unimplemented],
  internal: [500, GRPC.internal],
};

/** What a receiver says to its client. A retryable refusal always carries a hint. */
export function statusOf(outcome: Outcome): Status {
  switch (outcome.kind) {
    case 'accepted':
    case 'partial':
      return { http: 200, grpc: GRPC.ok, message: '' };
    case 'retry': {
      const tenant = outcome.scope !== undefined;
      return {
        http: tenant ? 429 : 503,
        grpc: tenant ? GRPC.resourceExhausted : GRPC.unavailable,
        message: outcome.message,
        retryAfterMs: outcome.afterMs ?? DEFAULT_RETRY_MS,
      };
    }
    case 'rejected': {
      const [http, grpc] = FAULTS[outcome.fault ?? 'invalid'];
      return { http, grpc, message: outcome.message };
    }
  }
}

/** What a backend said, beyond its code. */
export interface BackendHint {
  /** Its explanation, as it came; cut when long. */
  readonly message?: string | undefined;
  /** Retry-After or RetryInfo, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

const HTTP_FAULTS: Readonly<Record<number, Fault>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'unimplemented',
  405: 'unimplemented',
  413: 'too_large',
  415: 'unsupported',
};

/**
 * What an exporter makes of an HTTP answer. Exactly 429, 502, 503 and 504 are worth a retry.
 * A redirect is not followed here and counts as a rejection.
 */
export function outcomeOfHttp(status: number, hint: BackendHint = {}): Outcome {
  if (status >= 200 && status < 300) return ACCEPTED;
  const known = Number.isInteger(status) && status >= 100 && status <= 599;
  const reason = known ? `http_${status}` : 'http_unknown';
  const message = described(`the backend answered ${status}`, hint.message);
  if (status === 429 || (status >= 502 && status <= 504)) {
    return retry(reason, message, hint.retryAfterMs);
  }
  const fault = HTTP_FAULTS[status] ?? (status >= 500 ? 'internal' : 'invalid');
  return { kind: 'rejected', reason, message, fault };
}

const GRPC_RETRYABLE: ReadonlySet<number> = new Set([
  GRPC.cancelled,
  GRPC.deadlineExceeded,
  GRPC.aborted,
  GRPC.outOfRange,
  GRPC.unavailable,
  GRPC.dataLoss,
]);

const GRPC_FAULTS: Readonly<Record<number, Fault>> = {
  [GRPC.unknown]: 'internal',
  [GRPC.permissionDenied]: 'forbidden',
  [GRPC.resourceExhausted]: 'too_large',
  [GRPC.unimplemented]: 'unimplemented',
  [GRPC.internal]: 'internal',
  [GRPC.unauthenticated]: 'unauthenticated',
};

/**
 * What an exporter makes of a gRPC status. RESOURCE_EXHAUSTED is worth a retry only with
 * RetryInfo (`hint.retryAfterMs`).
 */
export function outcomeOfGrpc(code: number, hint: BackendHint = {}): Outcome {
  if (code === GRPC.ok) return ACCEPTED;
  const name = GRPC_NAMES[code] ?? 'unknown';
  const message = described(`the backend answered ${name.toUpperCase()} (${code})`, hint.message);
  const retryable =
    GRPC_RETRYABLE.has(code) ||
    (code === GRPC.resourceExhausted && hint.retryAfterMs !== undefined);
  if (retryable) return retry(`grpc_${name}`, message, hint.retryAfterMs);
  const fault = GRPC_FAULTS[code] ?? 'invalid';
  return { kind: 'rejected', reason: `grpc_${name}`, message, fault };
}

/**
 * The gRPC code a gRPC client reads off an HTTP answer that is not gRPC (a proxy's), as the
 * gRPC specification tables it.
 */
export function grpcCodeOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GRPC.internal;
    case 401:
      return GRPC.unauthenticated;
    case 403:
      return GRPC.permissionDenied;
    case 404:
      return GRPC.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC.unavailable;
    default:
      return GRPC.unknown;
  }
}

/** The HTTP status for a gRPC code, as the reference receiver maps them. */
export function httpOfGrpc(code: number): number {
  if (code === GRPC.ok) return 200;
  if (GRPC_RETRYABLE.has(code)) return 503;
  switch (code) {
    case GRPC.resourceExhausted:
      return 429;
    case GRPC.invalidArgument:
      return 400;
    case GRPC.unauthenticated:
      return 401;
    case GRPC.permissionDenied:
      return 403;
    case GRPC.unimplemented:
      return 404;
    default:
      return 500;
  }
}

/** Milliseconds from `now` that a Retry-After asks for; undefined when it says nothing usable. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed) * 1000;
  // A date has a weekday or a month in letters; Date.parse alone would take "-5" for a year.
  if (!/^[A-Za-z]{3}/.test(trimmed)) return undefined;
  const at = Date.parse(trimmed);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** A Retry-After in whole seconds, never earlier than `ms` and never 0. */
export function formatRetryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

function retry(reason: string, message: string, afterMs: number | undefined): Outcome {
  return afterMs === undefined
    ? { kind: 'retry', reason, message }
    : { kind: 'retry', reason, message, afterMs };
}

function described(what: string, message: string | undefined): string {
  if (message === undefined || message === '') return what;
  return `${what}: ${message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message}`;
}
