import type { Delivery } from '../delivery/contract.ts';
import type { Destination, Taking } from './exchange.ts';
import type { Outlet } from './fan-out.ts';

/** A delivery as the end of pipelines, each of which says when its answer is binding. */
export class Exit implements Destination {
  readonly #delivery: Delivery;
  readonly #awaited: Outlet;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
    this.#awaited = {
      waits: delivery.waits,
      refusal: (batch) => delivery.refusal(batch),
      consume: (batch) => delivery.delivered.consume(batch),
    };
  }

  as(taking: Taking): Outlet {
    return taking === 'delivered' ? this.#awaited : this.#delivery;
  }
}
