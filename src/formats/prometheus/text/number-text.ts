/** A value as it stands in a line. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return value === 0 && 1 / value < 0 ? '-0' : String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/** Milliseconds as seconds with all their digits. */
export function secondsText(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/**
 * The value of an `le` or `quantile` label as OpenMetrics writes it: the shortest digits, with
 * an exponent from a million on and below a ten-thousandth, and never a whole number. What is no
 * number stays as it is.
 */
export function canonicalBound(text: string): string {
  const value = boundOf(text);
  if (Number.isNaN(value)) return text;
  if (!Number.isFinite(value)) return valueText(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e');
    return `${digits}e${exponent.replace(/^([+-])(\d)$/, '$10$2')}`;
  }
  const plain = valueText(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

/** The number an `le` or `quantile` label says; NaN when it says none. */
export function boundOf(text: string): number {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?(\d|\.\d)/.test(text) ? Number(text) : Number.NaN;
}
