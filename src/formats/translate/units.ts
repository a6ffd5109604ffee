/** Units of UCUM and the words Prometheus has for them. `1` has none. */
const WORDS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tebibytes',
  kBy: 'kilobytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
  '1': '',
};

const PER: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

const UCUM = new Map(
  Object.entries(WORDS)
    .filter(([unit, word]) => word !== '' && unit !== 'KBy')
    .map(([unit, word]) => [word, unit]),
);
const UCUM_PER = new Map(Object.entries(PER).map(([unit, word]) => [word, unit]));

/** The words of a unit: what is counted, and per what; empty where there is none. */
export interface UnitWords {
  readonly main: string;
  readonly per: string;
}

/** `By/s` as `bytes` and `second`. Text in braces is left out, unknown units are cleaned. */
export function wordsOfUnit(unit: string): UnitWords {
  const plain = unit.replace(/\{[^}]*\}/g, '');
  const slash = plain.indexOf('/');
  const main = (slash < 0 ? plain : plain.slice(0, slash)).trim();
  const per = slash < 0 ? '' : plain.slice(slash + 1).trim();
  return { main: wordOf(WORDS, main), per: wordOf(PER, per) };
}

/** The UNIT of a family: `bytes_per_second`. */
export function unitText({ main, per }: UnitWords): string {
  if (per === '') return main;
  return main === '' ? `per_${per}` : `${main}_per_${per}`;
}

/** The unit of UCUM that a UNIT of Prometheus means; itself when there is none. */
export function unitOfWords(text: string): string {
  const [, main = text, per] = /^(.*?)_?per_([a-z]+)$/.exec(text) ?? [];
  if (per === undefined) return UCUM.get(text) ?? text;
  const [mainUnit, perUnit] = [main === '' ? '' : UCUM.get(main), UCUM_PER.get(per)];
  return mainUnit === undefined || perUnit === undefined ? text : `${mainUnit}/${perUnit}`;
}

function wordOf(table: Readonly<Record<string, string>>, unit: string): string {
  const known = Object.hasOwn(table, unit) ? table[unit] : undefined;
  return known ?? unit.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_|_$/g, '');
}
