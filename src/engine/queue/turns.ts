/**
 * Deficit round robin, counted in bytes: first between tenants, then between the metadata
 * partitions of one tenant. In each round a lane earns a quantum and may take entries it can
 * pay for; so over time lanes that have something waiting move the same number of bytes,
 * whatever the number and size of their batches. All operations are amortized O(1).
 *
 *   tenants   a ─▶ b ─▶ c ─▶ (a)          each a ring of partitions,
 *             │                           each a first-in first-out lane
 *             └ x ─▶ y ─▶ (x)
 */
import type { Batch } from '../../contract/batch.ts';
import { metadataPartition } from './partition.ts';

/** What a lane earns per round, in bytes: near the size of a usual request. */
const QUANTUM = 65_536;

/** Something that waits for its turn. */
export interface Waiting {
  readonly batch: Batch;
}

/** Entries in the order in which they are to be served. Lanes exist while something is in them. */
export class Turns<T extends Waiting> {
  readonly #keys: readonly string[];
  readonly #tenants = new Ring<T, Ring<T, Lane<T>>>();
  #length = 0;

  /** `keys` are the metadata keys that divide a tenant's entries into partitions. */
  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  get length(): number {
    return this.#length;
  }

  push(entry: T): void {
    this.#laneOf(entry).push(entry);
    this.#length += 1;
  }

  /** Puts an entry at the head of its lane: it is the next of its partition. */
  pushFront(entry: T): void {
    this.#laneOf(entry).unshift(entry);
    this.#length += 1;
  }

  /** The entry whose turn it is, which stays. */
  head(): T | undefined {
    return this.#tenants.head();
  }

  /** The entry whose turn it is, which leaves. */
  shift(): T | undefined {
    const entry = this.#tenants.shift();
    if (entry !== undefined) this.#length -= 1;
    return entry;
  }

  #laneOf(entry: T): Lane<T> {
    const { tenant, metadata } = entry.batch.origin;
    const partitions = this.#tenants.source(tenant, newRing<T>);
    return partitions.source(metadataPartition(metadata, this.#keys), newLane<T>);
  }
}

interface Source<T> {
  readonly empty: boolean;
  head(): T | undefined;
  shift(): T | undefined;
}

interface Seat<S> {
  readonly name: string;
  readonly source: S;
  /** Bytes it may still move in this round. */
  credit: number;
  previous: Seat<S>;
  next: Seat<S>;
}

/** Sources in a circle, each served as far as its credit goes. */
class Ring<T extends Waiting, S extends Source<T>> implements Source<T> {
  readonly #seats = new Map<string, Seat<S>>();
  #current: Seat<S> | undefined;

  get empty(): boolean {
    return this.#current === undefined;
  }

  /** The source called `name`; a new one sits at the end of the round. */
  source(name: string, create: () => S): S {
    const known = this.#seats.get(name);
    if (known !== undefined) return known.source;
    const seat = { name, source: create(), credit: 0 } as Seat<S>;
    const current = this.#current ?? seat;
    seat.next = current;
    seat.previous = current === seat ? seat : current.previous;
    seat.previous.next = seat;
    current.previous = seat;
    this.#current = current;
    this.#seats.set(name, seat);
    return seat.source;
  }

  head(): T | undefined {
    for (let seat = this.#current; seat !== undefined; seat = seat.next) {
      this.#current = seat;
      const entry = seat.source.head();
      if (seat.next === seat || entry === undefined) return entry;
      if (seat.credit >= entry.batch.byteLength) return entry;
      seat.credit += QUANTUM;
    }
    return undefined;
  }

  shift(): T | undefined {
    if (this.head() === undefined) return undefined;
    const seat = this.#current!;
    const entry = seat.source.shift()!;
    seat.credit = Math.max(0, seat.credit - entry.batch.byteLength);
    if (seat.source.empty) this.#remove(seat);
    return entry;
  }

  #remove(seat: Seat<S>): void {
    this.#seats.delete(seat.name);
    seat.previous.next = seat.next;
    seat.next.previous = seat.previous;
    this.#current = seat.next === seat ? undefined : seat.next;
  }
}

/** First in, first out, over an array whose front is given up in strides. */
class Lane<T> implements Source<T> {
  #entries: (T | undefined)[] = [];
  #first = 0;

  get empty(): boolean {
    return this.#first === this.#entries.length;
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  unshift(entry: T): void {
    if (this.#first === 0) this.#entries.unshift(entry);
    else this.#entries[--this.#first] = entry;
  }

  head(): T | undefined {
    return this.#entries[this.#first];
  }

  shift(): T | undefined {
    const entry = this.#entries[this.#first];
    this.#entries[this.#first] = undefined;
    this.#first += 1;
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry;
  }
}

function newLane<T>(): Lane<T> {
  return new Lane<T>();
}

function newRing<T extends Waiting>(): Ring<T, Lane<T>> {
  return new Ring<T, Lane<T>>();
}
