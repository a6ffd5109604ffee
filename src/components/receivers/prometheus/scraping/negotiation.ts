import type { JobConfig, Protocol } from '../config/scrape-config.ts';

const MEDIA_TYPES: Readonly<Record<Protocol, string>> = {
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
};

/** The Accept header of a job: its formats with falling weights, then anything. */
export function acceptOf({ protocols, escaping }: JobConfig): string {
  let weight = protocols.length + 1;
  const types = protocols.map((protocol) => {
    const scheme = protocol.endsWith('1.0.0') ? `;escaping=${escaping}` : '';
    return `${MEDIA_TYPES[protocol]}${scheme};q=0.${weight--}`;
  });
  return [...types, `*/*;q=0.${weight}`].join(',');
}

/** Whether a page is OpenMetrics; a type that is no format is read as the job says. */
export function isOpenMetrics(contentType: string, fallback: Protocol): boolean {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (type === 'application/openmetrics-text') return true;
  return type !== 'text/plain' && fallback.startsWith('OpenMetrics');
}
