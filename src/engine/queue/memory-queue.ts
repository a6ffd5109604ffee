import type { Batch } from '../../contract/batch.ts';
import type { Clock } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { releaseAll, retainAll } from '../../wire/memory.ts';
import type { QueueConfig } from '../config/config.ts';
import { Ages } from './ages.ts';
import { DrainRate } from './drain-rate.ts';
import type { Lease, Ledger, Queue, QueueObserver } from './queue.ts';
import { Shares } from './shares.ts';
import { Turns } from './turns.ts';

/** Where this much is taken, who has more than a fair share gets no more. */
const CROWDED = 0.75;

export interface MemoryQueueOptions {
  readonly config: Pick<QueueConfig, 'size' | 'sizer' | 'blockOnOverflow'>;
  /**
   * Bound in bytes beside the configured one: this queue's part of the memory. A single batch may
   * be larger; it then is alone.
   */
  readonly maxBytes: number;
  /** The largest batch that is ever taken, in units of the sizer: above the size, alone. */
  readonly largest: number;
  /**
   * Share of both bounds that one tenant may hold, 0 to 1; 1 when absent. Where callers wait for
   * room they take turns, and it does not apply.
   */
  readonly tenantShare?: number;
  /** Batches whose values of these differ take turns like tenants do. */
  readonly metadataKeys: readonly string[];
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly observer: QueueObserver;
}

/**
 * A bounded queue of batches in memory. What waits, waits in one of two places, both of them in
 * turns: batches inside, for a consumer; callers outside, for room, where the settings let them.
 */
export class MemoryQueue implements Queue {
  readonly capacity: number;
  size = 0;
  bytes = 0;
  items = 0;
  readonly #options: MemoryQueueOptions;
  readonly #inside: Turns<Entry>;
  readonly #outside: Turns<Caller>;
  readonly #takers: ((lease: Lease | undefined) => void)[] = [];
  readonly #drain: DrainRate;
  readonly #ages = new Ages<Entry>();
  readonly #shares = new Shares();
  readonly #settle = this.#settleEntry.bind(this);
  #stopping: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.#options = options;
    this.capacity = options.config.size;
    this.#inside = new Turns(options.metadataKeys);
    this.#outside = new Turns(options.metadataKeys);
    this.#drain = new DrainRate(options.clock.now());
  }

  get oldestReceivedAt(): number {
    return this.#ages.oldest?.batch.origin.receivedAt ?? 0;
  }

  get fullness(): number {
    const { tenantShare = 1, maxBytes, config } = this.#options;
    const whole = Math.max(this.size / this.capacity, this.bytes / maxBytes);
    if (tenantShare >= 1 || config.blockOnOverflow) return Math.min(whole, 1);
    const shared = this.#shares.tenants > 1 ? whole / CROWDED : whole;
    const largest = this.#shares.largestOf({ size: this.capacity, bytes: maxBytes });
    return Math.min(Math.max(shared, largest / tenantShare), 1);
  }

  refusal(batch: Batch): Outcome | undefined {
    if (this.#stopping !== undefined) return STOPPED;
    if (this.#fits(batch) && this.#outside.length === 0) return this.#overShare(batch);
    return this.#tooLarge(batch) ?? this.#full(batch);
  }

  offer(batch: Batch, wait = false): Promise<Outcome> {
    const refusal = this.refusal(batch);
    if (refusal === undefined) return this.#enter(batch, wait);
    if (refusal.kind !== 'retry' || refusal === STOPPED || !this.#options.config.blockOnOverflow) {
      this.#options.observer.refused(batch, refusal);
      return Promise.resolve(refusal);
    }
    this.#options.observer.blocked(1);
    return new Promise((resolve) => {
      this.#outside.push({ batch, wait, resolve });
    });
  }

  take(): Promise<Lease | undefined> {
    const entry = this.#inside.shift();
    if (entry !== undefined) return Promise.resolve(entry);
    if (this.#stopping !== undefined) return NOTHING;
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }

  stop(deadline: AbortSignal): Promise<void> {
    if (this.#stopping === undefined) {
      this.#stopping = Promise.withResolvers();
      for (let caller = this.#outside.shift(); caller; caller = this.#outside.shift()) {
        this.#options.observer.blocked(-1);
        this.#options.observer.refused(caller.batch, STOPPED);
        caller.resolve(STOPPED);
      }
      if (this.#inside.length === 0) for (const taker of this.#takers.splice(0)) taker(undefined);
      if (this.#ages.oldest === undefined) this.#stopping.resolve();
    }
    if (deadline.aborted) this.#close();
    else deadline.addEventListener('abort', () => this.#close(), { once: true });
    return this.#stopping.promise;
  }

  #enter(batch: Batch, wait: boolean): Promise<Outcome> {
    const entry = new Entry(batch, this.#costOf(batch), this.#settle);
    this.size += entry.cost;
    this.bytes += batch.byteLength;
    this.items += batch.items;
    this.#ages.add(entry);
    this.#shares.add(batch.origin.tenant, entry.cost, batch.byteLength);
    this.#options.ledger.charge(batch.origin.tenant, batch.byteLength);
    retainAll(batch.chunks);
    this.#options.observer.entered(batch);
    const taker = this.#takers.shift();
    if (taker === undefined) this.#inside.push(entry);
    else taker(entry);
    // fast path: one promise for all.
    if (!wait) return ENTERED;
    return new Promise((resolve) => {
      entry.answer = resolve;
    });
  }

  #settleEntry(entry: Entry, outcome: Outcome, answer: Outcome): void {
    if (outcome.kind === 'retry' && !this.#closed) {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#inside.pushFront(entry);
      else taker(entry);
      return;
    }
    entry.settled = true;
    this.#leave(entry, answer);
    this.#letIn();
  }

  #leave(entry: Entry, answer: Outcome): void {
    const { batch, cost } = entry;
    this.size -= cost;
    this.bytes -= batch.byteLength;
    this.items -= batch.items;
    this.#ages.remove(entry);
    this.#shares.remove(batch.origin.tenant, cost, batch.byteLength);
    this.#options.ledger.release(batch.origin.tenant, batch.byteLength);
    releaseAll(batch.chunks);
    this.#drain.add(cost, this.#options.clock.now());
    entry.answer?.(answer);
    if (this.#ages.oldest === undefined) this.#stopping?.resolve();
  }

  /** Lets callers in whose turn it is, as far as there is room. */
  #letIn(): void {
    for (let next = this.#outside.head(); next !== undefined; next = this.#outside.head()) {
      if (!this.#fits(next.batch)) return;
      this.#outside.shift();
      this.#options.observer.blocked(-1);
      next.resolve(this.#enter(next.batch, next.wait));
    }
  }

  /** The deadline has passed: what is in memory ends here. */
  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let entry = this.#inside.shift(); entry; entry = this.#inside.shift()) {
      this.#leave(entry, STOPPED);
    }
    for (const taker of this.#takers.splice(0)) taker(undefined);
    this.#stopping?.resolve();
  }

  #costOf(batch: Batch): number {
    const { sizer } = this.#options.config;
    if (sizer === 'requests') return 1;
    // What is asked about before it is read has no items yet, and will have one at least.
    return sizer === 'items' ? Math.max(batch.items, 1) : batch.byteLength;
  }

  #fits(batch: Batch): boolean {
    const cost = this.#costOf(batch);
    if (cost > this.#options.largest) return false;
    if (this.size + cost > this.capacity && this.size > 0) return false;
    return this.bytes + batch.byteLength <= this.#options.maxBytes || this.bytes === 0;
  }

  /** Keeps room for other tenants: one batch is always allowed, more only up to the share. */
  #overShare(batch: Batch): Outcome | undefined {
    const { tenantShare = 1, maxBytes, config, clock } = this.#options;
    if (tenantShare >= 1 || config.blockOnOverflow) return undefined;
    const { tenant } = batch.origin;
    const { size, bytes } = this.#shares.of(tenant);
    const cost = this.#costOf(batch);
    const isCrowded =
      this.size + cost > this.capacity * CROWDED ||
      this.bytes + batch.byteLength > maxBytes * CROWDED;
    const share = isCrowded ? Math.min(tenantShare, this.#shares.fair) : tenantShare;
    const most = Math.floor(this.capacity * share);
    const over = size + cost - most;
    const fits = over <= 0 && bytes + batch.byteLength <= maxBytes * share;
    if (bytes === 0 || fits) return undefined;
    return {
      kind: 'retry',
      reason: 'tenant_queue_full',
      message: `tenant ${tenant} holds its share of the sending queue: ${size} of ${most} ${config.sizer}, ${bytes} bytes; send again later`,
      afterMs: this.#drain.waitFor(Math.max(over, this.capacity / 10), clock.now()),
      scope: 'tenant_room',
    };
  }

  #tooLarge(batch: Batch): Outcome | undefined {
    const cost = this.#costOf(batch);
    const { config, largest } = this.#options;
    if (cost > largest) {
      const message = `request of ${cost} ${config.sizer} is larger than the sending queue of ${largest}; raise sending_queue.queue_size`;
      return { kind: 'rejected', reason: 'larger_than_queue', message, fault: 'too_large' };
    }
    return undefined;
  }

  #full(batch: Batch): Outcome {
    const { config, clock } = this.#options;
    const missing = Math.max(this.size + this.#costOf(batch) - this.capacity, this.capacity / 10);
    return {
      kind: 'retry',
      reason: 'queue_full',
      message: `sending queue is full: it holds ${this.size} of ${this.capacity} ${config.sizer}, ${this.bytes} bytes; send again later`,
      afterMs: this.#drain.waitFor(missing, clock.now()),
    };
  }
}

/** A caller outside, until there is room for its batch. */
interface Caller {
  readonly batch: Batch;
  readonly wait: boolean;
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void;
}

type Settle = (entry: Entry, outcome: Outcome, answer: Outcome) => void;

/** A batch inside; its own lease, and a link in the chain of ages. */
class Entry implements Lease {
  readonly batch: Batch;
  readonly cost: number;
  readonly #settle: Settle;
  settled = false;
  answer: ((outcome: Outcome) => void) | undefined = undefined;
  older: Entry | undefined = undefined;
  newer: Entry | undefined = undefined;

  constructor(batch: Batch, cost: number, settle: Settle) {
    this.batch = batch;
    this.cost = cost;
    this.#settle = settle;
  }

  settle(outcome: Outcome, answer: Outcome = outcome): void {
    if (this.settled) throw new Error('bug: lease settled twice');
    this.#settle(this, outcome, answer);
  }
}

const ENTERED: Promise<Outcome> = Promise.resolve(ACCEPTED);
const NOTHING: Promise<undefined> = Promise.resolve(undefined);
const STOPPED: Outcome = Object.freeze({
  kind: 'retry',
  reason: 'shutdown',
  message: 'collector is shutting down; send again later',
  afterMs: 1000,
});
