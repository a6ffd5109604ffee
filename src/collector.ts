/** The whole program on one page: probe, plan, start, wait, stop. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Lifecycle } from './contract/component.ts';
import type { HealthReport, Logger } from './contract/context.ts';
import type { Registry } from './contract/registry.ts';
import { AdminServer } from './engine/admin/admin-server.ts';
import { Health } from './engine/admin/health.ts';
import { createBudgetMemory, publishPressure } from './engine/admission/budget-memory.ts';
import { watchMemory } from './engine/admission/memory-guard.ts';
import type { Config } from './engine/config/config.ts';
import { createExtensions } from './engine/supervisor/extensions.ts';
import { findListens } from './engine/supervisor/listens.ts';
import { findMemoryLimits, planMemory } from './engine/supervisor/memory.ts';
import { probeAddresses } from './engine/supervisor/probe.ts';
import { Supervisor } from './engine/supervisor/supervisor.ts';
import { publishVitals, whyRefusing } from './engine/supervisor/vitals.ts';
import { systemClock } from './engine/telemetry/clock.ts';
import { Log } from './engine/telemetry/logger.ts';
import { MetricsRegistry } from './engine/telemetry/metrics-registry.ts';
import { publishProcess } from './engine/telemetry/samplers.ts';
import { canReusePort } from './net/listen/listener.ts';
import { seriesKernelProblem } from './formats/prometheus/kernel.ts';
import { kernelProblem } from './wire/kernel.ts';

/** What code may say about a run, beyond the configuration. */
export interface RunOptions {
  /** Module of the shard threads, for tests with components of their own. */
  readonly shardEntry?: URL;
  /** Whether shards share ports; as the platform allows unless told otherwise. */
  readonly reusePort?: boolean;
  /** Takes the main thread's log lines; standard error unless told otherwise. */
  readonly write?: (line: string) => void;
}

/** A collector that serves. */
export interface RunningCollector {
  readonly metrics: MetricsRegistry;
  readonly log: Logger;
  /** Of the self-metrics server; undefined when it is switched off. */
  readonly adminPort: number | undefined;
  readonly shards: readonly RunningShard[];
  health(): HealthReport;
  /** Receivers first, then deliveries to the deadline. Idempotent; `force` ends it at once. */
  stop(force?: AbortSignal): Promise<void>;
}

/** One shard of a collector that serves. */
export interface RunningShard {
  readonly index: number;
  readonly ready: boolean;
  /** Ends its thread at once, as a crash would. It is replaced. */
  kill(): Promise<void>;
}

/** How long extensions and the self-metrics server may take to stop. */
const EXTENSIONS_GRACE_MS = 1000;

/** Resolves when every shard listens; rejects, with nothing left running, when one cannot. */
export async function runCollector(
  config: Config,
  registry: Registry,
  options: RunOptions = {},
): Promise<RunningCollector> {
  const listens = await findListens(config, registry);
  await probeAddresses(listens);
  const plan = planMemory(config, await findMemoryLimits(config, registry));
  const collector = new Collector(config, options, plan);
  await collector.start(
    registry,
    listens.map(({ owner, address }) => `${owner} on ${address}`),
  );
  return collector;
}

class Collector implements RunningCollector {
  readonly metrics: MetricsRegistry;
  readonly log: Logger;
  readonly #config: Config;
  readonly #version = programVersion();
  readonly #loadedAt = Date.now();
  readonly #lines: Log;
  readonly #plan: ReturnType<typeof planMemory>;
  readonly #budget: ReturnType<typeof createBudgetMemory>;
  readonly #supervisor: Supervisor;
  readonly #health: Health;
  /** What runs on the main thread: the self-metrics server, then the extensions. */
  readonly #beside: Lifecycle[] = [];
  #admin: AdminServer | undefined;
  #stopWatching: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, options: RunOptions, plan: ReturnType<typeof planMemory>) {
    const { telemetry, shards } = config.service;
    this.#config = config;
    this.#plan = plan;
    const write = options.write === undefined ? {} : { write: options.write };
    this.#lines = new Log({ ...telemetry.logs, ...write });
    this.log = this.#lines.logger('collector');
    const resource = {
      service_name: 'millrace',
      service_version: this.#version,
      service_instance_id: randomUUID(),
    };
    this.metrics = new MetricsRegistry({ ...telemetry.metrics, resource });
    this.#budget = createBudgetMemory({
      secret: randomBytes(16).toString('hex'),
      shards,
      maxBytes: plan.budgetBytes,
      tenantMaxBytes: plan.tenantBytes,
    });
    this.#supervisor = new Supervisor({
      config,
      version: this.#version,
      entry: options.shardEntry ?? siblingModule('shard'),
      budget: this.#budget,
      heapMib: plan.heapMib,
      youngMib: plan.youngMib,
      reusePort: options.reusePort ?? canReusePort,
      metrics: this.metrics,
      log: this.#lines.logger('supervisor'),
    });
    this.#health = new Health({
      registry: this.metrics,
      clock: systemClock,
      shards: () => this.#supervisor.shards,
      refusing: () => this.#whyRefusing(),
    });
  }

  get adminPort(): number | undefined {
    return this.#admin?.port;
  }

  get shards(): readonly RunningShard[] {
    return this.#supervisor.shards.map((shard) => ({
      ...shard,
      kill: () => this.#supervisor.kill(shard.index),
    }));
  }

  /** `listens` says for the log who listens where. */
  async start(registry: Registry, listens: readonly string[]): Promise<void> {
    const { hash, service } = this.#config;
    publishProcess(this.metrics);
    publishVitals(this.metrics, this.#budget, { hash, loadedAt: this.#loadedAt });
    try {
      this.#watchMemory();
      this.#openAdmin();
      this.#beside.push(
        ...(await createExtensions(this.#config, registry, (id) => this.#contextOf(id))),
      );
      for (const part of this.#beside) await part.start?.();
      await this.#supervisor.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const problem of [kernelProblem(), seriesKernelProblem()]) {
      if (problem !== undefined) this.log.warn(problem);
    }
    const facts = { version: this.#version, shards: service.shards, config: hash };
    this.log.info('serving', { ...facts, budget_bytes: this.#plan.budgetBytes, listens });
  }

  health(): HealthReport {
    return this.#health.report();
  }

  stop(force?: AbortSignal): Promise<void> {
    this.#stopped ??= this.#stop(force);
    return this.#stopped;
  }

  async #stop(force?: AbortSignal): Promise<void> {
    await this.#supervisor.stop(this.#config.service.shutdownTimeoutMs, force);
    this.#stopWatching?.();
    const deadline = AbortSignal.timeout(EXTENSIONS_GRACE_MS);
    await Promise.allSettled(this.#beside.map(async (part) => part.stop?.(deadline)));
    this.log.info('stopped', { dropped_items: this.metrics.sum('exporter_dropped_items') });
    this.#lines.flush();
  }

  #whyRefusing(): string | undefined {
    return this.#stopped === undefined
      ? whyRefusing(this.#budget)
      : 'the collector is shutting down';
  }

  #watchMemory(): void {
    this.#stopWatching = watchMemory(this.#plan.limits, (pressure, rss) => {
      publishPressure(this.#budget, pressure);
      if (pressure === 0) return;
      this.log.warn('process memory is above its limit, requests are refused', { rss });
    });
  }

  #openAdmin(): void {
    const { address, totalSuffix } = this.#config.service.telemetry.metrics;
    if (address === undefined) return;
    this.#admin = new AdminServer({
      address,
      registry: this.metrics,
      health: () => this.health(),
      facts: () => ({
        version: this.#version,
        configHash: this.#config.hash,
        configLoadedAt: this.#loadedAt,
        shards: this.#supervisor.shards,
      }),
      report: (topic) => this.#supervisor.report(topic),
      openMetrics: totalSuffix,
      log: this.#lines.logger('self-metrics'),
    });
    this.#beside.push(this.#admin);
  }

  #contextOf(id: string) {
    return {
      id: `extensions/${id}`,
      version: this.#version,
      log: this.#lines.logger(`extensions/${id}`),
      meter: this.metrics.meter({ extension: id }),
      clock: systemClock,
      shard: { index: 0, count: this.#config.service.shards },
      health: () => this.health(),
    };
  }
}

/**
 * A terminal sends Ctrl-C to every process of its group, and npm and our launchers pass it on once
 * more: what comes so soon after the first signal is the first signal.
 */
const SAME_SIGNAL_MS = 300;

const NO_RELOAD = 'SIGHUP does not reload the configuration yet; restart to change it';

/**
 * Starts a collector and runs it until SIGTERM or SIGINT, then stops; one during the start counts
 * when the start is over, a second ends the stop at once. Answers the exit code. SIGHUP is
 * answered in the log and changes nothing.
 */
export async function runUntilSignal(start: () => Promise<RunningCollector>): Promise<number> {
  const force = new AbortController();
  const first = Promise.withResolvers<void>();
  let collector: RunningCollector | undefined;
  let stoppingSince: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (stoppingSince === undefined) {
      stoppingSince = now;
      collector?.log.info('stopping', { signal });
      first.resolve();
    } else if (now - stoppingSince > SAME_SIGNAL_MS) {
      collector?.log.warn('stopping at once, what is held is lost', { signal });
      force.abort();
    }
  };
  let hungUp = false;
  const onHangUp = (): void => {
    hungUp = true;
    collector?.log.warn(NO_RELOAD);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', onHangUp);
  try {
    // Shards listen before the start is over: a signal must not end the process from then on.
    collector = await start();
    if (hungUp) collector.log.warn(NO_RELOAD);
    await first.promise;
    await collector.stop(force.signal);
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    process.off('SIGHUP', onHangUp);
  }
  return force.signal.aborted ? 1 : 0;
}

/** A module beside this one: `.ts` in the source, `.js` in the build. */
function siblingModule(name: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  return new URL(`./${name}${extension}`, import.meta.url);
}

function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}
