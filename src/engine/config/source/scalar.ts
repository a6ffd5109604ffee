/**
 * Types of plain YAML scalars, as the Go library behind the OpenTelemetry Collector resolves
 * them: YAML 1.2 with the octal, binary and underscored numbers of YAML 1.1, and without its
 * yes, no, on and off. `0123` is 83, `1_000` is 1000, `yes` is a string.
 */
export function resolvePlain(text: string): string | number | boolean | null {
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?\.(inf|Inf|INF)$/.test(text)) {
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (/^\.(nan|NaN|NAN)$/.test(text)) return Number.NaN;
  return /^[-+.0-9]/.test(text) ? (resolveNumber(text.replaceAll('_', '')) ?? text) : text;
}

function resolveNumber(text: string): number | undefined {
  const match = /^([-+]?)(.*)$/.exec(text);
  const digits = match?.[2] ?? '';
  const sign = match?.[1] === '-' ? -1 : 1;
  if (/^0x[0-9a-f]+$/i.test(digits) || /^0b[01]+$/i.test(digits) || /^0o[0-7]+$/i.test(digits)) {
    return sign * Number(digits.toLowerCase());
  }
  if (/^0[0-7]+$/.test(digits)) return sign * Number.parseInt(digits, 8);
  return /^(\.\d+|\d+(\.\d*)?)(e[-+]?\d+)?$/i.test(digits) ? sign * Number(digits) : undefined;
}
