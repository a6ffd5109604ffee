/**
 * OTLP in, Kafka out, and Kafka in, OTLP out: Millrace with both of its clients and the OpenTelemetry
 * Collector in turns, on one machine and one broker. A Collector that is missing is reported as
 * not measured.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KafkaProducer } from '../src/net/kafka/client.ts';
import { loadKafkaLibrary } from '../src/net/kafka/library.ts';
import { startKafka, type KafkaCluster } from '../test/ends/kafka-broker.ts';
import { payloadOf, type Shape } from './load/payload.ts';
import { median } from './measure.ts';
import { runLoad, Sink } from './systems/processes.ts';
import { type KafkaOptions, startCollector, startMillrace, type Way } from './systems/kafka.ts';
import { CONNECTION, MESSAGE_BYTES, type Range, SinkEnd, TopicEnd } from './systems/kafka-ends.ts';
import type { System } from './systems/system.ts';

/** What `npm run bench -- kafka` was told. */
export interface KafkaBenchOptions {
  readonly collector: string | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly shards: number;
  readonly cases: readonly string[];
  readonly only: readonly string[];
}

const WAYS: readonly Way[] = ['to-kafka', 'from-kafka'];
const SHAPE: Shape = { signal: 'traces', items: 512, itemBytes: 400 };
const CONNECTIONS = 16;
const PARTITIONS = 4;
const WARM_UP_SECONDS = 2;
/** Requests per second at which latency is measured; far below what the slowest carries. */
const LATENCY_RATE = 100;

interface Run {
  readonly system: string;
  readonly itemsPerSecond: number;
  readonly itemsPerCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly peakBytes: number;
}

export async function kafka(options: KafkaBenchOptions): Promise<void> {
  if (options.collector === undefined) {
    console.log('collector: not measured (give --collector PATH)');
  }
  const cluster = await startKafka({ properties: { 'message.max.bytes': MESSAGE_BYTES } });
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    for (const way of WAYS) {
      if (options.cases.length > 0 && !options.cases.includes(way)) continue;
      const runs: Run[] = [];
      for (let round = 0; round < options.rounds; round += 1) {
        for (const [name, start] of startersOf(way, options)) {
          const topic = `bench-${way}-${name}-${round}`;
          await cluster.createTopic(topic, { partitions: PARTITIONS });
          const { brokers } = cluster;
          const place = {
            folder,
            brokers,
            topic,
            sinkHttp: sink.ports.http,
            shards: options.shards,
          };
          runs.push(await measureOne(way, place, { start, sink, options, cluster }));
        }
      }
      print(way, runs);
    }
  } finally {
    sink.stop();
    await cluster.stop();
  }
}

type Start = (options: KafkaOptions) => Promise<System>;

function startersOf(way: Way, { collector, only }: KafkaBenchOptions): readonly [string, Start][] {
  const all: [string, Start][] = [
    ['millrace', (options) => startMillrace(way, 'platformatic', options)],
    ['millrace-kafkajs', (options) => startMillrace(way, 'kafkajs', options)],
  ];
  if (collector !== undefined) {
    all.push(['collector', (options) => startCollector(collector, way, options)]);
  }
  return all.filter(([name]) => only.length === 0 || only.includes(name));
}

interface Bench {
  readonly start: Start;
  readonly sink: Sink;
  readonly options: KafkaBenchOptions;
  readonly cluster: KafkaCluster;
}

async function measureOne(way: Way, place: KafkaOptions, bench: Bench): Promise<Run> {
  const { sink, options } = bench;
  const system = await bench.start(place);
  const end = way === 'to-kafka' ? new TopicEnd(place, SHAPE.items) : new SinkEnd(sink);
  const numbers: Numbers = { next: 0 };
  const load = (seconds: number, rate?: number): Promise<readonly Range[]> =>
    way === 'to-kafka'
      ? loadOverHttp(system.ports.http, numbers, { seconds, rate })
      : loadTopic(place, numbers, { seconds, rate });
  const settled = async (sent: readonly Range[]) => {
    const arrived = await end.settled();
    const missing = await end.missing(sent);
    if (missing > 0) throw new Error(`${system.name} lost ${missing} spans`);
    return arrived;
  };
  try {
    await end.open();
    await settled(await load(WARM_UP_SECONDS));
    await end.reset();
    const cpu = system.cpuSeconds();
    const began = performance.now();
    const sent = await load(options.seconds);
    const { lastAt } = await settled(sent);
    const cost = system.cpuSeconds() - cpu;
    const items = sent.reduce((sum, [from, to]) => sum + to - from, 0);
    await end.reset();
    const { p50, p99 } = await settled(await load(options.seconds, LATENCY_RATE));
    return {
      system: system.name,
      itemsPerSecond: items / ((lastAt - began) / 1000),
      itemsPerCpuSecond: items / cost,
      p50,
      p99,
      peakBytes: system.peakBytes,
    };
  } finally {
    await end.close();
    await system.stop();
  }
}

/** Number of the next span; each is sent once. */
interface Numbers {
  next: number;
}

interface Pace {
  readonly seconds: number;
  /** Requests per second; undefined: as fast as it goes. */
  readonly rate: number | undefined;
}

/** Sends over HTTP and answers which spans were acknowledged. */
async function loadOverHttp(
  port: number,
  numbers: Numbers,
  { seconds, rate }: Pace,
): Promise<readonly Range[]> {
  const order = { protocol: 'http', port, shape: SHAPE, encoding: 'identity' } as const;
  const first = numbers.next;
  const pace = rate === undefined ? { first } : { first, rate };
  const report = await runLoad({ ...order, connections: CONNECTIONS, seconds, ...pace });
  numbers.next = report.next;
  const acknowledged: Range[] = [];
  let from = first;
  for (const [start, end] of report.unacknowledged.toSorted(([a], [b]) => a - b)) {
    acknowledged.push([from, start]);
    from = end;
  }
  return [...acknowledged, [from, report.next]];
}

/** Writes requests as records, and answers which spans were written. */
async function loadTopic(
  { brokers, topic }: KafkaOptions,
  numbers: Numbers,
  pace: Pace,
): Promise<readonly Range[]> {
  const producer = (await loadKafkaLibrary('platformatic')).createProducer({
    ...CONNECTION,
    brokers,
    acks: 1,
    idempotent: false,
    compression: 'none',
    allowAutoTopicCreation: false,
    metadataMaxAgeMs: 60_000,
  });
  const first = numbers.next;
  const lanes = Array.from({ length: PARTITIONS }, (_, partition) =>
    writeLane(producer, { topic, partition }, numbers, pace),
  );
  await Promise.all(lanes);
  await producer.close();
  return [[first, numbers.next]];
}

async function writeLane(
  producer: KafkaProducer,
  place: { readonly topic: string; readonly partition: number },
  numbers: Numbers,
  { seconds, rate }: Pace,
): Promise<void> {
  const payload = payloadOf(SHAPE);
  const everyMs = rate === undefined ? 0 : (1000 * PARTITIONS) / rate;
  const until = performance.now() + seconds * 1000;
  let due = performance.now() + (everyMs * place.partition) / PARTITIONS;
  while (performance.now() < until) {
    const early = everyMs > 0 ? due - performance.now() : 0;
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    // What had to wait for its turn is as old as if it had not.
    const lateMs = everyMs > 0 ? performance.now() - due : 0;
    due += everyMs;
    payload.number(numbers.next, Date.now() - lateMs);
    numbers.next += payload.items;
    const records = [{ key: undefined, value: payload.bytes, headers: [] }];
    const group = { ...place, records, timestampMs: Date.now() };
    const [fault] = await producer.send([group], AbortSignal.timeout(30_000));
    if (fault !== undefined) throw new Error(fault.message);
  }
}

function print(way: Way, runs: readonly Run[]): void {
  const of = (system: string, figure: (run: Run) => number): number =>
    median(runs.filter((run) => run.system === system).map(figure));
  const own = of('millrace', (run) => run.itemsPerCpuSecond);
  for (const system of new Set(runs.map((run) => run.system))) {
    const perCpu = of(system, (run) => run.itemsPerCpuSecond);
    const line = [
      way.padEnd(10),
      system.padEnd(16),
      `${(perCpu / 1e6).toFixed(3)} M spans/CPU-s (${(1e6 / perCpu).toFixed(2)} CPU-s per million)`,
      `${(of(system, (run) => run.itemsPerSecond) / 1e6).toFixed(3)} M spans/s`,
      `p50 ${of(system, (run) => run.p50).toFixed(0)} ms, p99 ${of(system, (run) => run.p99).toFixed(0)} ms`,
      `${Math.round(of(system, (run) => run.peakBytes) / 2 ** 20)} MiB`,
      system === 'millrace' ? '' : `millrace is ${(own / perCpu).toFixed(2)}x`,
    ];
    console.log(line.join('  '));
  }
}
