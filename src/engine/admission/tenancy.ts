import type { HeaderLookup } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { TenancyConfig } from '../config/config.ts';

const MAX_TENANT_BYTES = 150;
const ALLOWED = /^[0-9A-Za-z!\-_.*'()]+$/;
const RESERVED: ReadonlySet<string> = new Set(['.', '..', '__mimir_cluster']);

/**
 * Whose data a request is: the first configured header that is present says, else the default.
 * A header given twice or holding anything but a valid id refuses the request as invalid; no
 * header and no default refuses it as unauthenticated. `named` is believed before any header.
 */
export function tenantOf(
  tenancy: TenancyConfig,
  headers: HeaderLookup,
  named?: string,
): string | Outcome {
  if (named !== undefined) return isTenant(named) ? named : invalid(describe('the request', named));
  for (const name of tenancy.headers) {
    const values = headers(name);
    const value = values[0];
    if (value === undefined) continue;
    if (values.length > 1) {
      return invalid(`header ${name} is given ${values.length} times; send it once`);
    }
    return isTenant(value) ? value : invalid(describe(name, value));
  }
  if (tenancy.default !== undefined) return tenancy.default;
  return {
    kind: 'rejected',
    reason: 'tenant_missing',
    message: `the request names no tenant; send the header ${tenancy.headers.join(' or ')}`,
    fault: 'unauthenticated',
  };
}

function isTenant(value: string): boolean {
  return value.length <= MAX_TENANT_BYTES && ALLOWED.test(value) && !RESERVED.has(value);
}

function invalid(message: string): Outcome {
  return { kind: 'rejected', reason: 'tenant_invalid', message, fault: 'invalid' };
}

function describe(name: string, value: string): string {
  if (value.length > MAX_TENANT_BYTES) {
    return `tenant id in ${name} has ${value.length} characters; ${MAX_TENANT_BYTES} are allowed`;
  }
  const allowed = "letters, digits and !-_.*'() are allowed, and '.' and '..' are not ids";
  return `tenant id ${JSON.stringify(value)} in ${name} is not valid; ${allowed}`;
}
