import type { Role } from './families.ts';
import type { Identity, ResourceIdentity, ScopeIdentity } from './identity.ts';

/** Fields of a metric that hold data points. */
export const DATA = { gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 } as const;

export type DataKind = (typeof DATA)[keyof typeof DATA];

/** A series and where it is. */
export interface SeriesRef {
  readonly chunk: Uint8Array;
  /** Behind the labels, and the end of the series. */
  readonly start: number;
  readonly end: number;
  readonly identity: Identity;
  readonly role: Role;
}

/** Series that become one metric. */
export interface MetricGroup {
  readonly role: Role;
  readonly data: DataKind;
  /** Read sample by sample; of histograms and summaries, those to be assembled. */
  readonly samples: SeriesRef[];
  /** Native histograms. */
  readonly natives: SeriesRef[];
}

/** Metrics of one scope. */
export interface ScopeGroup {
  readonly scope: ScopeIdentity;
  readonly metrics: Map<string, MetricGroup>;
}

interface ResourceGroup {
  readonly resource: ResourceIdentity;
  readonly scopes: Map<string, ScopeGroup>;
}

/** Series by resource, scope and metric, in the order in which these first came. */
export class Groups {
  readonly resources = new Map<string, ResourceGroup>();

  #last: MetricGroup | undefined;
  #lastIdentity: Identity | undefined;

  metric(identity: Identity, role: Role, data: DataKind): MetricGroup {
    const [last, before] = [this.#last, this.#lastIdentity];
    // fast path: the metric of the series before
    if (
      last?.data === data &&
      last.role.type === role.type &&
      last.role.family === role.family &&
      before?.resource.key === identity.resource.key &&
      before.scope.key === identity.scope.key
    )
      return last;
    this.#lastIdentity = identity;
    this.#last = this.#find(identity, role, data);
    return this.#last;
  }

  #find({ resource, scope }: Identity, role: Role, data: DataKind): MetricGroup {
    let ofResource = this.resources.get(resource.key);
    if (ofResource === undefined) {
      ofResource = { resource, scopes: new Map() };
      this.resources.set(resource.key, ofResource);
    }
    let ofScope = ofResource.scopes.get(scope.key);
    if (ofScope === undefined) {
      ofScope = { scope, metrics: new Map() };
      ofResource.scopes.set(scope.key, ofScope);
    }
    const key = `${data} ${role.type} ${role.family}`;
    let group = ofScope.metrics.get(key);
    if (group === undefined) {
      group = { role, data, samples: [], natives: [] };
      ofScope.metrics.set(key, group);
    }
    return group;
  }
}
