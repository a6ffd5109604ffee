import type { Intake, RawRequest } from '../../../contract/component.ts';
import type { Clock, Logger } from '../../../contract/context.ts';
import type { Outcome } from '../../../contract/outcome.ts';
import { pause } from '../../../net/kafka/abort.ts';
import type { TopicPartition } from '../../../net/kafka/client.ts';
import type { ReceiverCounts } from './counts.ts';
import type { DeadLetters } from './dead-letters.ts';
import { bodyOf, type Group, single } from './group.ts';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5000;

/** What bringing records to the pipelines needs. */
export interface DeliveryOptions {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counts: ReceiverCounts;
  readonly deadLetters: DeadLetters;
}

/** Brings groups of records to the pipelines, again and again until the outcome is binding. */
export class Delivery {
  readonly #options: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * Resolves with true once every record of the group is taken, dead-lettered or dropped for good,
   * and with false when `signal` aborted before: then nothing may move past them.
   */
  async deliver(group: Group, place: TopicPartition, signal: AbortSignal): Promise<boolean> {
    if (group.byteLength === 0) return true;
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const outcome = group.refusal ?? (await this.#attempt(group));
      if (outcome.kind === 'accepted' || outcome.kind === 'partial') return true;
      if (outcome.kind === 'rejected') return this.#refuse(group, outcome, place, signal);
      this.#options.counts.waited(outcome.reason);
      await pause(Math.min(Math.max(outcome.afterMs ?? 0, wait), LONGEST_WAIT_MS), signal);
      wait *= 2;
    }
    return false;
  }

  async #attempt(group: Group): Promise<Outcome> {
    const { intake, clock } = this.#options;
    const permit = intake.admit(group.tenant, group.byteLength);
    if ('kind' in permit) return permit;
    const request: RawRequest = {
      signal: group.signal,
      body: bodyOf(group),
      encoding: 'identity',
      format: FORMATS[group.encoding],
      tenant: group.tenant,
      metadata: group.metadata,
      transport: 'kafka',
      receivedAt: clock.now(),
    };
    return (await intake.submit(request, permit)).outcome;
  }

  /** Finds the records that cannot be taken, and lets the others through. */
  async #refuse(
    group: Group,
    outcome: Outcome & { readonly kind: 'rejected' },
    place: TopicPartition,
    signal: AbortSignal,
  ): Promise<boolean> {
    const [record, ...others] = group.records;
    if (others.length > 0) {
      for (const alone of single(group)) {
        if (!(await this.deliver(alone, place, signal))) return false;
      }
      return true;
    }
    if (record === undefined) return true;
    const { deadLetters, counts, log } = this.#options;
    const kept = await deadLetters.write(record, place, outcome, signal);
    if (kept === undefined) return false;
    counts.poison(outcome.reason, kept);
    log.warn(kept ? 'a record went to the dead letters' : 'a record was dropped', {
      topic: place.topic,
      partition: place.partition,
      offset: String(record.offset),
      bytes: group.byteLength,
      tenant: group.tenant,
      reason: outcome.reason,
      message: outcome.message,
    });
    return true;
  }
}

const FORMATS = {
  otlp_proto: 'protobuf',
  otlp_json: 'json',
  prometheus_remote_write: 'prometheus',
} as const;
