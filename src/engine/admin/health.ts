import type { Clock, HealthReport } from '../../contract/context.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { HEARTBEAT } from '../telemetry/samplers.ts';

/** What only the supervisor knows of a shard. */
export interface ShardState {
  readonly index: number;
  /** Started, listening, and not draining. */
  readonly ready: boolean;
}

export interface HealthOptions {
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  /** Every shard there should be, also one that is being replaced. */
  readonly shards: () => readonly ShardState[];
  /** Why no new data can be taken, such as a spent byte budget or a stop; undefined when it can. */
  readonly refusing?: () => string | undefined;
  readonly limits?: Partial<HealthLimits>;
}

/** Ages from which on something is wrong, in seconds. */
export interface HealthLimits {
  /** Of the last turn of a shard's event loop. */
  readonly heartbeat: number;
  /** Of the first of an exporter's failures in a row. */
  readonly failing: number;
  /** Of the oldest data in an exporter's queue. */
  readonly queued: number;
}

const LIMITS: HealthLimits = { heartbeat: 15, failing: 60, queued: 300 };

/** An exporter's sentence, and how long it has been true. */
interface Complaint {
  readonly sentence: string;
  readonly seconds: number;
}

/**
 * Whether data gets through, read from the self-metrics: it asks no shard, so the answer comes
 * at once when the shards are the trouble.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #limits: HealthLimits;
  readonly #startedAt: number;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#startedAt = options.clock.now();
  }

  report(): HealthReport {
    const { clock, refusing } = this.#options;
    const stuck = this.#stuckShards();
    const missing = this.#missingShards();
    const full = refusing?.();
    const failing = this.#failingExporters();
    const late = this.#lateExporters();
    return {
      live: stuck.length === 0,
      ready: stuck.length === 0 && missing === undefined && full === undefined,
      healthy: failing.length === 0 && late.length === 0,
      reasons: [
        ...stuck,
        ...(missing === undefined ? [] : [missing]),
        ...(full === undefined ? [] : [full]),
        ...worstFirst(failing),
        ...worstFirst(late),
      ],
      uptime: (clock.now() - this.#startedAt) / 1000,
    };
  }

  #now(): number {
    return this.#options.clock.now() / 1000;
  }

  #stuckShards(): string[] {
    const stuck: Complaint[] = [];
    this.#options.registry.each(HEARTBEAT, (labels, at) => {
      const seconds = this.#now() - at;
      if (at === 0 || seconds <= this.#limits.heartbeat) return;
      const sentence = `shard ${labels['shard'] ?? '?'} has not turned for ${lengthOf(seconds)}`;
      stuck.push({ sentence, seconds });
    });
    return worstFirst(stuck);
  }

  #missingShards(): string | undefined {
    const shards = this.#options.shards();
    const missing = shards.filter((shard) => !shard.ready).map((shard) => shard.index);
    if (shards.length > 0 && missing.length === 0) return undefined;
    if (missing.length === shards.length) return 'no shard is ready to take data';
    return `not all of ${shards.length} shards are ready: waiting for ${missing.join(', ')}`;
  }

  #failingExporters(): Complaint[] {
    const { registry } = this.#options;
    return this.#older('exporter_failing_since_seconds', this.#limits.failing, (id, seconds) => {
      const held = registry.sum('exporter_held_items', { exporter: id });
      const items = held === 1 ? 'item waits' : 'items wait';
      const waiting = held > 0 ? `; ${held} ${items} in its queue` : '';
      return `exporter ${id} has failed for ${lengthOf(seconds)}${waiting}`;
    });
  }

  #lateExporters(): Complaint[] {
    const gauge = 'exporter_queue_oldest_timestamp_seconds';
    return this.#older(
      gauge,
      this.#limits.queued,
      (id, seconds) => `exporter ${id} is behind: its oldest data is ${lengthOf(seconds)} old`,
    );
  }

  #older(
    gauge: string,
    limit: number,
    say: (exporter: string, seconds: number) => string,
  ): Complaint[] {
    const oldest = new Map<string, number>();
    this.#options.registry.each(gauge, (labels, since) => {
      const seconds = this.#now() - since;
      if (since === 0 || seconds <= limit) return;
      const id = labels['exporter'] ?? '?';
      oldest.set(id, Math.max(seconds, oldest.get(id) ?? 0));
    });
    return [...oldest].map(([id, seconds]) => ({ sentence: say(id, seconds), seconds }));
  }
}

/** A length of time for people: `45s`, `2m10s`, `3h5m`. */
export function lengthOf(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`;
}

function worstFirst(complaints: readonly Complaint[]): string[] {
  return complaints.toSorted((a, b) => b.seconds - a.seconds).map((one) => one.sentence);
}
