import { totalmem } from 'node:os';
import type { MemoryLimits } from '../../contract/component.ts';
import type { Registry } from '../../contract/registry.ts';
import type { Config } from '../config/config.ts';

const MIB = 1024 * 1024;
/** Of the memory, when the configuration names no budget. */
const BUDGET_SHARE = 0.25;
const MAX_DERIVED_BUDGET = 2048 * MIB;
/** Of the soft limit of a memory_limiter: bytes held are not all that a process needs. */
const BUDGET_SHARE_OF_LIMIT = 0.5;
/** Without a memory_limiter: refuse before the machine kills the process. */
const SOFT_SHARE = 0.85;
const HARD_SHARE = 0.95;
const CHECK_INTERVAL_MS = 1000;
const HEAP_SHARE = 0.5;
const MIN_HEAP_MIB = 256;
const MAX_HEAP_MIB = 4096;
/** With less than this for a shard, small memory is worth more than seldom collections. */
const SMALL_BUDGET = 64 * MIB;
const SMALL_YOUNG_MIB = 12;
const USUAL_YOUNG_MIB = 48;

/** How the memory of the machine is divided. */
export interface MemoryPlan {
  /** Bytes of requests and memory queues in all shards together. */
  readonly budgetBytes: number;
  /** The same for one tenant. */
  readonly tenantBytes: number;
  readonly limits: MemoryLimits;
  /** JavaScript heap of one shard. Telemetry is not in it: bodies are outside the heap. */
  readonly heapMib: number;
  /** The part of it where objects begin. */
  readonly youngMib: number;
}

/** Bytes this process may use: the machine's, or those of its control group. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/**
 * The plan for a configuration. A budget that it does not name is a quarter of the memory, at
 * most 2 GiB, and at most half of the soft limit of its memory_limiter.
 */
export function planMemory(
  { service }: Config,
  limiter: MemoryLimits | undefined,
  available = availableMemory(),
): MemoryPlan {
  const { maxBytes, tenantShare } = service.admission;
  const limits = limiter ?? {
    checkIntervalMs: CHECK_INTERVAL_MS,
    softBytes: available * SOFT_SHARE,
    hardBytes: available * HARD_SHARE,
  };
  const derived = Math.min(available * BUDGET_SHARE, MAX_DERIVED_BUDGET);
  const limited =
    limiter === undefined ? derived : Math.min(derived, limiter.softBytes * BUDGET_SHARE_OF_LIMIT);
  const budgetBytes = Math.floor(maxBytes > 0 ? maxBytes : limited);
  const heap = Math.floor((available * HEAP_SHARE) / service.shards / MIB);
  return {
    budgetBytes,
    tenantBytes: Math.max(Math.floor(budgetBytes * tenantShare), 1),
    limits,
    youngMib: budgetBytes / service.shards < SMALL_BUDGET ? SMALL_YOUNG_MIB : USUAL_YOUNG_MIB,
    heapMib: Math.min(Math.max(heap, MIN_HEAP_MIB), MAX_HEAP_MIB),
  };
}

/** The strictest limits among the processors in use; undefined when none has any. */
export async function findMemoryLimits(
  config: Config,
  registry: Registry,
): Promise<MemoryLimits | undefined> {
  let strictest: MemoryLimits | undefined;
  const used = new Set(Object.values(config.service.pipelines).flatMap((one) => one.processors));
  for (const id of used) {
    const section = config.processors[id];
    const load = section === undefined ? undefined : registry.processors[section.type];
    if (section === undefined || load === undefined) continue;
    const { default: definition } = await load();
    if (!('limits' in definition)) continue;
    const limits = definition.limits(section.settings);
    if (strictest === undefined || limits.softBytes < strictest.softBytes) strictest = limits;
  }
  return strictest;
}
