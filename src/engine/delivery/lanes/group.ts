import type { Batch } from '../../../contract/batch.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { divideShipment, joinShipments, type Shipment } from '../shipment.ts';

/** How series are kept in order while several requests are under way. */
export interface LaneOptions {
  readonly lanes: number;
  /** What waits is joined up to this size. */
  readonly joinBytes: number;
  /** Whether one request may have series of all lanes. */
  readonly whole: boolean;
  /** Metadata keys that keep batches apart. */
  readonly metadataKeys: readonly string[];
  /** A batch by lanes; nothing where a lane has no part. */
  divide(batch: Batch): readonly (Batch | undefined)[];
}

/**
 * As many requests may go one after the other before the lanes are worth it: to divide a batch costs as
 * much as everything else that is done with it, and a backend that keeps up never lets more wait.
 */
export const WHOLE_REQUESTS = 4;

type Retry = Outcome & { kind: 'retry' };

/** Something that may be sent now. */
export interface Sendable {
  readonly shipment: Shipment;
  /** Absent of one that has series of all lanes. */
  readonly lane: number | undefined;
  /** Milliseconds since the epoch: when it was ready to be sent. */
  readonly since: number;
  /** What the first attempt, as a part of something larger, came to. */
  readonly last?: Retry;
}

interface Lane {
  readonly pending: Sendable[];
  busy: boolean;
}

/** What is in hand for one tenant: undivided and in order, then by lanes. */
export class Group {
  readonly #options: LaneOptions;
  readonly #waiting: Sendable[] = [];
  readonly #lanes: readonly Lane[];
  #wholeUnderWay = false;
  #nextLane = 0;
  /** Bytes that are neither divided nor under way. */
  waitingBytes = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.lanes }, () => ({ pending: [], busy: false }));
  }

  get empty(): boolean {
    return this.#waiting.length === 0 && !this.#wholeUnderWay && !this.#isInLanes();
  }

  add(shipment: Shipment, since: number): void {
    this.#waiting.push({ shipment, lane: undefined, since });
    this.waitingBytes += shipment.batch.byteLength;
  }

  /** What may be sent now; with `now` it does not wait for lanes to become free all together. */
  next(now: boolean): Sendable | undefined {
    if (this.#wholeUnderWay) return undefined;
    const { whole, joinBytes } = this.#options;
    const isLittle = this.#waiting.length === 1 || this.waitingBytes <= WHOLE_REQUESTS * joinBytes;
    const fits = whole && isLittle;
    if (this.#waiting.length > 0) {
      if (fits && !this.#isInLanes()) return this.#nextWhole();
      if (now || (!fits && this.#hasFreeLane())) this.#divideWaiting();
    }
    return this.#nextOfLanes();
  }

  /** A request with series of all lanes failed: its parts are repeated by themselves. */
  divide({ shipment, since }: Sendable, last: Retry): void {
    this.#spread(shipment, since, last);
  }

  /** A request has ended. */
  ended({ lane }: Sendable): void {
    if (lane === undefined) this.#wholeUnderWay = false;
    else this.#lanes[lane]!.busy = false;
  }

  #nextWhole(): Sendable {
    const all = this.#waiting.splice(0);
    this.waitingBytes = 0;
    this.#wholeUnderWay = true;
    return this.#joined(all);
  }

  #divideWaiting(): void {
    for (const { shipment, since } of this.#waiting.splice(0)) this.#spread(shipment, since);
    this.waitingBytes = 0;
  }

  #spread(shipment: Shipment, since: number, last?: Retry): void {
    const divide = (batch: Batch) => this.#options.divide(batch);
    for (const [lane, part] of divideShipment(shipment, divide).entries()) {
      if (part === undefined) continue;
      const sendable = { shipment: part, lane, since, ...(last === undefined ? {} : { last }) };
      this.#lanes[lane]!.pending.push(sendable);
    }
  }

  #nextOfLanes(): Sendable | undefined {
    const { length } = this.#lanes;
    for (let tried = 0; tried < length; tried++) {
      const lane = this.#lanes[this.#nextLane]!;
      this.#nextLane = (this.#nextLane + 1) % length;
      if (lane.busy || lane.pending.length === 0) continue;
      lane.busy = true;
      return this.#nextOf(lane);
    }
    return undefined;
  }

  /** The first of a lane with as many behind it as fit one request. */
  #nextOf({ pending }: Lane): Sendable {
    let count = 1;
    let bytes = pending[0]!.shipment.batch.byteLength;
    while (count < pending.length && pending[0]!.last === undefined) {
      bytes += pending[count]!.shipment.batch.byteLength;
      if (bytes > this.#options.joinBytes) break;
      count += 1;
    }
    return this.#joined(pending.splice(0, count));
  }

  #isInLanes(): boolean {
    return this.#lanes.some(({ busy, pending }) => busy || pending.length > 0);
  }

  #hasFreeLane(): boolean {
    return this.#lanes.some(({ busy, pending }) => !busy && pending.length === 0);
  }

  #joined(all: readonly Sendable[]): Sendable {
    const shipments = all.map(({ shipment }) => shipment);
    return { ...all[0]!, shipment: joinShipments(shipments, this.#options.metadataKeys) };
  }
}
