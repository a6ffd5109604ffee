/**
 * Several requests at once, and every series in order.
 *
 *   shipments ─▶ one group a tenant ─┬─▶ whole        while one request at a time is enough
 *                                    └─▶ lane 0 … n   once more waits than a few requests hold
 *
 * A lane has some of the series and one request under way. As long as one batch waits, or what fits
 * a few requests, it is joined and sent whole, which takes all lanes of its group: nothing is cut. When
 * more waits it is divided between the lanes, where again what waits is joined. A request that
 * fails whole is divided for its repeats, so that a repeat holds up its own lane alone.
 */
import type { Clock } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { partitionOf } from '../../queue/partition.ts';
import type { Shipment } from '../shipment.ts';
import type { Dispatch } from './dispatch.ts';
import { Group, type LaneOptions, type Sendable, WHOLE_REQUESTS } from './group.ts';

export interface LaneDispatchOptions extends LaneOptions {
  readonly clock: Clock;
  /** One attempt. */
  readonly attempt: (shipment: Shipment) => Promise<Outcome>;
  /** All attempts, after `last` if there was one, and the settlement. */
  readonly finish: (sendable: Sendable) => Promise<void>;
  /** The settlement alone. */
  readonly settle: (shipment: Shipment, outcome: Outcome) => void;
  /** Told when a request has ended. */
  readonly changed: () => void;
}

/** How long shipments wait for lanes that are busy before they are divided all the same. */
const HOLD_MS = 100;

/** Sends what may go at once, so many requests in all, groups taking turns. */
export class LaneDispatch implements Dispatch {
  readonly #options: LaneDispatchOptions;
  readonly #slots: number;
  /** Groups with something in them; the next to be served first. */
  readonly #groups = new Map<string, Group>();
  #underWay = 0;
  #waitingBytes = 0;
  #cancelHold: (() => void) | undefined;
  #stopping = false;

  constructor(options: LaneDispatchOptions) {
    this.#options = options;
    this.#slots = options.lanes;
  }

  get hungry(): boolean {
    // As much as all lanes can send next, once it is too much to go whole: what is at hand when
    // one becomes free goes out together.
    return this.#waitingBytes < this.#options.joinBytes * (this.#slots + WHOLE_REQUESTS);
  }

  get idle(): boolean {
    return this.#groups.size === 0;
  }

  get free(): boolean {
    return this.#underWay < this.#slots;
  }

  /** What waits is sent without waiting for company from now on. */
  stop(): void {
    this.#stopping = true;
    this.#pump(true);
  }

  ship(shipment: Shipment): void {
    const key = partitionOf(shipment.batch, this.#options.metadataKeys);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new Group(this.#options);
      this.#groups.set(key, group);
    }
    group.add(shipment, this.#options.clock.now());
    this.#pump(this.#stopping);
  }

  /** Sends until all slots are taken; `now`: also what had better wait for company. */
  #pump(now: boolean): void {
    let idle = 0;
    while (this.free && idle < this.#groups.size) {
      const [key, group] = this.#groups.entries().next().value!;
      const sendable = group.next(now || this.#stopping);
      // Takes its place at the end of the round.
      this.#groups.delete(key);
      this.#groups.set(key, group);
      if (sendable === undefined) idle += 1;
      else {
        idle = 0;
        this.#underWay += 1;
        void this.#send(key, group, sendable);
      }
    }
    this.#waitingBytes = 0;
    for (const group of this.#groups.values()) this.#waitingBytes += group.waitingBytes;
    this.#hold();
  }

  async #send(key: string, group: Group, sendable: Sendable): Promise<void> {
    const { attempt, finish, settle, changed } = this.#options;
    if (sendable.lane !== undefined) await finish(sendable);
    else {
      const outcome = await attempt(sendable.shipment);
      if (outcome.kind === 'retry') group.divide(sendable, outcome);
      else settle(sendable.shipment, outcome);
    }
    this.#underWay -= 1;
    group.ended(sendable);
    if (group.empty) this.#groups.delete(key);
    this.#pump(this.#stopping);
    changed();
  }

  #hold(): void {
    if (this.#waitingBytes === 0) {
      this.#cancelHold?.();
      this.#cancelHold = undefined;
      return;
    }
    this.#cancelHold ??= this.#options.clock.after(HOLD_MS, () => {
      this.#cancelHold = undefined;
      this.#pump(true);
      this.#options.changed();
    });
  }
}
