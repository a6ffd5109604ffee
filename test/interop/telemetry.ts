import { context, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const resource = resourceFromAttributes({
  'service.name': 'checkout',
  'service.instance.id': 'i-1',
  'process.pid': 4242,
  empty: '',
  tags: ['a', 'b', ''],
});

/** Spans as the SDK makes them: links, events, trace state, flags, statuses, odd values. */
export function makeSpans(): ReadableSpan[] {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracer = provider.getTracer('shop', '1.2.3', { schemaUrl: 'https://example.com/schema' });
  const remote = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  const parent = tracer.startSpan(
    'parent ✓',
    {
      kind: SpanKind.SERVER,
      startTime: [1763700000, 123456789],
      attributes: {
        text: 'x',
        empty: '',
        whole: 9007199254740991,
        negative: -42,
        ratio: 0.1,
        minusZero: -0,
        yes: true,
        numbers: [1, 2, 3],
        mixedDoubles: [1.5, -2.25],
        none: [],
      },
      links: [{ context: remote, attributes: { linked: true } }],
    },
    trace.setSpanContext(context.active(), remote),
  );
  parent.addEvent('retry', { attempt: 1 }, [1763700000, 223456789]);
  parent.addEvent('nothing', [1763700000, 323456789]);
  const child = tracer.startSpan(
    'child',
    { kind: SpanKind.CLIENT, startTime: [1763700000, 200000001] },
    trace.setSpan(context.active(), parent),
  );
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
  child.end([1763700000, 300000002]);
  parent.setStatus({ code: SpanStatusCode.OK });
  parent.end([1763700001, 1]);
  return memory.getFinishedSpans();
}

/** Log records of every body kind. */
export function makeLogs(): ReadableLogRecord[] {
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({
    resource,
    processors: [new SimpleLogRecordProcessor({ exporter: memory })],
  });
  const logger = provider.getLogger('shop.logs', '2.0.0');
  const bodies = [
    'plain ✓',
    '',
    { nested: { deep: [1, 'two', true] } },
    42,
    0.5,
    [1, 'a'],
    undefined,
  ];
  for (const [index, body] of bodies.entries()) {
    logger.emit({
      timestamp: [1763700000, 100 + index],
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      attributes: { index, bytes: new Uint8Array([0, 255, 7]) },
      ...(body === undefined ? { eventName: 'device.app.lifecycle' } : { body }),
    });
  }
  return memory.getFinishedLogRecords();
}

/** Sums, gauges, histograms of both kinds, exact to the bit. */
export async function makeMetrics(): Promise<ResourceMetrics> {
  const memory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: memory,
    exportIntervalMillis: 3_600_000,
  });
  const provider = new MeterProvider({
    resource,
    readers: [reader],
    views: [
      {
        instrumentName: 'sizes',
        aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 20 } },
      },
    ],
  });
  const meter = provider.getMeter('shop.metrics', '3.0.0');
  meter
    .createCounter('orders', { unit: '{order}', description: 'Orders so far' })
    .add(9007199254740991, { region: 'eu' });
  meter.createCounter('disk.io', { unit: 'By', description: 'Read and "written"' }).add(4096, {
    'disk.name': 'a\\b',
    write: true,
  });
  meter.createUpDownCounter('queue', { description: 'Orders that wait' }).add(-7);
  meter
    .createGauge('cpu.utilization', { unit: '1', description: 'Share in use' })
    .record(0.25, { cpu: 1 });
  meter
    .createGauge('temperature', { unit: 'Cel', description: 'Of the air' })
    .record(-0.1, { place: '' });
  const latency = meter.createHistogram('latency', {
    unit: 's',
    description: 'Time to pay',
    advice: { explicitBucketBoundaries: [0.1, 1, 10] },
  });
  for (const value of [0.05, 0.5, 5, 50]) latency.record(value, { route: '/pay' });
  const sizes = meter.createHistogram('sizes', { unit: 'By', description: 'Of requests' });
  for (const value of [0, 1, 1000, 123456]) sizes.record(value);
  await reader.forceFlush();
  const metrics = memory.getMetrics()[0];
  if (metrics === undefined) throw new Error('the SDK collected nothing');
  await provider.shutdown();
  return metrics;
}
