import type { Registry } from '../contract/registry.ts';
import { Budget } from '../engine/admission/budget.ts';
import { createBudgetMemory } from '../engine/admission/budget-memory.ts';
import type { Config } from '../engine/config/config.ts';
import type { Mistake } from '../engine/config/mistakes.ts';
import { Generation } from '../engine/generation/generation.ts';
import { findListens } from '../engine/supervisor/listens.ts';
import type { ProbedAddress } from '../engine/supervisor/probe.ts';
import { systemClock } from '../engine/telemetry/clock.ts';
import { Log } from '../engine/telemetry/logger.ts';
import { ShardMetrics } from '../engine/telemetry/shard-metrics.ts';

const BUDGET_BYTES = 1 << 20;

/**
 * Builds in this thread what a shard would build, and the extensions, without starting them, and
 * lets go of it: finds what only a component can know. Binds nothing, contacts nothing. `file`
 * is named in what is wrong.
 */
export async function dryRun(
  config: Config,
  registry: Registry,
  file: string,
): Promise<readonly Mistake[]> {
  const problems: Mistake[] = [];
  const attempt = async (path: string, build: () => Promise<void>): Promise<void> => {
    try {
      await build();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      problems.push({ file, line: 1, column: 1, path, message, severity: 'error' });
    }
  };
  const parts = partsOf(config);
  await attempt('service.pipelines', async () => {
    const generation = await Generation.build({ config, registry, ...parts });
    await generation.stopReceivers(AbortSignal.abort());
    await generation.stop(AbortSignal.abort());
  });
  await attempt('service.pipelines', async () => {
    refuseSharedAddress(await findListens(config, registry));
  });
  for (const [id, { type, settings }] of Object.entries(config.extensions)) {
    await attempt(`extensions.${id}`, async () => {
      const module = await registry.extensions[type]?.();
      const extension = module?.default.create(settings, {
        ...parts.context,
        id: `extensions/${id}`,
        log: parts.log.logger(`extensions/${id}`),
        meter: parts.metrics.meter(),
        health: () => ({ live: true, ready: false, healthy: true, reasons: [], uptime: 0 }),
      });
      await extension?.stop?.(AbortSignal.abort());
    });
  }
  return problems;
}

function refuseSharedAddress(listens: readonly ProbedAddress[]): void {
  const owners = new Map<string, string>();
  for (const { owner, address } of listens) {
    const rival = address.endsWith(':0') ? undefined : owners.get(address);
    if (rival !== undefined) {
      throw new Error(`cannot listen on ${address} for ${owner}: ${rival} has the same address`);
    }
    owners.set(address, owner);
  }
}

function partsOf(config: Config) {
  const { logs } = config.service.telemetry;
  const memory = createBudgetMemory({
    secret: 'dry run',
    shards: 1,
    maxBytes: BUDGET_BYTES,
    tenantMaxBytes: BUDGET_BYTES,
  });
  return {
    budget: new Budget(memory, 0),
    metrics: new ShardMetrics(0, () => undefined),
    log: new Log({ ...logs, write: () => undefined }),
    context: { version: 'dry run', clock: systemClock, shard: { index: 0, count: 1 } },
  };
}
