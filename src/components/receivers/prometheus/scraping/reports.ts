import type { PageCounts, Report } from '../../../../formats/prometheus/scrape/target-series.ts';
import type { JobConfig } from '../config/scrape-config.ts';

/** What is known of a scrape that is over. */
export interface ScrapeFacts {
  readonly isUp: boolean;
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly counts: PageCounts;
  /** Of the page without compression; -1 when it was over the limit. */
  readonly bodyBytes: number;
}

/** The series that Prometheus adds to each scrape. */
export function reportsOf(job: JobConfig, facts: ScrapeFacts): readonly Report[] {
  const { counts } = facts;
  const report = (name: string, value: number, help: string): Report => ({ name, value, help });
  const reports = [
    report('up', Number(facts.isUp), 'Whether the target could be scraped.'),
    report('scrape_duration_seconds', facts.durationMs / 1000, 'How long the scrape took.'),
    report('scrape_samples_scraped', counts.scraped, 'Samples the target exposed.'),
    report(
      'scrape_samples_post_metric_relabeling',
      counts.kept,
      'Samples that relabelling left of them.',
    ),
    report('scrape_series_added', counts.added, 'Series that the scrape before did not have.'),
  ];
  if (!job.extraMetrics) return reports;
  return [
    ...reports,
    report('scrape_timeout_seconds', facts.timeoutMs / 1000, 'Longest the scrape may take.'),
    report('scrape_sample_limit', job.limits.samples, 'Most samples; 0 when there is no limit.'),
    report('scrape_body_size_bytes', facts.bodyBytes, 'Size of the page without compression.'),
  ];
}
