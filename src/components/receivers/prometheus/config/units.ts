import { z } from 'zod';

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DAY_MS = 86_400_000;
const UNITS_MS = [365 * DAY_MS, 7 * DAY_MS, DAY_MS, 3_600_000, 60_000, 1000, 1];

const UNIT_NAMES = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** Milliseconds of a duration as Prometheus writes it, such as `1m30s`; undefined when it is none. */
export function parsePrometheusDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  if (match === null || text === '') return undefined;
  return UNITS_MS.reduce((sum, unit, at) => sum + unit * Number(match[at + 1] ?? 0), 0);
}

/** A duration as Prometheus writes it: `90000` milliseconds are `1m30s`. */
export function formatPrometheusDuration(ms: number): string {
  let text = '';
  let rest = Math.round(ms);
  for (const [at, unit] of UNITS_MS.entries()) {
    const count = Math.floor(rest / unit);
    // Years and weeks are written when nothing is left of them.
    if (count === 0 || (at < 2 && rest % unit !== 0)) continue;
    text += `${count}${UNIT_NAMES[at]}`;
    rest -= count * unit;
  }
  return text === '' ? '0s' : text;
}

/** Milliseconds, more than 0, written as Prometheus does: `15s`, `1m30s`, `1d`. */
export function prometheusDuration() {
  return z
    .union([z.string(), z.number()], { error: 'expected a duration such as 15s or 1m30s' })
    .meta({ format: 'duration', examples: ['15s', '1m30s', '1d'] })
    .transform((value, context) => {
      const ms = parsePrometheusDuration(String(value));
      if (ms !== undefined && ms > 0) return ms;
      const message = `${JSON.stringify(String(value))} is no duration of more than 0; write 15s or 1m30s`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    });
}

/** Bytes as Prometheus writes them, where every unit is a power of 1024: `10MB` is `10MiB`. */
export function prometheusSize() {
  return z
    .union([z.string(), z.number()], { error: 'expected a size such as 10MB' })
    .meta({ format: 'byte-size', examples: ['10MB', 0] })
    .transform((value, context) => {
      const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?$/i.exec(String(value).trim());
      if (match !== null) {
        return Math.floor(Number(match[1]) * (SIZE_UNITS[(match[2] ?? '').toLowerCase()] ?? 1));
      }
      context.addIssue({ code: 'custom', message: 'expected a size such as 10MB' });
      return z.NEVER;
    });
}
