import type { Member } from '../../../../formats/prometheus/membership.ts';

/** The last that is known of a series. */
export class Series {
  /** As the form has them, sorted; a copy of its own. */
  readonly labels: Uint8Array;
  readonly hash: number;
  /** Later ones have higher numbers. */
  readonly serial: number;
  readonly member: Member;
  /** What `le` or `quantile` says; NaN where they say nothing. */
  readonly bound: number;
  readonly group: Group;
  /** Of a sample; NaN as long as there is a histogram instead. */
  value = Number.NaN;
  /** Milliseconds since the epoch. */
  timestamp = -Infinity;
  /** When it began to count, in milliseconds since the epoch; 0 where nobody said. */
  startTimestamp = 0;
  /** When it was heard of last, by the clock of this machine. */
  updatedAt = 0;
  /** A native histogram as the form has it, a copy. */
  histogram: Uint8Array | undefined;
  /** The newest exemplar as the form has it, a copy. */
  exemplar: Uint8Array | undefined;
  exemplarTimestamp = -Infinity;
  /** Of those whose labels have the same hash. */
  next: Series | undefined;

  constructor(
    labels: Uint8Array,
    of: Pick<Series, 'hash' | 'serial' | 'member' | 'bound' | 'group'>,
  ) {
    this.labels = labels;
    this.hash = of.hash;
    this.serial = of.serial;
    this.member = of.member;
    this.bound = of.bound;
    this.group = of.group;
  }

  /** Bytes it takes, about. */
  get size(): number {
    const { labels, histogram, exemplar } = this;
    return SERIES_BYTES + labels.length + (histogram?.length ?? 0) + (exemplar?.length ?? 0);
  }
}

/** Series that differ in nothing but the suffix of their name, and `le` or `quantile`. */
export interface Group {
  readonly family: Family;
  readonly hash: number;
  /** In the order in which they are shown: buckets, sum, count, quantiles, the plain one. */
  readonly series: Series[];
  /** Whether names are of the old alphabet and none is one that is added to every series. */
  readonly isSimple: boolean;
  /** Of those of the family that have the same hash. */
  next: Group | undefined;
}

/** Series whose names differ in nothing but the suffix. */
export interface Family {
  readonly name: string;
  readonly groups: Set<Group>;
  readonly byHash: Map<number, Group>;
  /** How many of its series are there of each `Member`. */
  readonly counts: Int32Array;
  /** Native histograms among them. */
  natives: number;
  /** Metadata that came with its series, by `Member`: what is the same is not looked at again. */
  readonly said: (Said | undefined)[];
}

/** Metadata that came with a series. */
export interface Said {
  readonly bytes: Uint8Array;
  readonly facts: Facts;
}

/** What is known of a name, as its metadata said it. */
export interface Facts {
  /** One of `METRIC_TYPE`. */
  readonly type: number;
  help: string;
  unit: string;
  /** When it was heard of last, by the clock of this machine. */
  updatedAt: number;
}

/** A series with its share of its group and of the tables it is in, measured. */
const SERIES_BYTES = 800;
