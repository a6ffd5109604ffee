/**
 * Hands whole requests, undecoded, from a saturated shard to the least busy ones, and answers
 * those that others hand to this one.
 *
 * Constraints: a balanced gateway pays one comparison per request. A message port has no
 * back-pressure, so at most a small window of requests and bytes is outstanding per peer; what
 * does not fit stays here. A peer that dies settles all that is outstanding with it as unknown.
 */
import type { MessagePort } from 'node:worker_threads';
import type { RawRequest, Reply } from '../../contract/component.ts';
import type { Counter, Meter } from '../../contract/context.ts';
import type { Elsewhere } from '../admission/elsewhere.ts';
import type { Loads } from './loads.ts';
import type { PeerMessage, PeerPort } from './messages.ts';
import { adaptShare, isLessBusy } from './share.ts';

const WINDOW_REQUESTS = 256;
const WINDOW_BYTES = 8 * 1024 * 1024;

/** Processes a request that another shard received. */
export type Serve = (receiver: string, request: RawRequest) => Promise<Reply>;

interface Outstanding {
  readonly bytes: number;
  readonly resolve: (reply: Reply | undefined) => void;
}

interface Peer {
  readonly index: number;
  readonly port: MessagePort;
  readonly outstanding: Map<number, Outstanding>;
  bytes: number;
}

/** One shard's end of the mesh. */
export class HandOver {
  readonly #loads: Loads;
  readonly #serve: Serve;
  readonly #peers = new Map<number, Peer>();
  /** Peers to hand to until the next sample, the least busy first. */
  #targets: Peer[] = [];
  #nextTarget = 0;
  #share = 0;
  /** Grows by the share with every request; one is due to leave when it reaches 1. */
  #due = 0;
  #nextId = 0;
  readonly #handed: Counter;
  readonly #handedBytes: Counter;
  readonly #lost: Counter;

  constructor(loads: Loads, meter: Meter, serve: Serve) {
    this.#loads = loads;
    this.#serve = serve;
    this.#handed = meter.counter(
      'handover_requests',
      'Requests that a saturated shard handed to another.',
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

  /** Starts talking to a peer, in place of its predecessor if it had one. */
  attach({ index, port }: PeerPort): void {
    this.#peers.get(index)?.port.close();
    const peer: Peer = { index, port, outstanding: new Map(), bytes: 0 };
    this.#peers.set(index, peer);
    port.on('message', (message: PeerMessage) => {
      if (message.kind === 'request') void this.#answer(peer, message);
      else this.#settle(peer, message.id, message.reply);
    });
    port.on('close', () => {
      this.#forget(peer);
    });
  }

  /** Adapts share and targets to how busy this shard is now. Called with every load sample. */
  adapt(own: number): void {
    let least = 1;
    const targets: Peer[] = [];
    for (const peer of this.#peers.values()) {
      const load = this.#loads.of(peer.index);
      least = Math.min(least, load);
      if (isLessBusy(load, own)) targets.push(peer);
    }
    targets.sort((a, b) => this.#loads.of(a.index) - this.#loads.of(b.index));
    this.#targets = targets;
    this.#nextTarget = 0;
    this.#share = adaptShare(this.#share, own, least);
  }

  /** Takes a request when it is better processed by a peer; see `Elsewhere`. */
  readonly offer: Elsewhere = (receiver, request) => {
    if (this.#share === 0) return undefined;
    this.#due = Math.min(this.#due + this.#share, 2);
    if (this.#due < 1) return undefined;
    const peer = this.#targetFor(request.body.length);
    if (peer === undefined) return undefined;
    this.#due -= 1;
    return this.#hand(peer, receiver, request);
  };

  /** Closes all ports. What is outstanding is settled as unknown. */
  stop(): void {
    this.#share = 0;
    for (const peer of this.#peers.values()) peer.port.close();
  }

  #targetFor(bytes: number): Peer | undefined {
    const { length } = this.#targets;
    for (let tried = 0; tried < length; tried++) {
      const peer = this.#targets[this.#nextTarget % length];
      this.#nextTarget++;
      if (peer === undefined) return undefined;
      const fits = peer.bytes === 0 || peer.bytes + bytes <= WINDOW_BYTES;
      if (fits && peer.outstanding.size < WINDOW_REQUESTS) return peer;
    }
    return undefined;
  }

  #hand(peer: Peer, receiver: string, request: RawRequest): Promise<Reply | undefined> | undefined {
    const bytes = request.body.length;
    const id = this.#nextId++;
    try {
      const message: PeerMessage = { kind: 'request', id, receiver, request };
      peer.port.postMessage(message, [request.body.buffer]);
    } catch {
      // A buffer of a pool cannot be transferred; it is processed here.
      return undefined;
    }
    this.#handed.add(1);
    this.#handedBytes.add(bytes);
    peer.bytes += bytes;
    return new Promise((resolve) => {
      peer.outstanding.set(id, { bytes, resolve });
    });
  }

  async #answer(peer: Peer, message: PeerMessage & { readonly kind: 'request' }): Promise<void> {
    const reply = await this.#serve(message.receiver, message.request);
    const answer: PeerMessage = { kind: 'reply', id: message.id, reply };
    peer.port.postMessage(answer);
  }

  #settle(peer: Peer, id: number, reply: Reply | undefined): void {
    const outstanding = peer.outstanding.get(id);
    if (outstanding === undefined) return;
    peer.outstanding.delete(id);
    peer.bytes -= outstanding.bytes;
    outstanding.resolve(reply);
  }

  #forget(peer: Peer): void {
    if (this.#peers.get(peer.index) === peer) this.#peers.delete(peer.index);
    this.#targets = this.#targets.filter((target) => target !== peer);
    this.#lost.add(peer.outstanding.size);
    for (const id of peer.outstanding.keys()) this.#settle(peer, id, undefined);
  }
}
