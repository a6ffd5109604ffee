/** Numbers that are read rather than counted: how busy a shard is, what the process uses. */
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Clock, Meter } from '../../contract/context.ts';
import { systemClock } from './clock.ts';
import type { MetricsRegistry } from './metrics-registry.ts';

const SAMPLE_MS = 1000;
const DELAY_RESOLUTION_MS = 20;

/** Gauge that says when a shard's event loop last turned, in seconds since the epoch. */
export const HEARTBEAT = 'shard_heartbeat_timestamp_seconds';
/** Gauge of the share of the last second that a shard's event loop was busy, 0 to 1. */
export const UTILIZATION = 'shard_utilization';

/**
 * Publishes once a second how busy this thread is. Never keeps the thread alive; the answer
 * stops it.
 */
export function startShardSampler(meter: Meter, clock: Clock = systemClock): () => void {
  const utilization = meter.gauge(UTILIZATION, 'Busy share of the event loop, 0 to 1.');
  const lag = meter.gauge(
    'shard_event_loop_lag_seconds',
    'Longest delay of the event loop during the last second.',
  );
  const heartbeat = meter.gauge(HEARTBEAT, 'When the event loop of the shard last turned.');
  const heap = meter.gauge('shard_heap_used_bytes', 'JavaScript heap in use by the shard.');
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  let cancel = (): void => undefined;
  const sample = (): void => {
    const now = performance.eventLoopUtilization();
    utilization.set(performance.eventLoopUtilization(now, before).utilization);
    before = now;
    lag.set(Math.max(0, delay.max / 1e9 - DELAY_RESOLUTION_MS / 1000));
    delay.reset();
    heap.set(getHeapStatistics().used_heap_size);
    heartbeat.set(clock.now() / 1000);
    cancel = clock.after(SAMPLE_MS, sample);
  };
  heartbeat.set(clock.now() / 1000);
  cancel = clock.after(SAMPLE_MS, sample);
  return () => {
    cancel();
    delay.disable();
  };
}

/** Publishes what the whole process uses, read anew at every exposition. */
export function publishProcess(registry: MetricsRegistry): void {
  const meter = registry.meter();
  const uptime = meter.counter('process_uptime', 'Uptime of the process in seconds.');
  const cpu = meter.counter('process_cpu_seconds', 'CPU time of user and system, all threads.');
  const resident = meter.gauge('process_memory_rss', 'Resident memory of the process in bytes.');
  const heap = meter.gauge(
    'process_runtime_heap_alloc_bytes',
    'JavaScript heap in use, all threads.',
  );
  const system = meter.gauge(
    'process_runtime_total_sys_memory_bytes',
    'Memory the runtime has from the system: heap of the main thread, and memory outside heaps.',
  );
  let uptimeBefore = 0;
  let cpuBefore = 0;
  registry.beforeText(() => {
    const now = process.uptime();
    uptime.add(now - uptimeBefore);
    uptimeBefore = now;
    const usage = process.cpuUsage();
    const used = (usage.user + usage.system) / 1e6;
    cpu.add(used - cpuBefore);
    cpuBefore = used;
    const memory = process.memoryUsage();
    resident.set(memory.rss);
    heap.set(memory.heapUsed + registry.sum('shard_heap_used_bytes'));
    system.set(memory.heapTotal + memory.external);
  });
}
