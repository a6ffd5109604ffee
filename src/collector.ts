/** The whole program on one page: plan, probe, start, wait, stop. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Extension } from './contract/component.ts';
import type { ExtensionContext, HealthReport } from './contract/context.ts';
import type { Registry } from './contract/registry.ts';
import { AdminServer } from './engine/admin/admin-server.ts';
import { Health } from './engine/admin/health.ts';
import { createBudgetMemory, publishPressure } from './engine/admission/budget-memory.ts';
import { watchMemory } from './engine/admission/memory-guard.ts';
import type { Config } from './engine/config/config.ts';
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

/** Resolves when every shard listens; rejects, with nothing left running, when one cannot. */
export async function runCollector(
  config: Config,
  registry: Registry,
  options: RunOptions = {},
): Promise<RunningCollector> {
  const { telemetry, shutdownTimeoutMs } = config.service;
  const version = programVersion();
  const log = new Log({ ...telemetry.logs, ...(options.write && { write: options.write }) });
  const metrics = new MetricsRegistry({
    prefix: telemetry.metrics.prefix,
    totalSuffix: telemetry.metrics.totalSuffix,
    level: telemetry.metrics.level,
    resource: { service_name: 'millrace', service_version: version },
  });
  const logger = log.logger('supervisor');
  await probeAddresses(await findListens(config, registry));
  const plan = planMemory(config, await findMemoryLimits(config, registry));
  const budget = createBudgetMemory({
    secret: randomBytes(16).toString('hex'),
    shards: config.service.shards,
    maxBytes: plan.budgetBytes,
    tenantMaxBytes: plan.tenantBytes,
  });
  const supervisor = new Supervisor({
    config,
    version,
    entry: options.shardEntry ?? siblingModule('shard'),
    budget,
    heapMib: plan.heapMib,
    reusePort: options.reusePort ?? canReusePort,
    metrics,
    log: logger,
  });
  let stopping = false;
  const health = new Health({
    registry: metrics,
    clock: systemClock,
    shards: () => supervisor.shards,
    refusing: () => (stopping ? 'the collector is shutting down' : whyRefusing(budget)),
  });
  const loadedAt = Date.now();
  publishProcess(metrics);
  publishVitals(metrics, budget, { hash: config.hash, loadedAt });
  const stopWatching = watchMemory(plan.limits, (pressure, rss) => {
    publishPressure(budget, pressure);
    if (pressure > 0) {
      logger.warn('process memory is above its limit, refusing requests', { pressure, rss });
    }
  });
  const beside = await createExtensions(config, registry, (id) => ({
    id,
    version,
    log: log.logger(id),
    meter: metrics.meter({ extension: id }),
    clock: systemClock,
    shard: { index: 0, count: config.service.shards },
    health: () => health.report(),
  }));
  const { address } = telemetry.metrics;
  const admin =
    address === undefined
      ? undefined
      : new AdminServer({
          address,
          registry: metrics,
          health: () => health.report(),
          facts: () => ({
            version,
            configHash: config.hash,
            configLoadedAt: loadedAt,
            shards: supervisor.shards,
          }),
          openMetrics: telemetry.metrics.totalSuffix,
        });
  if (admin !== undefined) beside.unshift(admin);

  const stop = async (force?: AbortSignal): Promise<void> => {
    stopping = true;
    await supervisor.stop(shutdownTimeoutMs, force);
    stopWatching();
    const deadline = AbortSignal.timeout(1000);
    await Promise.allSettled(beside.map(async (extension) => extension.stop?.(deadline)));
    logger.info('stopped', { dropped_items: metrics.sum('exporter_dropped_items') });
    log.flush();
  };

  try {
    for (const extension of beside) await extension.start?.();
    await supervisor.start();
  } catch (error) {
    await stop();
    throw error;
  }
  logger.info('serving', {
    version,
    shards: config.service.shards,
    budget_bytes: plan.budgetBytes,
    config: config.hash,
  });
  let stopped: Promise<void> | undefined;
  return {
    metrics,
    adminPort: admin?.port,
    shards: supervisor.shards.map(({ index }) => ({
      index,
      get ready() {
        return supervisor.shards[index]?.ready ?? false;
      },
      kill: () => supervisor.kill(index),
    })),
    health: () => health.report(),
    stop: (force) => (stopped ??= stop(force)),
  };
}

/**
 * Runs until SIGTERM or SIGINT, then stops; a second signal ends it at once. Answers the exit
 * code. SIGHUP is logged and changes nothing.
 */
export async function runUntilSignal(collector: RunningCollector): Promise<number> {
  const force = new AbortController();
  const onHangUp = (): void => {
    process.stderr.write('reloading on SIGHUP is not supported yet; restart to change settings\n');
  };
  process.on('SIGHUP', onHangUp);
  await nextSignal();
  void nextSignal().then(() => {
    force.abort();
  });
  await collector.stop(force.signal);
  process.off('SIGHUP', onHangUp);
  return force.signal.aborted ? 1 : 0;
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      process.off('SIGTERM', done);
      process.off('SIGINT', done);
      resolve();
    };
    process.on('SIGTERM', done);
    process.on('SIGINT', done);
  });
}

async function createExtensions(
  config: Config,
  registry: Registry,
  contextOf: (id: string) => ExtensionContext,
): Promise<Extension[]> {
  const extensions: Extension[] = [];
  for (const id of config.service.extensions) {
    const section = config.extensions[id];
    const load = section === undefined ? undefined : registry.extensions[section.type];
    if (section === undefined || load === undefined) {
      throw new Error(`bug: extension ${id} is in use, but not in the configuration`);
    }
    const { default: definition } = await load();
    extensions.push(definition.create(section.settings, contextOf(`extensions/${id}`)));
  }
  return extensions;
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
