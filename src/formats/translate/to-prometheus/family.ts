import { Writer } from '../../../wire/writer.ts';
import { METRIC_TYPE } from '../metric-type.ts';
import { labelField } from './label-set.ts';

/** What a family is, as its metadata says it. */
export interface FamilyFacts {
  readonly name: string;
  /** One of `METRIC_TYPE`. */
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** A family of series: names as `__name__` labels and metadata, encoded. */
export interface Family {
  readonly facts: FamilyFacts;
  readonly plain: Uint8Array;
  /** Of histograms and summaries; the plain name otherwise. */
  readonly bucket: Uint8Array;
  readonly sum: Uint8Array;
  readonly count: Uint8Array;
  /** A field of a series. */
  readonly seriesMetadata: Uint8Array;
  /** A field of a chunk. */
  readonly familyMetadata: Uint8Array;
}

export function familyOf(facts: FamilyFacts): Family {
  const { name, type, help, unit } = facts;
  const plain = labelField('__name__', name);
  const isCompound = type === METRIC_TYPE.histogram || type === METRIC_TYPE.summary;
  const suffixed = (suffix: string) =>
    isCompound ? labelField('__name__', `${name}${suffix}`) : plain;
  // message SeriesMetadata { MetricType type = 1; string help = 2; string unit = 3; }
  const ofSeries = new Writer().open(15);
  // message MetricMetadata { MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  const ofFamily = new Writer().open(3);
  if (type > 0) {
    ofSeries.uint(1, type);
    ofFamily.uint(1, type);
  }
  ofFamily.string(2, name);
  if (help !== '') {
    ofSeries.string(2, help);
    ofFamily.string(4, help);
  }
  if (unit !== '') {
    ofSeries.string(3, unit);
    ofFamily.string(5, unit);
  }
  return {
    facts,
    plain,
    bucket: suffixed('_bucket'),
    sum: suffixed('_sum'),
    count: suffixed('_count'),
    seriesMetadata: ofSeries.close().finish(),
    familyMetadata: ofFamily.close().finish(),
  };
}
