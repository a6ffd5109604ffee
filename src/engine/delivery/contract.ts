import type { Batch, Signal } from '../../contract/batch.ts';
import type { Consumer, Exporter, Lifecycle } from '../../contract/component.ts';
import type { Context } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { Ledger } from '../queue/queue.ts';
import type { Splitter } from './batcher.ts';

/** The way out of the collector for one exporter and signal. */
export interface Delivery extends Consumer, Lifecycle {
  /** The same, answering only once the destination has: for `acknowledge: delivered`. */
  readonly delivered: Consumer;
  /** Whether a caller may have to wait instead of being refused. */
  readonly waits: boolean;
  /** How near its queue is to refusing somebody, 0 to 1. */
  readonly fullness: number;
  /** Why this batch would not be taken at once; counted as a refusal. */
  refusal(batch: Batch): Outcome | undefined;
  /** Nobody will come back with a batch that was refused: it is in the books, and dropped. */
  passedOver(batch: Batch, refusal: Exclude<Outcome, { kind: 'accepted' }>): void;
}

export interface DeliveryOptions {
  /** Id in the configuration. */
  readonly exporterId: string;
  readonly signal: Signal;
  readonly exporter: Exporter;
  /** The exporter's own. */
  readonly context: Context;
  readonly ledger: Ledger;
  /** Bytes its memory queue may hold. */
  readonly maxBytes: number;
  /** Share of its queue that one tenant may hold, 0 to 1; 1 when absent. */
  readonly tenantShare?: number;
  readonly split: Splitter;
  /** Of an exporter that wants series in order. */
  readonly lanes?: Lanes;
}

/** How series are kept in order while several requests are under way. */
export interface Lanes {
  /** Each has as many requests under way as there are consumers. */
  readonly backends: number;
  /** What waits is joined up to this size. */
  readonly joinBytes: number;
  /** How a batch is divided between `consumers` lanes of each backend. */
  divideInto(consumers: number): (batch: Batch) => readonly (Batch | undefined)[];
}
