import type { Batch, Signal } from '../../contract/batch.ts';
import type {
  Consumer,
  Decoded,
  HeaderLookup,
  Intake,
  Permit,
  RawRequest,
  Receiver,
  Reply,
} from '../../contract/component.ts';
import type { Logger, Meter } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { isShared, releaseAll, releaseBytes } from '../../wire/memory.ts';
import type { TenancyConfig } from '../config/config.ts';
import type { Budget } from './budget.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { GateCounts, TenantCounts } from './gate-counts.ts';
import { RoomPermit } from './permit.ts';
import type { Refusals } from './refusals.ts';
import { tenantOf } from './tenancy.ts';
import type { Turn, Turns } from './turns.ts';

/** What all gates of a shard share. */
export interface AdmissionOptions {
  readonly budget: Budget;
  readonly tenancy: TenancyConfig;
  readonly meter: Meter;
  readonly log: Logger;
  /** Absent when there is only one shard. */
  readonly elsewhere?: Elsewhere;
}

/** What is behind a gate for one signal. */
export interface Entry extends Consumer {
  /** Why this batch would not be taken now. */
  refusal?(batch: Batch): Outcome | undefined;
}

/** Telemetry shrinks to about an eighth. */
const TYPICAL_RATIO = 8;

interface GateOptions extends AdmissionOptions {
  readonly receiver: string;
  readonly entry: (signal: Signal) => Entry | undefined;
  readonly turns: Turns;
  readonly refusals: Refusals;
  readonly counts: GateCounts;
  readonly tenants: TenantCounts;
}

/** The intake of one receiver: room first, then a turn, then decoding and the pipelines. */
export class Gate implements Intake {
  readonly #options: GateOptions;
  readonly #entries: Readonly<Record<Signal, Entry | undefined>>;
  #receiver: Pick<Receiver, 'decode'> | undefined;
  #closed = false;

  constructor(options: GateOptions) {
    this.#options = options;
    const { entry } = options;
    this.#entries = { traces: entry('traces'), metrics: entry('metrics'), logs: entry('logs') };
  }

  /** Says who decodes; called once, before the receiver starts. */
  bind(receiver: Pick<Receiver, 'decode'>): void {
    this.#receiver = receiver;
  }

  close(): void {
    this.#closed = true;
  }

  admit(tenant: string, bytes: number, signal?: Signal): Permit | Outcome {
    const { budget, refusals } = this.#options;
    if (this.#closed) return refusals.stopping();
    if (budget.pressure > 0) return refusals.pressed();
    const tooLarge = refusals.tooLarge(bytes);
    if (tooLarge !== undefined) return tooLarge;
    const beyond = signal === undefined ? undefined : this.#beyond(tenant, signal);
    const refusal = beyond?.(bytes);
    if (refusal !== undefined) return refusal;
    const slot = budget.slotOf(tenant);
    const shortage = budget.take(slot, bytes);
    if (shortage !== undefined) return refusals.full(shortage, tenant);
    return new RoomPermit({ tenant, slot, bytes }, { budget, refusals, beyond });
  }

  async submit(request: RawRequest, permit: Permit): Promise<Reply> {
    const away = this.#options.elsewhere?.offer(this.#options.receiver, request);
    if (away === undefined) return this.#process(request, permit);
    try {
      return (await away) ?? this.#refuse(request, this.#options.refusals.shardLost());
    } finally {
      permit.release();
    }
  }

  /** Processes a request of another shard, which has charged its body. */
  serve(request: RawRequest): Promise<Reply> {
    const { budget, refusals } = this.#options;
    const { tenant, signal, body } = request;
    const charged = { tenant, slot: budget.slotOf(tenant), bytes: 0 };
    const beyond = this.#beyond(tenant, signal);
    const permit = new RoomPermit(charged, { budget, refusals, beyond }, body.length);
    return this.#process(request, permit);
  }

  refused(
    _signal: Signal | undefined,
    tenant: string,
    outcome: Outcome,
    transport?: RawRequest['transport'],
  ): void {
    this.#countRefused({ tenant, transport }, outcome);
  }

  tenantOf(headers: HeaderLookup, named?: string): string | Outcome {
    return tenantOf(this.#options.tenancy, headers, named);
  }

  /** Asks the queues behind this gate for room, as far as they can tell before a request is read. */
  #beyond(tenant: string, signal: Signal): ((bytes: number) => Outcome | undefined) | undefined {
    const { elsewhere, receiver, refusals } = this.#options;
    const entry = this.#entries[signal];
    // What is handed over needs no room here.
    if (entry?.refusal === undefined || (elsewhere !== undefined && elsewhere.share > 0)) {
      return undefined;
    }
    const origin = { receiver, tenant, receivedAt: 0, metadata: {} };
    return (byteLength) => {
      const unread = { signal, form: 'otlp', chunks: [], byteLength, items: 0, origin } as const;
      const refusal = entry.refusal?.(unread);
      return refusal === undefined ? undefined : refusals.withHint(refusal);
    };
  }

  /** Waits for the tenant's turn, then decodes and delivers. */
  #process(request: RawRequest, permit: Permit): Promise<Reply> {
    return new Promise((resolve) => {
      const { tenant } = request;
      this.#options.turns.take({
        tenant,
        bytes: workOf(request),
        run: () => {
          void this.#run(request, permit).then(resolve);
        },
      } satisfies Turn);
    });
  }

  async #run(request: RawRequest, permit: Permit): Promise<Reply> {
    try {
      return await this.#decodeAndConsume(request, permit);
    } catch (error) {
      this.#options.log.error('a bug stopped a request', { error: describe(error) });
      const message = 'an internal error stopped the request; it is logged';
      return this.#refuse(request, {
        kind: 'rejected',
        reason: 'internal',
        message,
        fault: 'internal',
      });
    } finally {
      permit.release();
      releaseBytes(request.body);
    }
  }

  async #decodeAndConsume(request: RawRequest, permit: Permit): Promise<Reply> {
    const { budget, refusals, tenants } = this.#options;
    const entry = this.#entries[request.signal];
    if (entry === undefined || this.#receiver === undefined) {
      return this.#refuse(request, unwired(this.#options.receiver, request.signal));
    }
    if (budget.pressure === 2) return this.#refuse(request, refusals.pressed());
    const answer = this.#receiver.decode(request, permit);
    const decoded = answer instanceof Promise ? await answer : answer;
    if ('kind' in decoded) return this.#refuse(request, refusals.withHint(decoded));
    const { batch } = decoded;
    const counts = this.#options.counts.over(request.transport);
    if (decoded.refused !== undefined) counts.invalid(request.signal, decoded.refused.items);
    let outcome: Outcome = ACCEPTED;
    if (batch !== undefined) {
      const before = budget.charged;
      const answer = entry.consume(batch);
      const isQueued = budget.charged - before >= batch.byteLength;
      // A queue that has these very bytes has charged them too; once is enough.
      if (isQueued && batch.chunks.every(isShared)) permit.release();
      outcome = refusals.withHint(await answer);
      releaseAll(batch.chunks, [request.body]);
      counts.items(request.signal, batch.items, outcome);
      if (outcome.kind === 'accepted' || outcome.kind === 'partial') {
        tenants.received(request.tenant, batch.items);
      } else {
        tenants.refused(request.tenant, outcome.reason);
      }
    }
    outcome = withRefused(outcome, decoded.refused);
    counts.request(outcome);
    return decoded.counts === undefined ? { outcome } : { outcome, counts: decoded.counts };
  }

  #refuse(request: RawRequest, outcome: Outcome): Reply {
    this.#countRefused(request, outcome);
    return { outcome };
  }

  #countRefused({ tenant, transport }: Refused, outcome: Outcome): void {
    this.#options.counts.over(transport).request(outcome);
    if (outcome.kind === 'retry' || outcome.kind === 'rejected') {
      this.#options.tenants.refused(tenant, outcome.reason);
    }
  }
}

/** What is counted of a request that got no further. */
interface Refused {
  readonly tenant: string;
  readonly transport?: RawRequest['transport'] | undefined;
}

/** About how many bytes will be walked: what is compressed becomes several times as much. */
function workOf({ body, encoding }: RawRequest): number {
  return encoding === 'identity' ? body.length : body.length * TYPICAL_RATIO;
}

/** The outcome of the valid part, and what was said of the rest. */
function withRefused(outcome: Outcome, refused: Decoded['refused']): Outcome {
  if (refused === undefined || refused.items === 0) return outcome;
  if (outcome.kind === 'accepted') {
    return {
      kind: 'partial',
      rejected: refused.items,
      reason: refused.reason,
      message: refused.message,
    };
  }
  if (outcome.kind === 'partial') {
    return { ...outcome, rejected: outcome.rejected + refused.items };
  }
  return outcome;
}

function unwired(receiver: string, signal: Signal): Outcome {
  return {
    kind: 'rejected',
    reason: 'no_pipeline',
    message: `no pipeline takes ${signal} from receiver ${receiver}; add one to service.pipelines`,
    fault: 'unimplemented',
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
