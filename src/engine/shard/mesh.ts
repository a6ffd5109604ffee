/**
 * Every shard is linked to every other by a port of their own. Over it they ask each other and
 * answer: whole requests that are handed over, parts of batches that belong to another, questions
 * of components. Messages of one link arrive in order.
 *
 * A port has no back-pressure: who calls bounds what it has outstanding. A peer that dies leaves
 * all that is outstanding with it unanswered, and so does one whose answer is a bug.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Bytes } from '../../contract/batch.ts';
import type { PeerCall, PeerMessage, PeerPort } from './messages.ts';

/** What a shard answers to a call: plain values, and the bytes in them that are moved. */
export interface Served {
  readonly value: unknown;
  readonly bytes: readonly Bytes[];
}

/** Answers the calls of others. A rejection is a bug, and no answer. */
export type Serve = (call: PeerCall) => Promise<Served>;

/** One shard's end of all its links. */
export class Mesh {
  readonly #links = new Map<number, Link>();
  readonly #serve: Serve;
  readonly #failed: (error: unknown) => void;

  /** `failed` is told of calls that could not be answered. */
  constructor(serve: Serve, failed: (error: unknown) => void) {
    this.#serve = serve;
    this.#failed = failed;
  }

  /** To the shards that can be asked now, in their order. */
  get links(): readonly Link[] {
    return [...this.#links.values()].toSorted((a, b) => a.index - b.index);
  }

  /** To the shard `index`, if it can be asked now. */
  link(index: number): Link | undefined {
    return this.#links.get(index);
  }

  /** Starts talking to a peer, in place of its predecessor if it had one. */
  attach({ index, port }: PeerPort): void {
    this.#links.get(index)?.close();
    const link = new Link(index, port);
    this.#links.set(index, link);
    port.on('message', (message: PeerMessage) => {
      if (message.kind === 'call') void this.#answer(port, message.id, message.call);
      else link.settle(message.id, message.answer);
    });
    port.on('close', () => {
      if (this.#links.get(index) === link) this.#links.delete(index);
      link.close();
    });
  }

  /** Closes all links. What is outstanding stays unanswered. */
  stop(): void {
    for (const link of this.#links.values()) link.close();
  }

  async #answer(port: MessagePort, id: number, call: PeerCall): Promise<void> {
    let answer: unknown;
    let transfer: ArrayBuffer[] = [];
    try {
      const { value, bytes } = await this.#serve(call);
      answer = value;
      transfer = bytes.map(({ buffer }) => buffer);
      port.postMessage({ kind: 'answer', id, answer } satisfies PeerMessage, transfer);
    } catch (error) {
      this.#failed(error);
      port.postMessage({ kind: 'answer', id, answer: undefined } satisfies PeerMessage);
    }
  }
}

/** The way to one other shard. */
export class Link {
  readonly index: number;
  readonly #port: MessagePort;
  readonly #outstanding = new Map<number, (answer: unknown) => void>();
  #nextId = 0;
  #open = true;

  constructor(index: number, port: MessagePort) {
    this.index = index;
    this.#port = port;
  }

  /** Whether it can be asked. */
  get open(): boolean {
    return this.#open;
  }

  /**
   * Asks and resolves with the answer; undefined when the peer died or could not answer.
   * `transfer` is moved. Throws, with nothing moved, when it cannot be.
   */
  call(call: PeerCall, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    if (!this.#open) return Promise.resolve(undefined);
    const id = this.#nextId++;
    this.#port.postMessage({ kind: 'call', id, call } satisfies PeerMessage, transfer);
    return new Promise((resolve) => {
      this.#outstanding.set(id, resolve);
    });
  }

  /** The peer has answered. */
  settle(id: number, answer: unknown): void {
    this.#outstanding.get(id)?.(answer);
    this.#outstanding.delete(id);
  }

  /** What is outstanding stays unanswered. Idempotent. */
  close(): void {
    this.#open = false;
    this.#port.close();
    for (const resolve of this.#outstanding.values()) resolve(undefined);
    this.#outstanding.clear();
  }
}
