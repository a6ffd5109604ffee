/** Types of metrics by their numbers in the metadata of remote-write, either version. */
export const METRIC_TYPE = {
  unknown: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  gaugehistogram: 4,
  summary: 5,
  info: 6,
  stateset: 7,
} as const;

const NAMES = Object.keys(METRIC_TYPE);

/** The name of a type as Prometheus writes it; `unknown` for numbers that mean nothing. */
export function nameOfType(type: number): string {
  return NAMES[type] ?? 'unknown';
}

/** The key under which the metadata of an OTLP metric keeps the type it had in Prometheus. */
export const TYPE_KEY = 'prometheus.type';

/** The double that marks a series as stale, as it is on the wire: a NaN like no other. */
export const STALE_BYTES: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f);

/** Whether the eight bytes at `at` are the stale marker. */
export function isStale(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 8; i++) if (bytes[at + i] !== STALE_BYTES[i]) return false;
  return true;
}
