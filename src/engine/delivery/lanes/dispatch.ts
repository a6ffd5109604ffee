import type { Shipment } from '../shipment.ts';

/** Decides what is sent when. */
export interface Dispatch {
  /** Whether to take more from the queue: what is not needed yet waits there, in turns. */
  readonly hungry: boolean;
  /** Nothing waits here and nothing is under way. */
  readonly idle: boolean;
  /** Whether one more request may be under way. */
  readonly free: boolean;
  /** Takes a shipment over; it will be sent. */
  ship(shipment: Shipment): void;
  /** What waits here goes without waiting for company from now on. */
  stop(): void;
}

/** Sends in the order of arrival, so many at once. */
export class FreeDispatch implements Dispatch {
  readonly #consumers: number;
  readonly #finish: (shipment: Shipment) => Promise<void>;
  readonly #changed: () => void;
  readonly #ready: Shipment[] = [];
  #underWay = 0;

  /** `finish` resolves when a shipment is settled; `changed` is told when a request has ended. */
  constructor(
    consumers: number,
    finish: (shipment: Shipment) => Promise<void>,
    changed: () => void,
  ) {
    this.#consumers = consumers;
    this.#finish = finish;
    this.#changed = changed;
  }

  get hungry(): boolean {
    return this.#ready.length === 0;
  }

  get idle(): boolean {
    return this.#underWay === 0 && this.#ready.length === 0;
  }

  get free(): boolean {
    return this.#underWay < this.#consumers;
  }

  ship(shipment: Shipment): void {
    this.#ready.push(shipment);
    this.#pump();
  }

  stop(): void {
    this.#pump();
  }

  #pump(): void {
    while (this.free) {
      const shipment = this.#ready.shift();
      if (shipment === undefined) return;
      this.#underWay += 1;
      void this.#send(shipment);
    }
  }

  async #send(shipment: Shipment): Promise<void> {
    await this.#finish(shipment);
    this.#underWay -= 1;
    this.#pump();
    this.#changed();
  }
}
