import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { makeMetrics } from '../interop/telemetry.ts';
import type { QueriedSeries } from '../ends/prometheus-server.ts';

/** Labels that every series of the SDK's metrics has. */
const TARGET = { job: 'checkout', instance: 'i-1' };
const SCOPE = { ...TARGET, otel_scope_name: 'shop.metrics', otel_scope_version: '3.0.0' };

type Labels = Readonly<Record<string, string>>;

/** What MAP-2 to MAP-11 make of the metrics of the SDK, but for those native histograms take. */
export const EXPECTED: readonly (readonly [name: string, labels: Labels, value: string])[] = [
  ['cpu_utilization_ratio', { ...SCOPE, cpu: '1' }, '0.25'],
  ['disk_io_bytes_total', { ...SCOPE, disk_name: 'a\\b', write: 'true' }, '4096'],
  ['latency_seconds_bucket', { ...SCOPE, route: '/pay', le: '0.1' }, '1'],
  ['latency_seconds_bucket', { ...SCOPE, route: '/pay', le: '1' }, '2'],
  ['latency_seconds_bucket', { ...SCOPE, route: '/pay', le: '10' }, '3'],
  ['latency_seconds_bucket', { ...SCOPE, route: '/pay', le: '+Inf' }, '4'],
  ['latency_seconds_count', { ...SCOPE, route: '/pay' }, '4'],
  ['latency_seconds_sum', { ...SCOPE, route: '/pay' }, '55.55'],
  ['orders_total', { ...SCOPE, region: 'eu' }, '9007199254740991'],
  ['queue', SCOPE, '-7'],
  ['target_info', { ...TARGET, process_pid: '4242', tags: '["a","b",""]' }, '1'],
  ['temperature_celsius', SCOPE, '-0.1'],
];

/** Exports the SDK's metrics, which it collects anew, to a receiver on `port`. */
export async function exportMetrics(port: number): Promise<void> {
  const exporter = new OTLPMetricExporter({ url: `http://127.0.0.1:${port}/v1/metrics` });
  const metrics = await makeMetrics();
  const result = await new Promise<{ code: number; error?: Error }>((resolve) =>
    exporter.export(metrics, resolve),
  );
  await exporter.shutdown();
  if (result.code !== 0) throw new Error(`the SDK could not export: ${String(result.error)}`);
}

/** Series of a query in the words of `EXPECTED`, sorted; without the labels named. */
export function rowsOf(series: readonly QueriedSeries[], without: readonly string[] = []) {
  const rows = series.map(({ metric, value }) => {
    const labels = Object.entries(metric).filter(
      ([name]) => name !== '__name__' && !without.includes(name),
    );
    return [metric['__name__'], Object.fromEntries(labels), value?.[1]];
  });
  return sorted(rows);
}

/** In an order that does not depend on where the rows come from. */
export function sorted<Row extends readonly unknown[]>(rows: readonly Row[]): readonly Row[] {
  const keyed = rows.map((row) => [keyOf(row), row] as const);
  return keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function keyOf([name, labels]: readonly unknown[]): string {
  const pairs = Object.entries(labels as object).map(([key, value]) => `${key}=${value}`);
  return `${String(name)} ${pairs.toSorted((a, b) => (a < b ? -1 : 1)).join()}`;
}
