import type { Bytes } from '../../../contract/batch.ts';
import type { Counts } from '../walk.ts';

/** Why a series, or a part of one, is not taken. */
export interface Fault {
  /** A metric label: snake_case, from a small fixed set. */
  readonly reason: string;
  /** For people: a clause that follows "because". */
  readonly message: string;
}

/** Of labels, exemplars and metadata. */
export const NOT_UTF8: Fault = { reason: 'invalid_utf8', message: 'a string is not valid UTF-8' };

/** Most labels of a series; more are no description but an attack on memory. */
export const MAX_LABELS = 65_536;

export const TOO_MANY_LABELS: Fault = {
  reason: 'too_many_labels',
  message: `there are more than ${MAX_LABELS} labels`,
};

/** What was not taken of a request, item by item. */
export interface Refused {
  /** Samples and histograms. */
  readonly items: number;
  /** Exemplars and metadata by themselves, and series without items. */
  readonly others: number;
  /** Of the first fault. */
  readonly reason: string;
  readonly message: string;
}

/** Collects what is refused of one request. */
export class Refusals {
  #items = 0;
  #others = 0;
  #first: Fault | undefined;
  #where = '';
  #isWhole = false;

  /** The request as a whole is not taken. */
  addRequest(fault: Fault): void {
    this.#isWhole = true;
    this.#others++;
    this.#first = fault;
  }

  /** A part of a series, or a whole series with `items` items; `nameOf` finds its metric. */
  add(fault: Fault, items: number, nameOf: () => string): void {
    this.#items += items;
    if (items === 0) this.#others++;
    if (this.#first !== undefined) return;
    this.#first = fault;
    this.#where = nameOf();
  }

  /** Undefined when nothing was refused. */
  finish(): Refused | undefined {
    if (this.#first === undefined) return undefined;
    const { reason, message } = this.#first;
    if (this.#isWhole) return { items: 0, others: 1, reason, message };
    const where = this.#where === '' ? '' : ` in series ${this.#where}`;
    const what =
      this.#items > 0
        ? `${this.#items} samples or histograms were not taken`
        : `${this.#others} exemplars, metadata entries or empty series were not taken`;
    return {
      items: this.#items,
      others: this.#others,
      reason,
      message: `${what}, the first because ${message}${where}; the rest was taken`,
    };
  }
}

/** A request as the form, and what of it was not valid. */
export interface Read {
  /** The valid part as one chunk; absent when there is none. */
  readonly bytes?: Bytes;
  /** Of the valid part. */
  readonly counts: Counts;
  readonly refused?: Refused;
}

const MAX_NAME = 100;
const decoder = new TextDecoder();

/** A string of a client as it may stand in a message. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, Math.min(end, start + MAX_NAME)));
  return JSON.stringify(text);
}
