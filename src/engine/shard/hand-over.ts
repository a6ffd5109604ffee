/**
 * Hands whole requests, undecoded, from a shard whose thread or queue is saturated to those with
 * most to spare.
 *
 * Constraints: a balanced gateway pays one comparison per request. A message port has no
 * back-pressure, so at most a small window of requests and bytes is outstanding per peer; what
 * does not fit stays here. A peer that dies settles all that is outstanding with it as unknown.
 */
import type { RawRequest, Reply } from '../../contract/component.ts';
import type { Counter, Meter } from '../../contract/context.ts';
import type { Elsewhere } from '../admission/elsewhere.ts';
import type { Load, Loads } from './loads.ts';
import type { Link, Mesh } from './mesh.ts';
import { adaptShare, hasMoreToSpare, type Scarce, takenAt } from './share.ts';

const WINDOW_REQUESTS = 256;
const WINDOW_BYTES = 8 * 1024 * 1024;

/** A peer, and what it has not answered yet. */
interface Target {
  readonly link: Link;
  requests: number;
  bytes: number;
}

/** What a shard does when it has more work than its peers. */
export class HandOver implements Elsewhere {
  readonly #loads: Loads;
  readonly #mesh: Mesh;
  readonly #known = new WeakMap<Link, Target>();
  /** Peers to hand to until the next sample, the one with most to spare first. */
  #targets: Target[] = [];
  #nextTarget = 0;
  /** What would be handed over for want of time, and for want of room in queues. */
  readonly #shares: Record<Scarce, number> = { busy: 0, full: 0 };
  /** The larger of the two. */
  #share = 0;
  /** Grows by the share with every request; one is due to leave when it reaches 1. */
  #due = 0;
  readonly #handed: Counter;
  readonly #handedBytes: Counter;
  readonly #lost: Counter;

  constructor(loads: Loads, meter: Meter, mesh: Mesh) {
    this.#loads = loads;
    this.#mesh = mesh;
    this.#handed = meter.counter(
      'handover_requests',
      'Requests that a shard without time or room in a queue handed to another.',
    );
    this.#handedBytes = meter.counter('handover_bytes', 'Bytes of the requests handed over.');
    this.#lost = meter.counter(
      'handover_lost_requests',
      'Requests handed to a shard that died before it answered.',
    );
  }

  /** The share of requests that leave, 0 to 1. */
  get share(): number {
    return this.#share;
  }

  /** Adapts share and targets to the load of this shard now. Called with every sample of it. */
  adapt(own: Load): void {
    const withTime = this.#shareOut('busy', own);
    const withRoom = this.#shareOut('full', own);
    const { busy, full } = this.#shares;
    this.#share = Math.max(busy, full);
    this.#targets = busy >= full ? withTime : withRoom;
    this.#nextTarget = 0;
  }

  /** Adapts the share for one reason. Answers who has something to spare, the most first. */
  #shareOut(scarce: Scarce, own: Load): Target[] {
    const peers = this.#mesh.links.map((link) => ({
      target: this.#targetOf(link),
      taken: takenAt(this.#loads.of(link.index), own, scarce),
    }));
    const least = Math.min(1, ...peers.map(({ taken }) => taken));
    this.#shares[scarce] = adaptShare(this.#shares[scarce], own[scarce], least);
    return peers
      .filter(({ taken }) => hasMoreToSpare(taken, own[scarce]))
      .toSorted((a, b) => a.taken - b.taken)
      .map(({ target }) => target);
  }

  /** Takes a request when it is better processed by a peer; see `Elsewhere`. */
  offer(receiver: string, request: RawRequest): Promise<Reply | undefined> | undefined {
    if (this.#share === 0) return undefined;
    this.#due = Math.min(this.#due + this.#share, 2);
    if (this.#due < 1) return undefined;
    const target = this.#targetFor(request.body.length);
    if (target === undefined) return undefined;
    this.#due -= 1;
    return this.#hand(target, receiver, request);
  }

  /** Hands nothing over from now on. */
  stop(): void {
    this.#share = 0;
  }

  #targetOf(link: Link): Target {
    let target = this.#known.get(link);
    if (target === undefined) {
      target = { link, requests: 0, bytes: 0 };
      this.#known.set(link, target);
    }
    return target;
  }

  #targetFor(bytes: number): Target | undefined {
    const { length } = this.#targets;
    for (let tried = 0; tried < length; tried++) {
      const target = this.#targets[this.#nextTarget % length];
      this.#nextTarget++;
      if (target === undefined) return undefined;
      if (!target.link.open) continue;
      const fits = target.bytes === 0 || target.bytes + bytes <= WINDOW_BYTES;
      if (fits && target.requests < WINDOW_REQUESTS) return target;
    }
    return undefined;
  }

  #hand(
    target: Target,
    receiver: string,
    request: RawRequest,
  ): Promise<Reply | undefined> | undefined {
    const bytes = request.body.length;
    let answer: Promise<unknown>;
    try {
      answer = target.link.call({ kind: 'request', receiver, request }, [request.body.buffer]);
    } catch {
      // A buffer of a pool cannot be transferred; it is processed here.
      return undefined;
    }
    this.#handed.add(1);
    this.#handedBytes.add(bytes);
    target.requests += 1;
    target.bytes += bytes;
    return answer.then((reply) => {
      target.requests -= 1;
      target.bytes -= bytes;
      if (reply === undefined) this.#lost.add(1);
      return reply as Reply | undefined;
    });
  }
}
