/**
 * The vocabulary of settings. Component schemas are made of these and of zod's objects, arrays,
 * records and enums, so that a duration or a size reads the same in every section, has the same
 * messages, and turns up the same in the JSON Schema and the reference page.
 *
 * A section is a `z.strictObject({...})`: an unknown key is a mistake. Say `.describe('…')` on
 * every key: one sentence, it is the reference. `meta` carries what a schema cannot say itself:
 * `secret` (redacted wherever a config is shown), `retired` (a key that is answered with what
 * replaced it), `ignored` (accepted for compatibility, without effect: a note says so).
 */
import { z } from 'zod';

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Milliseconds of a Go duration such as `1m30s`, `200ms` or `0`; undefined when it is none. */
function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?0$/.test(trimmed)) return 0;
  const sign = trimmed.startsWith('-') ? -1 : 1;
  const body = trimmed.replace(/^[+-]/, '');
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy;
  let total = 0;
  let end = 0;
  for (let match = part.exec(body); match !== null; match = part.exec(body)) {
    total += Number(match[1]) * (DURATION_UNITS[match[2] ?? ''] ?? 0);
    end = part.lastIndex;
  }
  return end > 0 && end === body.length ? sign * total : undefined;
}

/** Bytes of a size such as `64MiB`, `10 MB` or `1048576`; undefined when it is none. */
function parseByteSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (match === null) return undefined;
  const unit = SIZE_UNITS[(match[2] ?? '').toLowerCase()];
  return unit === undefined ? undefined : Math.floor(Number(match[1]) * unit);
}

/** Milliseconds, written with a unit: `10s`, `1m30s`, `200ms`; `0` needs none. */
export function duration(bounds: { readonly minMs?: number; readonly positive?: boolean } = {}) {
  return z
    .union([z.string(), z.number()], { error: 'expected a duration such as 10s or 200ms' })
    .meta({ format: 'duration', examples: ['10s', '200ms', '1m30s'] })
    .transform((value, context) => {
      const ms = parseDuration(String(value));
      if (ms === undefined) {
        const hint = /^\d+(\.\d+)?$/.test(String(value)) ? ` has no unit; write ${value}s` : '';
        context.addIssue({
          code: 'custom',
          message:
            hint === ''
              ? 'expected a duration such as 10s or 200ms'
              : `${JSON.stringify(String(value))}${hint}`,
        });
        return z.NEVER;
      }
      const least = bounds.positive === true ? Number.MIN_VALUE : (bounds.minMs ?? 0);
      if (ms < least) {
        context.addIssue({
          code: 'custom',
          message: bounds.positive === true ? 'must be more than 0' : `must be at least ${least}ms`,
        });
        return z.NEVER;
      }
      return ms;
    });
}

/** Bytes: a whole number, or a number with a unit such as `64MiB`. */
export function byteSize() {
  return z
    .union([z.string(), z.number()], { error: 'expected a size such as 64MiB' })
    .meta({ format: 'byte-size', examples: ['64MiB', 1048576] })
    .transform((value, context) => {
      const bytes = parseByteSize(String(value));
      if (bytes !== undefined) return bytes;
      context.addIssue({ code: 'custom', message: 'expected a size such as 64MiB' });
      return z.NEVER;
    });
}

/** A string that is never shown: tokens, passwords, keys. */
export function secret() {
  return z.string().meta({ secret: true });
}

/** Header name to value. Values are shown redacted: they often carry credentials. */
export function headers() {
  return z.record(z.string(), secret()).default({});
}

/**
 * `host:port` to listen on; the host may be empty or `[::]`, and `localhost` is loopback. A path,
 * where the component takes unix sockets.
 */
export function listenAddress() {
  return z
    .string()
    .meta({ format: 'host-port', examples: ['localhost:4317', '0.0.0.0:4318'] })
    .superRefine((value, context) => {
      if (/^[./@]/.test(value)) return;
      const port = Number(/^(?:\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(value)?.[1]);
      if (port <= 65_535) return;
      const message = `${JSON.stringify(value)} is not host:port; write localhost:4317`;
      context.addIssue({ code: 'custom', message });
    });
}

/** A key of former versions: setting it is a mistake, answered with what replaced it. */
export function retired(advice: string) {
  return z
    .unknown()
    .optional()
    .meta({ retired: advice })
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message: `retired: ${advice}` });
    });
}

/** A key accepted so that existing files load; it has no effect here, and `validate` says why. */
export function ignored<S extends z.ZodType>(schema: S, why: string) {
  return schema.optional().meta({ ignored: why });
}

/** An empty section: `debug:` with nothing under it is the same as `debug: {}`. */
export function section<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => value ?? {}, schema);
}
