/**
 * What became of a batch, named by what its holder should do next. One vocabulary for both
 * directions: an exporter reads it off the backend's reply, a receiver writes it into the reply
 * to its client.
 *
 * - `accepted`: forget it.
 * - `partial`:  forget it; `rejected` items of it are lost for good.
 * - `retry`:    keep it and come back, not before `afterMs`.
 * - `rejected`: drop it; the same bytes will never be accepted.
 *
 * `reason` is a metric label: snake_case, from a small fixed set per place. `message` is for
 * people: lower case, what was attempted, the value, the remedy.
 */
export type Outcome =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'partial';
      readonly rejected: number;
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly message: string;
      /** Milliseconds to wait at least; a receiver always puts a hint in its refusal. */
      readonly afterMs?: number;
      /**
       * `tenant`: a limit of this tenant alone (429). `tenant_room`: its share of the room is taken,
       * and drains by itself (429, and 503 in protocols whose senders drop what is answered 429).
       * Otherwise the gateway is busy (503).
       */
      readonly scope?: 'tenant' | 'tenant_room';
    }
  | {
      readonly kind: 'rejected';
      readonly reason: string;
      readonly message: string;
      /** What is wrong, in terms every protocol can translate. `invalid` when absent. */
      readonly fault?: Fault;
    };

/** Why a request can never succeed, to be said in the protocol's own terms. */
export type Fault =
  | 'invalid'
  | 'too_large'
  | 'unauthenticated'
  | 'forbidden'
  | 'unsupported'
  | 'unimplemented'
  | 'internal';

export const ACCEPTED: Outcome = Object.freeze({ kind: 'accepted' });
