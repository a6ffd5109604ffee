import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Batch, Signal } from '../../contract/batch.ts';
import type {
  ExporterDefinition,
  ProcessorDefinition,
  ReceiverDefinition,
} from '../../contract/component.ts';
import { formBatch, type PlainSeries } from '../../formats/translate/fixture.test.ts';
import { ACCEPTED } from '../../contract/outcome.ts';
import {
  Account,
  Backend,
  batch,
  DOWN,
  idle,
  settings,
  splitBytes,
  stand,
} from '../../../test/flow/ends.ts';
import type { Config, DeliveryConfig, PipelineConfig } from '../config/config.ts';
import { assemble } from './assemble.ts';
import { Pipelines } from './build.ts';

const ABOUT = { summary: 'of a test', stability: 'stable', schema: z.unknown() } as const;
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

interface Wanted {
  readonly pipelines: readonly Partial<PipelineConfig>[];
  readonly deliveries?: Readonly<Record<string, DeliveryConfig | undefined>>;
  readonly queueBytes?: number;
}

/** Pipelines over processors `p1`, `stage`, `batch`, `limits` and exporters `x` and `y`. */
async function open({ pipelines, deliveries = {}, queueBytes = 1e9 }: Wanted) {
  const { context, clock, numbers } = stand();
  const events: string[] = [];
  const backends: Record<string, Backend> = {};
  const timeouts: Record<string, number | undefined> = {};
  const about = (type: string) => ({ ...ABOUT, type, signals: SIGNALS });
  const processors: Record<string, ProcessorDefinition> = {
    p1: { ...about('p1'), transform: () => (given) => mark(given, 'p1') },
    p2: { ...about('p2'), transform: () => (given) => mark(given, 'p2') },
    stage: {
      ...about('stage'),
      stage: (_settings, next) => ({
        consume: (given) => next.consume(mark(given, 'stage')),
        start: async () => void events.push('start stage'),
        stop: async () => void events.push('stop stage'),
      }),
    },
    batch: {
      ...about('batch'),
      batching: () => ({
        flushTimeoutMs: 200,
        minSize: 100,
        maxSize: 0,
        sizer: 'items',
        metadataKeys: [],
      }),
    },
    limits: {
      ...about('limits'),
      limits: () => ({ checkIntervalMs: 1000, softBytes: 1, hardBytes: 2 }),
    },
  };
  const exporter: ExporterDefinition = {
    ...about('exporter'),
    delivery: {},
    create: (id, { timeoutMs }) => {
      timeouts[String(id)] = timeoutMs;
      const backend = new Backend();
      backends[String(id)] = backend;
      return {
        send: (given, signal) => backend.send(given, signal),
        start: async () => void events.push(`start ${String(id)}`),
        stop: async () => void events.push(`stop ${String(id)}`),
      };
    },
  };
  const remoteWrite = { ...about('rw'), forms: ['prometheus'] } as unknown as ReceiverDefinition;
  const section = (id: string, type: string) => ({ id, type, settings: id });
  const config = {
    receivers: { rw: section('rw', 'rw') },
    processors: Object.fromEntries(Object.keys(processors).map((id) => [id, section(id, id)])),
    exporters: Object.fromEntries(
      ['x', 'y'].map((id) => [
        id,
        { ...section(id, 'exporter'), delivery: id in deliveries ? deliveries[id] : settings() },
      ]),
    ),
    service: {
      admission: { maxBytes: 0, tenantShare: 1 },
      pipelines: Object.fromEntries(
        pipelines.map((given, index) => [
          `traces/${index}`,
          { ...PIPELINE, ...given, id: `traces/${index}` },
        ]),
      ),
    },
  } as unknown as Config;
  const live = new Pipelines(
    assemble({
      config,
      receivers: new Map([['rw', remoteWrite]]),
      processors: new Map(Object.entries(processors)),
      exporters: new Map([['exporter', exporter]]),
      context: () => context,
      log: context.log,
      ledger: new Account(),
      queueBytes,
      split: splitBytes,
      divideSeries: () => (given) => [given],
    }),
  );
  await live.start();
  const send = (given: Batch, receiver = 'otlp') =>
    live.entry(receiver, given.signal)!.consume(given);
  return { live, send, backends, timeouts, events, clock, numbers };
}

const PIPELINE: PipelineConfig = {
  id: 'traces',
  signal: 'traces',
  receivers: ['otlp'],
  processors: [],
  exporters: ['x'],
  bestEffort: [],
  acknowledge: 'queued',
};

/** Writes the way a batch took into its metadata. */
function mark(given: Batch, step: string): Batch {
  const way = [...(given.origin.metadata['way'] ?? []), step];
  return { ...given, origin: { ...given.origin, metadata: { way } } };
}

test('an exporter is told when its attempts will be aborted', async () => {
  const { timeouts } = await open({
    pipelines: [{ exporters: ['x', 'y'] }],
    deliveries: { x: { ...settings(), timeoutMs: 700 }, y: { ...settings(), timeoutMs: 0 } },
  });
  assert.deepEqual(timeouts, { x: 700, y: undefined });
});

test('processors run in the order they are written, transforms and stages alike', async () => {
  const { send, backends } = await open({
    pipelines: [{ processors: ['p1', 'stage', 'p2', 'limits'] }],
  });
  assert.equal(await send(batch({})), ACCEPTED);
  await idle();
  assert.deepEqual(backends['x']?.sent[0]?.origin.metadata['way'], ['p1', 'stage', 'p2']);
});

test('a receiver feeds every pipeline of the signal that names it, and no other', async () => {
  const { live, send, backends } = await open({
    pipelines: [
      { exporters: ['x'] },
      { exporters: ['y'] },
      { receivers: ['other'], exporters: ['y'] },
    ],
  });
  await send(batch({}));
  await idle();
  assert.deepEqual([backends['x']?.items, backends['y']?.items], [1, 1]);
  assert.equal(live.entry('otlp', 'logs'), undefined);
  assert.equal(live.entry('nobody', 'traces'), undefined);
});

test('pipelines of one signal share the delivery of an exporter, signals do not', async () => {
  const { send, backends, numbers } = await open({
    pipelines: [{}, { processors: ['p1'] }, { signal: 'logs' }],
  });
  await send(batch({}));
  await send(batch({ signal: 'logs' }));
  await idle();
  assert.equal(backends['x']?.items, 3);
  assert.equal(numbers.sum('exporter_queue_capacity', { data_type: 'traces' }), 1000);
  assert.equal(numbers.sum('exporter_queue_capacity', { data_type: 'logs' }), 1000);
});

test('a batch processor speaks for exporters that have no batching of their own', async () => {
  const own = settings({
    batch: { flushTimeoutMs: 50, minSize: 1, maxSize: 0, sizer: 'items', metadataKeys: [] },
  });
  const { send, backends, clock } = await open({
    pipelines: [{ processors: ['batch'], exporters: ['x', 'y'] }],
    deliveries: { y: own },
  });
  for (let index = 0; index < 10; index++) await send(batch({ items: 2 }));
  await idle();
  assert.deepEqual([backends['x']?.sent.length, backends['y']?.sent.length], [0, 10]);
  await clock.advance(200);
  assert.deepEqual(
    backends['x']?.sent.map((sent) => sent.items),
    [20],
  );
});

test('what memory_limiter asks for is collected for admission', async () => {
  const { live } = await open({
    pipelines: [{ processors: ['limits'] }, { processors: ['limits'] }],
  });
  assert.deepEqual(live.limits, [{ checkIntervalMs: 1000, softBytes: 1, hardBytes: 2 }]);
});

test('memory for queues is divided among those that have one', async () => {
  const { send, backends } = await open({
    pipelines: [{ exporters: ['x', 'y'] }],
    queueBytes: 2000,
  });
  backends['x']?.hang();
  for (let index = 0; index < 10; index++) {
    assert.equal((await send(batch({ bytes: 100 }))).kind, 'accepted');
    await idle();
  }
  assert.equal((await send(batch({ bytes: 100 }))).kind, 'retry');
  assert.equal(backends['y']?.sent.length, 10);
});

test('acknowledge delivered: success means that every required destination has it', async () => {
  const { send, backends, clock } = await open({
    pipelines: [{ exporters: ['x', 'y'], bestEffort: ['y'], acknowledge: 'delivered' }],
  });
  for (const backend of Object.values(backends)) backend.answer = () => DOWN;
  let answered = false;
  const answer = send(batch({})).then((outcome) => {
    answered = true;
    return outcome;
  });
  await clock.advance(1000);
  assert.equal(answered, false);
  backends['x']!.answer = () => ACCEPTED;
  await clock.advance(5000);
  assert.equal(await answer, ACCEPTED);
});

test('an exporter without the shared settings sends while the caller waits', async () => {
  const { send, backends } = await open({ pipelines: [{}], deliveries: { x: undefined } });
  assert.equal(await send(batch({})), ACCEPTED);
  assert.equal(backends['x']?.items, 1);
});

test('a client that waits for the backend does not hear where that is', async () => {
  const message = 'cannot connect to https://secret.example:4318: refused';
  const { send, backends } = await open({ pipelines: [{}], deliveries: { x: undefined } });
  backends['x']!.answer = () => ({ kind: 'retry', reason: 'connection_failed', message });
  const outcome = await send(batch({}));
  assert.ok(outcome.kind === 'retry');
  assert.doesNotMatch(outcome.message, /secret/);
  assert.match(outcome.message, /connection_failed/);
});

test('exporters start first and stop last', async () => {
  const { live, send, events, backends } = await open({ pipelines: [{ processors: ['stage'] }] });
  const answer = backends['x']!.hang();
  await send(batch({}));
  const stopped = live.stop(new AbortController().signal);
  await idle();
  assert.deepEqual(events, ['start x', 'start stage', 'stop stage']);
  answer(ACCEPTED);
  await stopped;
  assert.deepEqual(events, ['start x', 'start stage', 'stop stage', 'stop x']);
});

test('a batch of the form of Prometheus reaches parts that speak OTLP as OTLP, once for all exporters', async () => {
  const { send, backends, numbers } = await open({
    pipelines: [
      { signal: 'metrics', receivers: ['rw'], processors: ['p1', 'stage'], exporters: ['x', 'y'] },
      { signal: 'metrics', receivers: ['rw', 'otlp'], exporters: ['y'] },
    ],
  });
  const up: PlainSeries = {
    labels: { __name__: 'up' },
    samples: [{ value: '0', timestamp: 1 }],
  };
  assert.equal((await send(formBatch([up]), 'rw')).kind, 'accepted');
  await idle();
  const sent = [...backends['x']!.sent, ...backends['y']!.sent];
  assert.deepEqual(
    sent.map(({ form, items }) => [form, items]),
    [
      ['otlp', 1],
      ['otlp', 1],
      ['otlp', 1],
    ],
  );
  assert.deepEqual(sent[0]?.origin.metadata['way'], ['p1', 'stage']);
  assert.equal(numbers.sum('processor_incoming_items', { processor: 'to_otlp' }), 2);
});
