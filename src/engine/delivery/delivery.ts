import type { Batch } from '../../contract/batch.ts';
import type { Consumer } from '../../contract/component.ts';
import type { Outcome } from '../../contract/outcome.ts';
import { releaseAll } from '../../wire/memory.ts';
import type { DeliveryConfig } from '../config/config.ts';
import { MemoryQueue } from '../queue/memory-queue.ts';
import { queueOfOneShard } from '../queue/of-one-shard.ts';
import type { Lease, Queue } from '../queue/queue.ts';
import { type Attempts, attempts, bug } from './attempts.ts';
import { Batcher } from './batcher.ts';
import { Books } from './books.ts';
import type { Delivery, DeliveryOptions } from './contract.ts';
import { type Dispatch, FreeDispatch } from './lanes/dispatch.ts';
import { LaneDispatch } from './lanes/lane-dispatch.ts';
import { observerOf, QueueGauges } from './queue-gauges.ts';
import type { Before } from './retry.ts';
import { type Shipment, settleShipment, shipmentOf } from './shipment.ts';
import { UNSENT } from './timeout.ts';

/**
 * queue ─▶ batcher ─▶ retry ─▶ timeout ─▶ exporter
 *
 * One loop takes from the queue and fills the batcher; at most `num_consumers` requests are
 * under way, and while all are, nothing is taken: what waits, waits in the queue, in turns.
 * Sizes in the settings are those of the gateway; this shard takes its part of them.
 */
export class QueuedDelivery implements Delivery {
  readonly delivered: Consumer = { consume: (batch) => this.#offer(batch, true) };
  readonly waits: boolean;
  readonly #config: DeliveryConfig;
  readonly #books: Books;
  readonly #gauges: QueueGauges;
  readonly #queue: Queue;
  readonly #batcher: Batcher | undefined;
  readonly #attempts: Attempts;
  readonly #dispatch: Dispatch;
  readonly #stopping = new AbortController();
  readonly #deadline = new AbortController();
  #changed = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(whole: DeliveryConfig, options: DeliveryOptions) {
    const { exporterId, signal, context, ledger, maxBytes, tenantShare = 1 } = options;
    const { clock, shard } = context;
    const config = { ...whole, queue: queueOfOneShard(whole.queue, shard.count) };
    const { batch } = config.queue;
    const books = new Books(exporterId, signal, context);
    this.#config = config;
    this.#books = books;
    this.#gauges = new QueueGauges(exporterId, signal, context.meter);
    this.waits = config.queue.blockOnOverflow;
    const observer = observerOf(books, this.#gauges);
    const metadataKeys = batch?.metadataKeys ?? [];
    const largest = whole.queue.size;
    const bounds = { config: config.queue, largest, maxBytes, tenantShare, metadataKeys };
    this.#queue = new MemoryQueue({ ...bounds, ledger, clock, observer });
    const ship = (shipment: Shipment) => this.#dispatch.ship(shipment);
    const { split } = options;
    if (batch !== undefined) this.#batcher = new Batcher({ config: batch, split, clock, ship });
    this.#attempts = attempts(config, options, { books, stopping: this.#stopping.signal });
    this.#dispatch = this.#dispatchFor(options, metadataKeys);
    this.#gauges.observe(this.#queue);
  }

  get fullness(): number {
    return this.#queue.fullness;
  }

  consume(batch: Batch): Promise<Outcome> {
    return this.#offer(batch, this.#config.queue.waitForResult);
  }

  refusal(batch: Batch): Outcome | undefined {
    const refusal = this.#queue.refusal(batch);
    if (refusal === undefined) return undefined;
    this.#books.refused(batch);
    this.#hurry();
    return refusal;
  }

  passedOver(batch: Batch, refusal: Exclude<Outcome, { kind: 'accepted' }>): void {
    this.#books.passedOver(batch, refusal);
  }

  start(): Promise<void> {
    this.#loop ??= this.#run();
    return Promise.resolve();
  }

  stop(deadline: AbortSignal): Promise<void> {
    if (deadline.aborted || this.#loop === undefined) this.#deadline.abort();
    else deadline.addEventListener('abort', () => this.#deadline.abort(), { once: true });
    this.#stopped ??= this.#drain();
    return this.#stopped;
  }

  #offer(batch: Batch, wait: boolean): Promise<Outcome> {
    if (this.#batcher !== undefined && this.#queue.refusal(batch) !== undefined) this.#hurry();
    const answer = this.#queue.offer(batch, wait);
    this.#gauges.observe(this.#queue);
    return answer;
  }

  async #run(): Promise<void> {
    for (let lease = await this.#queue.take(); lease; lease = await this.#queue.take()) {
      this.#collect(lease);
      while (!this.#dispatch.hungry) await this.#changed.promise;
    }
    this.#batcher?.flush();
    this.#dispatch.stop();
    while (!this.#dispatch.idle) await this.#changed.promise;
  }

  /** A full queue does not wait for company: what is being batched goes out now. */
  #hurry(): void {
    if (this.#dispatch.free) this.#batcher?.flush();
  }

  #collect(lease: Lease): void {
    if (this.#batcher === undefined) return this.#dispatch.ship(shipmentOf(lease));
    try {
      this.#batcher.add(lease);
    } catch (error) {
      this.#settle(shipmentOf(lease), bug('splitting a batch', error, this.#books));
    }
  }

  #dispatchFor({ lanes, context }: DeliveryOptions, metadataKeys: readonly string[]): Dispatch {
    const { numConsumers } = this.#config.queue;
    const changed = (): void => this.#hasChanged();
    if (lanes === undefined || numConsumers * lanes.backends === 1) {
      const finish = (shipment: Shipment) => this.#finish({ shipment });
      return new FreeDispatch(numConsumers, finish, changed);
    }
    return new LaneDispatch({
      lanes: numConsumers * lanes.backends,
      joinBytes: lanes.joinBytes,
      whole: lanes.backends === 1,
      metadataKeys,
      divide: lanes.divideInto(numConsumers),
      clock: context.clock,
      attempt: ({ batch }) => {
        this.#gauges.shipped(batch);
        return this.#attempts.once(batch, this.#deadline.signal);
      },
      finish: (sendable) => this.#finish(sendable),
      settle: (shipment, outcome) => this.#settle(shipment, outcome),
      changed,
    });
  }

  async #finish({ shipment, ...before }: Before & { readonly shipment: Shipment }): Promise<void> {
    this.#gauges.shipped(shipment.batch);
    const outcome = await this.#attempts.all(shipment.batch, this.#deadline.signal, before);
    this.#settle(shipment, outcome);
  }

  #hasChanged(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }

  #settle(shipment: Shipment, outcome: Outcome): void {
    const unsent = outcome.kind === 'retry' && this.#deadline.signal.aborted;
    if (!unsent) this.#books.settled(shipment.batch, outcome);
    settleShipment(shipment, unsent ? UNSENT : outcome, unsent);
    releaseAll(shipment.made);
    this.#gauges.observe(this.#queue);
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    const emptied = this.#queue.stop(this.#deadline.signal);
    await this.#loop;
    await emptied;
    this.#books.close(this.#queue.items);
    this.#gauges.close();
  }
}
