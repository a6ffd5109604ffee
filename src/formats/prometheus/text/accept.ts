import type { Escaping } from './escaping.ts';

/** How a page is written. */
export interface TextFormat {
  readonly kind: 'text' | 'openmetrics';
  readonly version: string;
  readonly escaping: Escaping;
  /** Of the answer; no two formats have the same. */
  readonly contentType: string;
}

const TEXT = 'text/plain';
const OPEN_METRICS = 'application/openmetrics-text';
const ESCAPINGS: ReadonlySet<string> = new Set(['allow-utf-8', 'underscores', 'dots', 'values']);
/** A header is short; what is longer is not read to its end. */
const MAX_ACCEPT_LENGTH = 4096;

/**
 * The format a scraper likes best of those there are, by its `Accept` header: text 0.0.4, text
 * 1.0.0, and OpenMetrics where `openMetrics` offers it. Whoever likes none gets text 0.0.4.
 */
export function negotiate(accept: string, openMetrics: boolean): TextFormat {
  const wishes = accept.slice(0, MAX_ACCEPT_LENGTH).split(',').map(wishOf);
  // Sorting is stable: of two that are liked the same the first is taken.
  for (const wish of wishes.toSorted((a, b) => b.quality - a.quality)) {
    const format = wish.quality > 0 ? formatOf(wish, openMetrics) : undefined;
    if (format !== undefined) return format;
  }
  return formatNamed('text', '0.0.4', 'underscores');
}

interface Wish {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1; 0 is a refusal. */
  readonly quality: number;
}

function wishOf(text: string): Wish {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part) => {
      const [name = '', value = ''] = part.split('=', 2).map((side) => side.trim());
      return [name.toLowerCase(), value.replace(/^"(.*)"$/, '$1').toLowerCase()];
    }),
  );
  const quality = Number(parameters.get('q') ?? '1');
  const isQuality = quality >= 0 && quality <= 1;
  return { type: type.toLowerCase(), parameters, quality: isQuality ? quality : 1 };
}

function formatOf({ type, parameters }: Wish, openMetrics: boolean): TextFormat | undefined {
  const version = parameters.get('version') ?? '';
  const wanted = parameters.get('escaping') ?? '';
  const escaping = ESCAPINGS.has(wanted) ? (wanted as Escaping) : 'underscores';
  if (type === OPEN_METRICS && openMetrics) {
    if (version === '0.0.1') return formatNamed('openmetrics', version, 'underscores');
    if (version !== '' && version !== '1.0.0') return undefined;
    return formatNamed('openmetrics', '1.0.0', escaping);
  }
  if (type === TEXT && version === '1.0.0') return formatNamed('text', version, escaping);
  const isAny = type === '*/*' || type === 'text/*' || type === TEXT;
  if (!isAny || (version !== '' && version !== '0.0.4')) return undefined;
  return formatNamed('text', '0.0.4', 'underscores');
}

function formatNamed(kind: TextFormat['kind'], version: string, escaping: Escaping): TextFormat {
  const type = kind === 'text' ? TEXT : OPEN_METRICS;
  const scheme = version === '1.0.0' ? `; escaping=${escaping}` : '';
  return {
    kind,
    version,
    escaping,
    contentType: `${type}; version=${version}; charset=utf-8${scheme}`,
  };
}
