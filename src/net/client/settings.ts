/** Settings that every exporter over HTTP or gRPC has, written once. */
import { z } from 'zod';
import { headers } from '../../contract/settings.ts';
import { type Codec, isAvailable, levelsOf } from '../compress.ts';

/** A key this build refuses rather than ignores: without it data would go out differently. */
export function unsupported(advice: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) {
        context.addIssue({ code: 'custom', message: `is not supported; ${advice}` });
      }
    });
}

/** Headers or metadata sent with every request; `problem` says what is wrong with one. */
export function outgoingHeaders(problem: (name: string, value: string) => string | undefined) {
  return headers()
    .superRefine((values, context) => {
      const seen = new Set<string>();
      for (const [name, value] of Object.entries(values)) {
        const lower = name.toLowerCase();
        const wrong = seen.has(lower) ? 'is there twice' : problem(name, value);
        seen.add(lower);
        if (wrong !== undefined) {
          context.addIssue({ code: 'custom', path: [name], message: `${name} ${wrong}` });
        }
      }
    })
    .describe('Sent with every request.');
}

/** The header that names the tenant of a batch; no other way leads a tenant out. */
export function tenantHeader(problem: (name: string, value: string) => string | undefined) {
  return z
    .string()
    .superRefine((name, context) => {
      const wrong = problem(name, '');
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: `${name} ${wrong}` });
    })
    .optional()
    .describe('Header that carries the tenant of each batch, such as X-Scope-OrgID.');
}

/** Refuses a tenant header that is also set for everybody. */
export function refuseTwoTenants(
  value: {
    readonly headers: Readonly<Record<string, string>>;
    readonly tenant_header?: string | undefined;
  },
  context: z.RefinementCtx,
): void {
  const name = value.tenant_header?.toLowerCase();
  if (name !== undefined && Object.keys(value.headers).some((key) => key.toLowerCase() === name)) {
    context.addIssue({
      code: 'custom',
      path: ['tenant_header'],
      message: `${value.tenant_header} is set in headers too; keep one of the two`,
    });
  }
}

/** What an operator writes for `compression`, and `compression_params.level` where it applies. */
export function compression(names: Readonly<Record<string, Codec>>) {
  const keys = Object.keys(names) as [string, ...string[]];
  return z
    .enum(keys)
    .superRefine((name, context) => {
      if (!isAvailable(names[name] ?? 'none')) {
        context.addIssue({ code: 'custom', message: `${name} needs the npm package lz4-napi` });
      }
    })
    .default('gzip')
    .describe('Compression of requests.');
}

/** Schema of `compression_params`. */
export const compressionParams = z
  .strictObject({
    level: z
      .int()
      .default(0)
      .describe('1 is fastest. 0 is the default of this program, level 1; -1 that of the codec.'),
  })
  .prefault({});

/** Refuses a level the codec does not know. */
export function refuseLevel(codec: Codec, level: number, context: z.RefinementCtx): void {
  const levels = levelsOf(codec);
  if (level === 0 || (levels !== undefined && level >= levels.min && level <= levels.max)) return;
  const message =
    levels === undefined
      ? `${codec} has no levels; remove ${level}`
      : `must be between ${levels.min} and ${levels.max} for ${codec}, not ${level}`;
  context.addIssue({ code: 'custom', path: ['compression_params', 'level'], message });
}
