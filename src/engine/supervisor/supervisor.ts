/**
 * Starts the shards, replaces those that die, stops them in step.
 *
 * Start: all threads are built, connected to each other; when every one is ready, receivers
 * listen. Death: what the shard held is counted as lost, its budget is given back, a successor is
 * connected to all others. Stop: the receivers of all shards, then the deliveries of all shards.
 */
import { MessageChannel } from 'node:worker_threads';
import type { Logger } from '../../contract/context.ts';
import type { Report } from '../admin/report.ts';
import { clearShard, type BudgetMemory } from '../admission/budget-memory.ts';
import type { Config } from '../config/config.ts';
import { createLoadMemory, Loads, NOT_SERVING } from '../shard/loads.ts';
import type { PeerPort, ShardSetup } from '../shard/messages.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';
import { Reports } from './reports.ts';
import { RestartPolicy } from './restart-policy.ts';
import { ShardThread, type ShardEnd } from './shard-thread.ts';

/** What all shards are started with. */
export interface SupervisorOptions {
  readonly config: Config;
  readonly version: string;
  /** Module of the thread. */
  readonly entry: URL;
  readonly budget: BudgetMemory;
  readonly heapMib: number;
  readonly youngMib: number;
  /** Whether all shards can listen on the same ports. */
  readonly reusePort: boolean;
  readonly metrics: MetricsRegistry;
  readonly log: Logger;
}

interface Shard {
  readonly index: number;
  readonly restarts: RestartPolicy;
  thread: ShardThread | undefined;
  ready: boolean;
  /** Settles when the books of the thread that runs now are closed. */
  buried: Promise<void>;
}

/** The main thread's hold on its shards. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #loads: SharedArrayBuffer;
  readonly #shards: readonly Shard[];
  readonly #reports = new Reports(() =>
    this.#shards.map(({ index, thread, ready }) => ({
      index,
      report: async (topic, timeoutMs) =>
        ready ? await thread?.report(topic, timeoutMs) : undefined,
    })),
  );
  #stopping: Promise<void> | undefined;
  #isForced = false;
  #cancelWaits = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const count = options.config.service.shards;
    this.#loads = createLoadMemory(count);
    this.#shards = Array.from({ length: count }, (_, index) => ({
      index,
      restarts: new RestartPolicy(),
      thread: undefined,
      ready: false,
      buried: Promise.resolve(),
    }));
    options.metrics.meter().counter('shard_restarts', RESTARTS).add(0);
  }

  /** Every shard there should be, and whether it takes data. */
  get shards(): readonly { readonly index: number; readonly ready: boolean }[] {
    return this.#shards.map(({ index, ready }) => ({ index, ready }));
  }

  /** Resolves when all shards listen. When one cannot, all are ended and the reason is thrown. */
  async start(): Promise<void> {
    try {
      for (const shard of this.#shards) this.#launch(shard);
      await this.#each((thread) => thread.built());
      await this.#each((thread) => thread.listen());
    } catch (error) {
      await this.#killAll();
      throw error;
    }
    for (const shard of this.#shards) {
      shard.ready = true;
      this.#watch(shard);
    }
  }

  /** What components show of a topic in all shards, at most a second old. */
  report(topic: string): Promise<Report> {
    return this.#reports.read(topic);
  }

  /** Ends a shard's thread at once, as a crash would. It is replaced. */
  async kill(index: number): Promise<void> {
    await this.#shards[index]?.thread?.kill();
  }

  /**
   * Stops all receivers, then all deliveries, within `graceMs` together. Idempotent. Aborting
   * `force` ends all threads at once.
   */
  stop(graceMs: number, force?: AbortSignal): Promise<void> {
    this.#stopping ??= this.#stop(graceMs, force);
    return this.#stopping;
  }

  async #stop(graceMs: number, force?: AbortSignal): Promise<void> {
    this.#cancelWaits.abort();
    for (const shard of this.#shards) shard.ready = false;
    const until = performance.now() + graceMs;
    const kill = (): void => {
      this.#isForced = true;
      void this.#killAll();
    };
    if (force?.aborted === true) kill();
    force?.addEventListener('abort', kill, { once: true });
    await this.#each((thread) => thread.stopReceivers(graceMs / 2));
    await this.#each((thread) => thread.stop(Math.max(until - performance.now(), 0)));
    await Promise.all(this.#shards.map(({ buried }) => buried));
    force?.removeEventListener('abort', kill);
  }

  /** Starts a thread and connects it to all that run. */
  #launch(shard: Shard): ShardThread {
    const { config, version, entry, budget, heapMib, youngMib, metrics } = this.#options;
    const setup: ShardSetup = {
      config,
      version,
      index: shard.index,
      count: this.#shards.length,
      listen: this.#listenOf(shard.index),
      budget,
      loads: this.#loads,
      peers: this.#connect(shard),
    };
    const onSeries: ConstructorParameters<typeof ShardThread>[0]['onSeries'] = (series) => {
      metrics.attach(shard.index, series);
    };
    shard.thread = new ShardThread({ entry, setup, heapMib, youngMib, onSeries });
    return shard.thread;
  }

  #listenOf(index: number): ShardSetup['listen'] {
    if (this.#options.reusePort && this.#shards.length > 1) return 'shared';
    return index === 0 ? 'alone' : 'none';
  }

  /** A channel to every shard that runs already; those keep their end. */
  #connect(shard: Shard): readonly PeerPort[] {
    const peers: PeerPort[] = [];
    for (const other of this.#shards) {
      if (other === shard || other.thread === undefined) continue;
      const { port1, port2 } = new MessageChannel();
      other.thread.meet({ index: shard.index, port: port1 });
      peers.push({ index: other.index, port: port2 });
    }
    return peers;
  }

  #watch(shard: Shard): void {
    const { thread } = shard;
    if (thread === undefined) return;
    shard.buried = thread.ended.then((end) => {
      this.#bury(shard, end);
      if (this.#stopping === undefined) void this.#replace(shard, thread);
    });
  }

  /** The books of a thread that is gone. */
  #bury(shard: Shard, end: ShardEnd): void {
    const { metrics, budget, log } = this.#options;
    shard.ready = false;
    shard.thread = undefined;
    new Loads(this.#loads).publish(shard.index, NOT_SERVING);
    clearShard(budget, shard.index);
    metrics.shardDied(shard.index);
    let lost = 0;
    for (const { items, labels } of metrics.takeHeld(shard.index)) {
      lost += items;
      const dropped = { ...labels, reason: 'shard_lost' };
      metrics.meter().counter('exporter_dropped_items', DROPPED, dropped).add(items);
    }
    if (end.stopped || this.#isForced) return;
    log.error(`shard ${shard.index} died`, { reason: end.reason, lostItems: lost });
  }

  /** Puts a new thread in the place of a dead one, however often it takes. */
  async #replace(shard: Shard, dead: ShardThread): Promise<void> {
    const { metrics, log } = this.#options;
    let livedMs = performance.now() - dead.startedAt;
    for (;;) {
      await shard.restarts.wait(livedMs, this.#cancelWaits.signal);
      if (this.#stopping !== undefined) return;
      metrics.meter().counter('shard_restarts', RESTARTS).add(1);
      const thread = this.#launch(shard);
      try {
        await thread.built();
        if (this.#stopping === undefined) await thread.listen();
        shard.ready = this.#stopping === undefined;
        this.#watch(shard);
        log.info(`shard ${shard.index} was replaced`);
        return;
      } catch (error) {
        await thread.kill();
        const reason = error instanceof Error ? error.message : String(error);
        this.#bury(shard, { reason, stopped: false });
        livedMs = 0;
      }
    }
  }

  async #each(step: (thread: ShardThread) => Promise<void>): Promise<void> {
    const running = this.#shards.flatMap(({ thread }) => (thread === undefined ? [] : [thread]));
    await Promise.all(running.map(step));
  }

  #killAll(): Promise<void> {
    return this.#each((thread) => thread.kill());
  }
}

const RESTARTS = 'Shards that died and were replaced.';
const DROPPED = 'Items that will never be delivered, by reason.';
