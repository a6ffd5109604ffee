import { z } from 'zod';
import { byteSize } from '../../../contract/settings.ts';
import type { Label } from '../../../formats/prometheus/relabel/label-set.ts';
import { unsupported } from '../../../net/client/settings.ts';
import {
  globalSettings,
  type JobConfig,
  jobConfig,
  scrapeSettings,
} from './config/scrape-config.ts';

const MIB = 1024 * 1024;

const section = z.strictObject({
  config: z
    .strictObject({
      global: globalSettings.describe('Defaults of all jobs.'),
      scrape_configs: z.array(scrapeSettings).min(1).describe('The jobs.'),
      scrape_config_files: unsupported(
        'put the jobs into scrape_configs, such as ${file:jobs.yaml}',
      ),
      rule_files: unsupported('rules are evaluated where the data is stored'),
      alerting: unsupported('alerts are made where the data is stored'),
      remote_write: unsupported('use the exporter prometheus_remote_write'),
    })
    .describe('As in prometheus.yml.'),
  max_page_size: byteSize()
    .default(256 * MIB)
    .describe('Largest page without compression, where body_size_limit sets none.'),
  max_series_memory: byteSize()
    .default(1024 * MIB)
    .describe('Memory for the series of all targets, all shards together.'),
  report_extra_scrape_metrics: z
    .boolean()
    .default(false)
    .describe('The same as global.extra_scrape_metrics.'),
  trim_metric_suffixes: unsupported('names stay as they are'),
  use_start_time_metric: unsupported('start times are not made up'),
  start_time_metric_regex: unsupported('start times are not made up'),
  target_allocator: unsupported('use file_sd_configs or http_sd_configs'),
  api_server: unsupported('the targets are shown on the status server'),
});

/** Settings of the receiver. Plain data. */
export interface Config {
  readonly jobs: readonly JobConfig[];
  readonly externalLabels: readonly Label[];
  /** Of a page whose job sets no limit. */
  readonly maxPageBytes: number;
  readonly maxSeriesBytes: number;
}

/** The section as users write it. */
export const settings = section.transform((value, context): Config => {
  const { global, scrape_configs: written } = value.config;
  const names = new Set<string>();
  const jobs = written.map((each, at) => {
    const path = ['config', 'scrape_configs', at];
    if (names.has(each.job_name)) {
      const message = `${JSON.stringify(each.job_name)} is the name of another job; give each its own`;
      context.addIssue({ code: 'custom', path: [...path, 'job_name'], message });
    }
    names.add(each.job_name);
    return jobConfig(each, global, under(context, path));
  });
  const isExtra = value.report_extra_scrape_metrics;
  return {
    jobs: isExtra ? jobs.map((job) => ({ ...job, extraMetrics: true })) : jobs,
    externalLabels: Object.entries(global.external_labels)
      .map(([name, text]) => ({ name, value: text }))
      .filter((label) => label.value !== ''),
    maxPageBytes: value.max_page_size,
    maxSeriesBytes: value.max_series_memory,
  };
});

/** Adds issues below a path. */
function under(context: z.RefinementCtx, path: readonly (string | number)[]): z.RefinementCtx {
  return {
    ...context,
    addIssue: (issue) => {
      if (typeof issue === 'string')
        context.addIssue({ code: 'custom', path: [...path], message: issue });
      else context.addIssue({ ...issue, path: [...path, ...(issue.path ?? [])] });
    },
  };
}
