import type { Outcome } from '../../contract/outcome.ts';
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
      consume: (batch) => delivery.delivered.consume(batch).then(forClients),
    };
  }

  as(taking: Taking): Outlet {
    // Without a queue every answer is that of the backend.
    const isAwaited = taking === 'delivered' || (taking === 'queued' && this.#delivery.waits);
    return isAwaited ? this.#awaited : this.#delivery;
  }
}

/** Where the backend is, and how it cannot be reached, is in the log and no client's affair. */
function forClients(outcome: Outcome): Outcome {
  if (outcome.kind === 'retry') {
    const message = `the data is not delivered yet (${outcome.reason}); send it again`;
    return { ...outcome, message };
  }
  if (outcome.kind !== 'rejected' || outcome.fault !== 'internal') return outcome;
  return { ...outcome, message: `the data could not be delivered (${outcome.reason})` };
}
