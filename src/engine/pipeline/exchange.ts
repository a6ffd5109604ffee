/**
 * Brings all data of one key to one shard, in front of a part that needs it so.
 *
 * The shard that has a batch divides it by key. It keeps its own part and gives the others to
 * their owners, which take them as if they had come from their own pipelines; links keep order,
 * so the order of a key is kept. The answer to the batch is made of the answers to its parts, and
 * what is refused anywhere its sender sends again, so that a part may come twice but is never lost.
 * Therefore nothing is given while the own part has no room, an owner cannot be reached, or
 * has said so lately that it has no room.
 */
import { type Batch, type Bytes, withChunks } from '../../contract/batch.ts';
import type { ExchangeKey } from '../../contract/component.ts';
import type { Context, Counter } from '../../contract/context.ts';
import { ACCEPTED, type Outcome } from '../../contract/outcome.ts';
import { releaseAll, takeBytes } from '../../wire/memory.ts';
import type { Outlet, Refusal } from './fan-out.ts';

/** How a batch is taken: until it is queued, until it is delivered, or by nobody who waits. */
export type Taking = 'queued' | 'delivered' | 'best_effort';

/** What is behind an exchange, in every shard: a stage, or the way out. */
export interface Destination {
  as(taking: Taking): Outlet;
}

/**
 * The batches of all owners; nothing where an owner has no part. Chunks are the very ones of the
 * batch, or the caller's. What has no key belongs to `here`.
 */
export type Divide = (batch: Batch, here: number) => readonly (Batch | undefined)[];

/** A part on its way to its owner. Structured-cloneable; every chunk has a buffer of its own. */
export interface ExchangedPart {
  /** Name of the exchange, the same in all shards. */
  readonly exchange: string;
  readonly taking: Taking;
  readonly batch: Batch;
}

/** The way to the other shards. */
export interface Crossing {
  /** This shard. */
  readonly here: number;
  /** Whether this shard can be given something now. */
  reaches(owner: number): boolean;
  /**
   * Moves a part to its owner, in the order of the calls, and resolves with what it says;
   * undefined when it died before it did.
   */
  give(owner: number, part: ExchangedPart): Promise<Outcome | undefined>;
}

export interface ExchangeOptions {
  readonly name: string;
  readonly divide: Divide;
  readonly destination: Destination;
  readonly crossing: Crossing;
  /** Of the component behind. */
  readonly context: Pick<Context, 'meter' | 'clock' | 'shard'>;
}

/** What the exchanges of a shard are made of. */
export interface ExchangeParts {
  readonly crossing: Crossing;
  /** How batches are divided between all shards. */
  divideBy(key: ExchangeKey): Divide;
}

/** How long an owner that had no room counts as full: then it is tried again. */
const FULL_MS = 200;
const MAX_FULL_TENANTS = 1000;

/** One shard's end of an exchange. */
export class Exchange implements Destination {
  readonly #options: ExchangeOptions;
  readonly #full = new Map<string, { readonly until: number; readonly refusal: Refusal }>();
  readonly #items: Counter;
  readonly #bytes: Counter;
  readonly #repeated: Counter;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { meter } = options.context;
    this.#items = meter.counter('exchange_items', 'Items given to the shard that owns them.');
    this.#bytes = meter.counter('exchange_bytes', 'Bytes given to the shard that owns them.');
    this.#repeated = meter.counter(
      'exchange_repeated_items',
      'Items of refused batches that their owner had taken already: they may arrive twice.',
    );
  }

  as(taking: Taking): Outlet {
    const own = this.#options.destination.as(taking);
    return {
      waits: own.waits === true,
      refusal: (batch) => this.#fullFor(batch.origin.tenant) ?? own.refusal?.(batch),
      passedOver: (batch, refusal) => own.passedOver?.(batch, refusal),
      consume: (batch) => this.#consume(batch, taking, own),
    };
  }

  /** Takes a part that another shard gave to this one, which owns it. */
  async receive({ batch, taking }: ExchangedPart): Promise<Outcome> {
    const own = this.#options.destination.as(taking);
    if (taking !== 'best_effort') return own.consume(batch);
    const refusal = own.refusal?.(batch);
    if (refusal === undefined || refusal.kind === 'accepted') return own.consume(batch);
    own.passedOver?.(batch, refusal);
    return ACCEPTED;
  }

  async #consume(batch: Batch, taking: Taking, own: Outlet): Promise<Outcome> {
    const { divide, crossing } = this.#options;
    const parts = divide(batch, crossing.here);
    const refusal = this.#refusalOf(parts, own);
    if (refusal !== undefined) {
      for (const part of parts) releaseAll(part?.chunks ?? [], batch.chunks);
      if (taking === 'best_effort') own.passedOver?.(batch, refusal);
      return refusal;
    }
    const given = parts.map(async (part, owner): Promise<Answered | undefined> => {
      if (part === undefined) return undefined;
      if (owner === crossing.here) return { items: part.items, outcome: await own.consume(part) };
      const moved = withChunks(part, ownChunks(part, batch), part.items);
      const outcome = await this.#give(owner, { taking, batch: moved });
      if (taking === 'best_effort' && outcome === SHARD_LOST) own.passedOver?.(part, outcome);
      return { items: part.items, outcome };
    });
    const answers = (await Promise.all(given)).filter((answer) => answer !== undefined);
    releaseAll(parts[crossing.here]?.chunks ?? [], batch.chunks);
    return this.#combined(answers);
  }

  /** Why nothing of the batch is given to anybody. */
  #refusalOf(parts: readonly (Batch | undefined)[], own: Outlet): Refusal | undefined {
    const { crossing } = this.#options;
    for (const [owner, part] of parts.entries()) {
      if (part === undefined) continue;
      if (owner !== crossing.here) {
        const refusal = crossing.reaches(owner)
          ? this.#fullAt(owner, part.origin.tenant)
          : SHARD_LOST;
        if (refusal !== undefined) return refusal;
      } else if (own.waits !== true) {
        const refusal = own.refusal?.(part);
        if (refusal !== undefined && refusal.kind !== 'accepted') return refusal;
      }
    }
    return undefined;
  }

  async #give(owner: number, part: Omit<ExchangedPart, 'exchange'>): Promise<Outcome> {
    const { crossing, name } = this.#options;
    const { items, byteLength, origin } = part.batch;
    this.#items.add(items);
    this.#bytes.add(byteLength);
    const outcome = (await crossing.give(owner, { exchange: name, ...part })) ?? SHARD_LOST;
    if (outcome.kind === 'retry') this.#isFull(owner, origin.tenant, outcome);
    return outcome;
  }

  #isFull(owner: number, tenant: string, refusal: Outcome & { kind: 'retry' }): void {
    if (this.#full.size > MAX_FULL_TENANTS) this.#full.clear();
    const until = this.#options.context.clock.now() + FULL_MS;
    this.#full.set(refusal.scope === 'tenant' ? `${owner} ${tenant}` : `${owner}`, {
      until,
      refusal,
    });
  }

  #fullAt(owner: number, tenant: string): Refusal | undefined {
    if (this.#full.size === 0) return undefined;
    for (const key of [`${owner}`, `${owner} ${tenant}`]) {
      const full = this.#full.get(key);
      if (full === undefined) continue;
      if (full.until > this.#options.context.clock.now()) return full.refusal;
      this.#full.delete(key);
    }
    return undefined;
  }

  /** Whether any owner has no room: a batch has parts of most. */
  #fullFor(tenant: string): Refusal | undefined {
    if (this.#full.size === 0) return undefined;
    const { crossing, context } = this.#options;
    for (let owner = 0; owner < context.shard.count; owner++) {
      const refusal = owner === crossing.here ? undefined : this.#fullAt(owner, tenant);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** The answer to a batch whose parts had these: `retry` if one of them says so, else the losses. */
  #combined(answers: readonly Answered[]): Outcome {
    let refusal: Refusal | undefined;
    let retry: (Outcome & { kind: 'retry' }) | undefined;
    let [items, lost, taken] = [0, 0, 0];
    for (const { items: of, outcome } of answers) {
      items += of;
      if (outcome.kind === 'retry') {
        if (retry === undefined || (outcome.afterMs ?? 0) > (retry.afterMs ?? 0)) retry = outcome;
        continue;
      }
      taken += of;
      if (outcome.kind === 'accepted') continue;
      refusal ??= outcome;
      lost += outcome.kind === 'partial' ? outcome.rejected : of;
    }
    if (retry !== undefined) {
      this.#repeated.add(taken - lost);
      return retry;
    }
    if (refusal === undefined) return ACCEPTED;
    if (refusal.kind === 'rejected' && lost >= items) return refusal;
    const { reason, message } = refusal;
    return { kind: 'partial', rejected: lost, reason, message };
  }
}

/** What became of a part. */
interface Answered {
  readonly items: number;
  readonly outcome: Outcome;
}

/** The chunks of a part as what may be moved away: those of the batch itself stay. */
function ownChunks(part: Batch, { chunks }: Batch): readonly Bytes[] {
  return part.chunks.map((chunk) => {
    if (!chunks.includes(chunk)) return chunk;
    const copy = takeBytes(chunk.length);
    copy.set(chunk);
    return copy;
  });
}

const SHARD_LOST: Outcome & { kind: 'retry' } = Object.freeze({
  kind: 'retry',
  reason: 'shard_lost',
  message: 'a shard that owns a part of the request is being replaced; send again later',
  afterMs: 1000,
});
