/** What receivers scrape, in the shape of `/api/v1/targets` of Prometheus, and as a page. */
import type { Report } from './report.ts';

/** Label names to values. */
type LabelSet = Readonly<Record<string, string>>;

/** A target as a receiver reports it; of one that was not dropped all keys are passed on. */
interface Target {
  readonly discoveredLabels?: LabelSet;
  readonly labels?: LabelSet;
  readonly scrapePool?: string;
  readonly scrapeUrl?: string;
  readonly lastError?: string;
  /** RFC 3339. */
  readonly lastScrape?: string;
  /** Seconds. */
  readonly lastScrapeDuration?: number;
  /** `up`, `down` or `unknown`. */
  readonly health?: string;
  /** Relabelling dropped it. */
  readonly dropped?: boolean;
}

/** The answer of `/api/v1/targets`. */
export function targetsAnswer(report: Report): unknown {
  const { active, dropped } = divide(report);
  const droppedTargets = dropped.map((target) => ({ discoveredLabels: target.discoveredLabels }));
  const data = { activeTargets: active, droppedTargets };
  const warnings = warningOf(report);
  return { status: 'success', data, ...(warnings === undefined ? {} : { warnings: [warnings] }) };
}

/** The page of `/targets`: a table for each scrape pool. */
export function targetsPage(report: Report): string {
  const { active, dropped } = divide(report);
  const pools = Map.groupBy(active, ({ scrapePool }) => String(scrapePool ?? ''));
  const warning = warningOf(report);
  const body = [
    '<h1>Targets</h1>',
    warning === undefined ? '' : `<p class="down">${escape(warning)}</p>`,
    active.length + dropped.length === 0 ? '<p>Nothing is scraped.</p>' : '',
    ...[...pools].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, of]) => pool(name, of)),
    dropped.length === 0 ? '' : droppedTable(dropped),
  ];
  return `${HEAD}${body.filter((part) => part !== '').join('\n')}\n</body>\n</html>\n`;
}

function divide({ rows }: Report): { readonly active: Target[]; readonly dropped: Target[] } {
  const targets = rows.filter((row): row is Target => typeof row === 'object' && row !== null);
  const [active, dropped] = [new Array<Target>(), new Array<Target>()];
  for (const target of targets) (target.dropped === true ? dropped : active).push(target);
  return { active, dropped };
}

function warningOf({ silent }: Report): string | undefined {
  if (silent.length === 0) return undefined;
  return `shards ${silent.join(', ')} did not answer in time; their targets are missing`;
}

function pool(name: string, targets: readonly Target[]): string {
  const up = targets.filter(({ health }) => health === 'up').length;
  const rows = targets.map((target) => {
    const { health = 'unknown', lastScrape = '', lastScrapeDuration, lastError = '' } = target;
    const took = lastScrapeDuration === undefined ? '' : milliseconds(Number(lastScrapeDuration));
    return row([
      link(String(target.scrapeUrl ?? '')),
      `<span class="${health === 'up' || health === 'down' ? health : 'unknown'}">${escape(health)}</span>`,
      labels(target.labels),
      escape(lastScrape),
      escape(took),
      escape(lastError),
      labels(target.discoveredLabels),
    ]);
  });
  const columns = [
    'Endpoint',
    'State',
    'Labels',
    'Last scrape',
    'Took',
    'Error',
    'Before relabelling',
  ];
  return `<h2>${escape(name)} (${up} of ${targets.length} up)</h2>\n${table(columns, rows)}`;
}

function milliseconds(seconds: number): string {
  return `${Number((seconds * 1000).toPrecision(3))} ms`;
}

function droppedTable(targets: readonly Target[]): string {
  const rows = targets.map(({ discoveredLabels }) => row([labels(discoveredLabels)]));
  return `<h2>Dropped by relabelling (${targets.length})</h2>\n${table(['Labels'], rows)}`;
}

function table(columns: readonly string[], rows: readonly string[]): string {
  const head = columns.map((column) => `<th>${column}</th>`).join('');
  return `<table>\n<tr>${head}</tr>\n${rows.join('\n')}\n</table>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function labels(set: LabelSet = {}): string {
  const pairs = Object.entries(set).map(([name, value]) => `${name}="${value}"`);
  return `<code>${escape(pairs.join(' '))}</code>`;
}

function link(url: string): string {
  const text = escape(url);
  return /^https?:/i.test(url) ? `<a href="${text}" rel="noreferrer">${text}</a>` : text;
}

/** Text as HTML, also inside of quotes. */
function escape(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Targets</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left; vertical-align: top; }
code { overflow-wrap: anywhere; }
.up { color: #177317; }
.down { color: #b00020; }
</style>
</head>
<body>
`;
