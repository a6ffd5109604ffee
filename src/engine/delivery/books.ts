/**
 * The books of one exporter and signal. At every moment
 *
 *   accepted = sent + dropped{reason} + held
 *
 * in items. Held is what the queue has, what is being batched and what is out; it only ever
 * changes together with one of the others.
 */
import type { Batch, Signal } from '../../contract/batch.ts';
import type { Context, Counter, Gauge, Labels } from '../../contract/context.ts';
import type { Outcome } from '../../contract/outcome.ts';
import { Level } from './level.ts';
import { RepeatedLine } from './repeated-line.ts';
import { lostItems } from './shipment.ts';
import type { Send } from './timeout.ts';

/** What the items of a signal are called in the names of metrics. */
const ITEM_KIND: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  metrics: 'metric_points',
  logs: 'log_records',
};

export class Books {
  /** Items accepted whose end is not known yet. */
  held = 0;
  readonly #context: Context;
  readonly #labels: Labels;
  readonly #accepted: Counter;
  readonly #sent: Counter;
  readonly #sendFailed: Counter;
  readonly #enqueueFailed: Counter;
  readonly #retries: Counter;
  readonly #failingSince: Gauge;
  readonly #heldLevel: Level;
  readonly #inFlight: Level;
  readonly #drops = new Map<string, Drops>();
  readonly #retryLine: RepeatedLine;
  #lastRetry: (Outcome & { kind: 'retry' }) | undefined;
  readonly #bugLine: RepeatedLine;
  #lastBug: unknown;
  #failing = false;

  /** `exporter` is the id in the configuration. */
  constructor(exporter: string, signal: Signal, context: Context) {
    const { meter } = context;
    const kind = ITEM_KIND[signal];
    const own = { exporter };
    const labels = { exporter, data_type: signal };
    const level = (name: string, help: string) => new Level(meter.gauge(name, help, labels));
    this.#context = context;
    this.#labels = labels;
    this.#accepted = meter.counter(
      'exporter_accepted_items',
      'Items taken over for delivery.',
      labels,
    );
    this.#sent = meter.counter(`exporter_sent_${kind}`, 'Items the destination accepted.', own);
    this.#sendFailed = meter.counter(
      `exporter_send_failed_${kind}`,
      'Items that could not be delivered and were dropped.',
      own,
    );
    this.#enqueueFailed = meter.counter(
      `exporter_enqueue_failed_${kind}`,
      'Items refused at the entrance of the sending queue.',
      own,
    );
    this.#retries = meter.counter('exporter_retries', 'Attempts that will be repeated.', labels);
    this.#failingSince = meter.gauge(
      'exporter_failing_since_seconds',
      'Unix time since which every attempt failed; 0 when the last one succeeded.',
      labels,
    );
    this.#heldLevel = level(
      'exporter_held_items',
      'Items accepted and neither delivered nor dropped yet.',
    );
    this.#inFlight = level('exporter_in_flight_requests', 'Requests under way.');
    this.#failingSince.set(0);
    this.#bugLine = new RepeatedLine(context.clock, (times) => this.#logBug(times));
    this.#retryLine = new RepeatedLine(context.clock, (times) => this.#logRetry(times));
  }

  /** This side takes the batch over. */
  entered(batch: Batch): void {
    this.#accepted.add(batch.items);
    this.#hold(batch.items);
  }

  /** The batch stays with its sender. */
  refused(batch: Batch): void {
    this.#enqueueFailed.add(batch.items);
  }

  /** The batch of a request has its last outcome; only `unsent` ones do not come here. */
  settled(batch: Batch, outcome: Outcome): void {
    const lost = outcome.kind === 'retry' ? batch.items : lostItems(batch, outcome);
    const sent = batch.items - lost;
    this.#sent.add(sent);
    this.#hold(-sent);
    if (outcome.kind !== 'accepted' && lost > 0) this.dropped(lost, outcome);
  }

  /** A batch that stayed outside is lost for good: taken over and dropped in one. */
  passedOver(batch: Batch, why: Why): void {
    this.#accepted.add(batch.items);
    this.#lose(batch.items, this.#dropsOf(why));
  }

  /** `items` held so far are lost for good. */
  dropped(items: number, why: Why): void {
    const drops = this.#dropsOf(why);
    this.#hold(-items);
    this.#sendFailed.add(items);
    this.#lose(items, drops);
  }

  #dropsOf(why: Why): Drops {
    let drops = this.#drops.get(why.reason);
    if (drops === undefined) {
      drops = this.#dropsFor(why.reason);
      this.#drops.set(why.reason, drops);
    }
    drops.message = why.message;
    return drops;
  }

  #lose(items: number, drops: Drops): void {
    drops.counter.add(items);
    drops.line.add(items);
  }

  /** An attempt failed and will be repeated. */
  retrying(outcome: Outcome & { kind: 'retry' }): void {
    this.#retries.add(1);
    this.#lastRetry = outcome;
    this.#retryLine.add(0);
  }

  /** `send` with its attempts counted, and whether they fail. */
  watch(send: Send): Send {
    return async (batch, signal) => {
      this.#inFlight.add(1);
      try {
        const outcome = await send(batch, signal);
        if (!signal.aborted)
          this.#attempted(outcome.kind === 'accepted' || outcome.kind === 'partial');
        return outcome;
      } finally {
        this.#inFlight.add(-1);
      }
    };
  }

  /** Something here or in the exporter threw what it must not. */
  bug(error: unknown): void {
    this.#lastBug = error;
    this.#bugLine.add(0);
  }

  /** The end: what is held and not `kept` elsewhere is lost, and said so. */
  close(kept: number): void {
    const lost = this.held - kept;
    for (const drops of this.#drops.values()) drops.line.flush();
    this.#retryLine.flush();
    this.#bugLine.flush();
    if (lost > 0) {
      const message = 'not delivered before the shutdown deadline';
      this.#hold(-lost);
      this.#sendFailed.add(lost);
      this.#dropsFor('shutdown').counter.add(lost);
      this.#context.log.error(`dropped items: ${message}`, {
        ...this.#labels,
        items: lost,
        reason: 'shutdown',
      });
    }
    this.#failingSince.set(0);
  }

  #hold(change: number): void {
    this.held += change;
    this.#heldLevel.add(change);
  }

  #attempted(success: boolean): void {
    if (success !== this.#failing) return;
    this.#failing = !success;
    if (success) this.#context.log.info('delivers again', { ...this.#labels });
    this.#failingSince.set(success ? 0 : this.#context.clock.now() / 1000);
  }

  #dropsFor(reason: string): Drops {
    const { meter, log, clock } = this.#context;
    const labels = { ...this.#labels, reason };
    const counter = meter.counter('exporter_dropped_items', 'Items lost on the way out.', labels);
    const line = new RepeatedLine(clock, (times, items) => {
      log.warn(`dropped items: ${drops.message}`, { ...labels, items, times });
    });
    const drops: Drops = { counter, line, message: '' };
    return drops;
  }

  #logBug(times: number): void {
    const error = this.#lastBug;
    const stack = error instanceof Error ? error.stack : String(error);
    this.#context.log.error('bug on the way out, please report it', {
      ...this.#labels,
      times,
      stack,
    });
  }

  #logRetry(times: number): void {
    const { reason, message } = this.#lastRetry!;
    this.#context.log.warn(`cannot deliver, will try again: ${message}`, {
      ...this.#labels,
      reason,
      times,
    });
  }
}

interface Why {
  readonly reason: string;
  readonly message: string;
}

interface Drops {
  readonly counter: Counter;
  readonly line: RepeatedLine;
  message: string;
}
