import type { Signal } from '../../contract/batch.ts';
import type { RawRequest } from '../../contract/component.ts';
import type { Counter, Labels, Meter } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';

const ITEM_NAMES: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  metrics: 'metric_points',
  logs: 'log_records',
};
const MAX_TENANTS = 1000;
/** Refusals have a series per reason too. */
const MAX_REFUSED_TENANTS = 100;
const OTHER_TENANT = '_other';

interface ItemCounters {
  readonly accepted: Counter;
  readonly refused: Counter;
  readonly failed: Counter;
}

/** What a request came over. */
type Transport = NonNullable<RawRequest['transport']>;

/** What one receiver's requests came to, by what they came over. */
export class GateCounts {
  readonly #meter: Meter;
  readonly #receiver: string;
  readonly #http: TransportCounts;
  readonly #others = new Map<Transport, TransportCounts>();

  constructor(meter: Meter, receiver: string) {
    this.#meter = meter;
    this.#receiver = receiver;
    this.#http = new TransportCounts(meter, { receiver, transport: 'http' });
  }

  /** The counts of one transport. Those of others than HTTP appear with the first request. */
  over(transport: Transport = 'http'): TransportCounts {
    if (transport === 'http') return this.#http;
    let counts = this.#others.get(transport);
    if (counts === undefined) {
      counts = new TransportCounts(this.#meter, { receiver: this.#receiver, transport });
      this.#others.set(transport, counts);
    }
    return counts;
  }
}

class TransportCounts {
  readonly #items: Readonly<Record<Signal, ItemCounters>>;
  readonly #success: Counter;
  readonly #refusal: Counter;
  readonly #failure: Counter;

  constructor(meter: Meter, labels: Labels) {
    const items = (verb: string, signal: Signal, meaning: string): Counter =>
      meter.counter(`receiver_${verb}_${ITEM_NAMES[signal]}`, meaning, labels);
    const ofSignal = (signal: Signal): ItemCounters => ({
      accepted: items('accepted', signal, 'Items taken over by a pipeline.'),
      refused: items('refused', signal, 'Items that a pipeline refused.'),
      failed: items('failed', signal, 'Items that were not valid.'),
    });
    this.#items = {
      traces: ofSignal('traces'),
      metrics: ofSignal('metrics'),
      logs: ofSignal('logs'),
    };
    const requests = (outcome: string): Counter =>
      meter.counter('receiver_requests', 'Requests by what became of them.', {
        ...labels,
        outcome,
      });
    this.#success = requests('success');
    this.#refusal = requests('refused');
    this.#failure = requests('failure');
  }

  /** Items of one batch, by what the pipeline answered. */
  items(signal: Signal, count: number, outcome: Outcome): void {
    const taken = outcome.kind === 'accepted' || outcome.kind === 'partial';
    const counters = this.#items[signal];
    (taken ? counters.accepted : counters.refused).add(count);
  }

  /** Items that the receiver found not valid. */
  invalid(signal: Signal, count: number): void {
    this.#items[signal].failed.add(count);
  }

  /** One request and its answer. */
  request(outcome: Outcome): void {
    if (outcome.kind === 'retry') this.#refusal.add(1);
    else if (outcome.kind === 'rejected') this.#failure.add(1);
    else this.#success.add(1);
  }
}

/** What each tenant sent and was refused, for a bounded number of tenants. */
export class TenantCounts {
  readonly #meter: Meter;
  readonly #received = new Map<string, Counter>();
  readonly #refused = new Map<string, Map<string, Counter>>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  received(tenant: string, items: number): void {
    let counter = this.#received.get(tenant);
    if (counter === undefined) {
      const label = this.#received.size < MAX_TENANTS ? tenant : OTHER_TENANT;
      counter = this.#meter.counter('tenant_received_items', 'Items taken over, by tenant.', {
        tenant: label,
      });
      if (label === tenant) this.#received.set(tenant, counter);
    }
    counter.add(items);
  }

  refused(tenant: string, reason: string): void {
    const known = this.#refused.has(tenant) || this.#refused.size < MAX_REFUSED_TENANTS;
    const label = known ? tenant : OTHER_TENANT;
    let byReason = this.#refused.get(label);
    if (byReason === undefined) {
      byReason = new Map();
      this.#refused.set(label, byReason);
    }
    let counter = byReason.get(reason);
    if (counter === undefined) {
      counter = this.#meter.counter(
        'admission_refused_requests',
        'Requests refused before or instead of being processed, by reason and tenant.',
        { reason, tenant: label },
      );
      byReason.set(reason, counter);
    }
    counter.add(1);
  }
}
