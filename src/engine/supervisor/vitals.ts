import { type BudgetMemory, pressureOf, totalHeld } from '../admission/budget-memory.ts';
import type { MetricsRegistry } from '../telemetry/metrics-registry.ts';

/** Publishes what only the main thread knows: the budgets as a whole, the configuration. */
export function publishVitals(
  metrics: MetricsRegistry,
  budget: BudgetMemory,
  config: { readonly hash: string; readonly loadedAt: number },
): void {
  const meter = metrics.meter();
  const held = meter.gauge(
    'admission_held_bytes',
    'Bytes of requests and memory queues held by all shards.',
  );
  meter
    .gauge('admission_budget_bytes', 'Bytes that all shards together may hold.')
    .set(budget.maxBytes);
  meter
    .gauge('config_info', 'The configuration in use, by its SHA-256.', { hash: config.hash })
    .set(1);
  meter
    .gauge('config_loaded_timestamp_seconds', 'When the configuration was loaded.')
    .set(config.loadedAt / 1000);
  metrics.beforeText(() => {
    held.set(totalHeld(budget));
  });
}

/** Why new requests are refused now, if they are. */
export function whyRefusing(budget: BudgetMemory): string | undefined {
  if (pressureOf(budget) > 0) return 'the process uses more memory than its limit';
  const held = totalHeld(budget);
  if (held < budget.maxBytes) return undefined;
  return `the memory budget is spent: ${held} of ${budget.maxBytes} bytes are held`;
}
