import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeaderLookup } from '../../contract/component.ts';
import { tenantOf } from './tenancy.ts';

const HEADERS = ['x-scope-orgid', 'x-tenant-id'];

function lookup(headers: Readonly<Record<string, readonly string[]>>): HeaderLookup {
  return (name) => headers[name] ?? [];
}

function tenant(headers: Readonly<Record<string, readonly string[]>>, fallback?: string): string {
  const answer = tenantOf({ headers: HEADERS, default: fallback }, lookup(headers));
  if (typeof answer === 'string') return answer;
  assert.equal(answer.kind, 'rejected');
  return `${'fault' in answer ? answer.fault : undefined} ${'reason' in answer ? answer.reason : ''}`;
}

test('the first header that is present says whose data it is', () => {
  assert.equal(tenant({ 'x-scope-orgid': ['a'], 'x-tenant-id': ['b'] }, 'default'), 'a');
  assert.equal(tenant({ 'x-tenant-id': ['b'] }, 'default'), 'b');
  assert.equal(tenant({}, 'default'), 'default');
});

test('TEN-1: ids have at most 150 bytes of a small alphabet, and no path', () => {
  const valid = (id: string): void => assert.equal(tenant({ 'x-scope-orgid': [id] }), id);
  const refused = (id: string): void =>
    assert.equal(tenant({ 'x-scope-orgid': [id] }, 'default'), 'invalid tenant_invalid', id);
  valid("aZ09!-_.*'()");
  valid('a'.repeat(150));
  refused('a'.repeat(151));
  for (const id of ['.', '..', '__mimir_cluster', '', 'a/b', 'a b', 'a|b', 'a:b', 'ä', 'a\n']) {
    refused(id);
  }
});

test('TEN-2: a request without a tenant is unauthenticated when one is required', () => {
  assert.equal(tenant({}), 'unauthenticated tenant_missing');
});

test('TEN-5: a tenant header given twice is invalid, whatever it says', () => {
  assert.equal(tenant({ 'x-scope-orgid': ['a', 'a'] }), 'invalid tenant_invalid');
});

test('what a receiver was told to believe goes before headers, and must be a valid id too', () => {
  const tenancy = { headers: ['x-scope-orgid'], default: 'anonymous' };
  const headers = (name: string) => (name === 'x-scope-orgid' ? ['of-header'] : []);
  assert.equal(tenantOf(tenancy, headers, 'of-topic'), 'of-topic');
  assert.equal(tenantOf(tenancy, headers, undefined), 'of-header');
  const refusal = tenantOf(tenancy, headers, 'a/b');
  assert.ok(typeof refusal === 'object' && refusal.kind === 'rejected');
});
