import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../contract/outcome.ts';
import {
  formatRetryAfter,
  GRPC,
  httpOfGrpc,
  outcomeOfGrpc,
  outcomeOfHttp,
  parseRetryAfter,
  statusOf,
} from './status.ts';

test('OTLP-S16, S25: a refusal worth a retry is UNAVAILABLE and 503 with a hint', () => {
  const status = statusOf({ kind: 'retry', reason: 'queue_full', message: 'full', afterMs: 250 });
  assert.deepEqual(status, { http: 503, grpc: 14, message: 'full', retryAfterMs: 250 });
  assert.equal(
    statusOf({ kind: 'retry', reason: 'busy', message: '' }).retryAfterMs !== undefined,
    true,
  );
});

test('OTLP-S18: without a status of its own a permanent fault is INTERNAL and 500, any other UNAVAILABLE and 503', () => {
  const bug = statusOf({ kind: 'rejected', reason: 'bug', message: 'm', fault: 'internal' });
  assert.deepEqual([bug.http, bug.grpc], [500, 13]);
  const passing = statusOf({ kind: 'retry', reason: 'r', message: 'm' });
  assert.deepEqual([passing.http, passing.grpc], [503, 14]);
});

test('a limit of one tenant is RESOURCE_EXHAUSTED and 429 with a hint', () => {
  const outcome: Outcome = { kind: 'retry', reason: 'r', message: 'm', scope: 'tenant' };
  const status = statusOf(outcome);
  assert.deepEqual([status.http, status.grpc], [429, 8]);
  assert.ok((status.retryAfterMs ?? 0) > 0);
});

test('OTLP-S14, S17, S20, S24: permanent failures say which, and never offer a retry', () => {
  const f = (fault: 'invalid' | 'too_large' | 'unsupported' | 'internal', expected: number[]) => {
    const status = statusOf({ kind: 'rejected', reason: 'r', message: 'm', fault });
    assert.deepEqual([status.http, status.grpc], expected);
    assert.equal(status.retryAfterMs, undefined);
  };
  f('invalid', [400, 3]);
  f('too_large', [413, 8]);
  f('unsupported', [415, 12]);
  f('internal', [500, 13]);
});

test('OTLP-C1: exactly the listed gRPC codes are retried, RESOURCE_EXHAUSTED only with RetryInfo', () => {
  const retried = Object.values(GRPC).filter((code) => outcomeOfGrpc(code).kind === 'retry');
  assert.deepEqual(retried, [1, 4, 10, 11, 14, 15]);
  assert.deepEqual(outcomeOfGrpc(8, { retryAfterMs: 0 }).kind, 'retry');
  assert.equal(outcomeOfGrpc(0).kind, 'accepted');
  assert.equal(outcomeOfGrpc(99).kind, 'rejected');
});

test('OTLP-C2: exactly 429, 502, 503 and 504 are retried', () => {
  const retried: number[] = [];
  for (let code = 100; code < 600; code++) {
    const { kind } = outcomeOfHttp(code);
    if (kind === 'retry') retried.push(code);
    assert.equal(kind === 'accepted', code >= 200 && code < 300);
  }
  assert.deepEqual(retried, [429, 502, 503, 504]);
});

test('OTLP-S27: gRPC codes map to HTTP as the reference does', () => {
  const mapped = Object.values(GRPC).map((code) => httpOfGrpc(code));
  assert.deepEqual(
    mapped,
    [200, 503, 500, 400, 503, 500, 500, 403, 429, 500, 503, 503, 404, 500, 503, 503, 401],
  );
});

test('OTLP-C3: Retry-After is read as seconds and as a date', () => {
  const now = Date.UTC(2026, 0, 1, 0, 0, 0);
  const f = (text: string | undefined, expected: number | undefined) =>
    assert.equal(parseRetryAfter(text, now), expected);
  f('7', 7000);
  f(' 0 ', 0);
  f('Thu, 01 Jan 2026 00:00:30 GMT', 30_000);
  f('Thursday, 01-Jan-26 00:00:30 GMT', 30_000);
  f('Thu, 01 Jan 2020 00:00:00 GMT', 0);
  f('-5', undefined);
  f('soon', undefined);
  f('', undefined);
  f(undefined, undefined);
});

test('Retry-After is printed in whole seconds, never too early', () => {
  assert.deepEqual([0, 1, 1000, 1001].map(formatRetryAfter), ['1', '1', '1', '2']);
});

test('a long message of a backend is cut', () => {
  const outcome = outcomeOfHttp(400, { message: 'x'.repeat(10_000) });
  assert.ok(outcome.kind === 'rejected' && outcome.message.length < 1200);
});
