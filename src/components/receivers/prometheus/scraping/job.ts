import type { Intake } from '../../../../contract/component.ts';
import type { Context } from '../../../../contract/context.ts';
import type { Label } from '../../../../formats/prometheus/relabel/label-set.ts';
import { RelabelRules } from '../../../../formats/prometheus/relabel/rules.ts';
import type { SeriesMemory } from '../../../../formats/prometheus/scrape/series-memory.ts';
import type { JobConfig } from '../config/scrape-config.ts';
import { HttpIdentity } from './http-fetch.ts';
import { acceptOf } from './negotiation.ts';
import type { ScrapeCounts } from './scrape-counts.ts';

/** What all jobs of a receiver share. */
export interface Service {
  readonly intake: Intake;
  readonly context: Context;
  readonly counts: ScrapeCounts;
  readonly memory: SeriesMemory;
  readonly externalLabels: readonly Label[];
  /** Of a page whose job sets no limit. */
  readonly maxPageBytes: number;
}

/** What all targets of a job share. */
export interface Job {
  readonly config: JobConfig;
  readonly service: Service;
  readonly tenant: string;
  readonly identity: HttpIdentity;
  readonly targetRules: RelabelRules;
  readonly metricRules: RelabelRules | undefined;
  readonly maxPageBytes: number;
  /** Headers that are the same for all targets. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws when a file it names cannot be read, or when nobody says whose its data is. */
export function createJob(config: JobConfig, service: Service): Job {
  const { naming, metricRules } = config;
  const tenant = config.tenant ?? service.intake.tenantOf(() => []);
  if (typeof tenant !== 'string') {
    const remedy = 'set tenant in its scrape config';
    throw new Error(`cannot tell whose the data of job ${config.name} is; ${remedy}`);
  }
  return {
    config,
    service,
    tenant,
    identity: new HttpIdentity(config.http),
    targetRules: new RelabelRules(config.targetRules, naming),
    metricRules: metricRules.length === 0 ? undefined : new RelabelRules(metricRules, naming),
    maxPageBytes: config.bodyLimit || service.maxPageBytes,
    headers: {
      accept: acceptOf(config),
      'user-agent': `millrace/${service.context.version}`,
      ...(config.compression && { 'accept-encoding': 'gzip' }),
    },
  };
}
