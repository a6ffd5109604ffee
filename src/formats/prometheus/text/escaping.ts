/** How names that are not of the old alphabet are written. */
export type Escaping = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

/** Whether a text is the name of a metric in the old alphabet. */
export function isMetricName(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

/** Whether a text is the name of a label in the old alphabet. */
export function isLabelName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}

/** The name of a metric in a scheme; `allow-utf-8` leaves every name as it is. */
export function escapeMetricName(name: string, escaping: Escaping): string {
  return escaping === 'allow-utf-8' ? name : escaped(name, escaping, isMetricName(name));
}

/** The name of a label in a scheme; `allow-utf-8` leaves every name as it is. */
export function escapeLabelName(name: string, escaping: Escaping): string {
  if (escaping === 'allow-utf-8') return name;
  // The old alphabet has no colon in labels, and schemes leave it alone.
  return escaped(name, escaping, isLabelName(name)).replaceAll(':', '_');
}

function escaped(name: string, escaping: Exclude<Escaping, 'allow-utf-8'>, isOld: boolean): string {
  // In this scheme names of the old alphabet change, too.
  if (escaping === 'dots') return each(name, (one) => DOTS[one] ?? '_', /[._]/);
  if (isOld) return name;
  if (escaping === 'underscores') return each(name, () => '_');
  return `U__${each(name, (one) => (one === '_' ? '__' : `_${codePointOf(one)}_`), /_/)}`;
}

const DOTS: Readonly<Record<string, string>> = { '.': '_dot_', _: '__' };

function codePointOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
}

/** Replaces what is not of the old alphabet, a digit in front among it, and what matches `also`. */
function each(name: string, replace: (one: string) => string, also?: RegExp): string {
  let result = '';
  for (const one of name) {
    const isFine = (result === '' ? /[a-zA-Z_:]/ : /[a-zA-Z0-9_:]/).test(one);
    result += isFine && also?.test(one) !== true ? one : replace(one);
  }
  return result;
}

/** Text in quotes: `\`, `"` and the end of a line are escaped. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`))}"`;
}
