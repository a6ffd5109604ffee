/**
 * OTLP in, Kafka out, and Kafka in, OTLP out: Millrace with both of its clients and the OpenTelemetry
 * Collector in turns, on one machine and one broker. A Collector that is missing is reported as
 * not measured.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IncomingRecord, KafkaProducer } from '../src/net/kafka/client.ts';
import { loadKafkaLibrary } from '../src/net/kafka/library.ts';
import { startKafka, type KafkaCluster } from '../test/ends/kafka-broker.ts';
import { ageMs, MARK, payloadOf, type Shape } from './load/payload.ts';
import { median } from './measure.ts';
import { runLoad, Sink } from './systems/processes.ts';
import { type KafkaOptions, startCollector, startMillrace, type Way } from './systems/kafka.ts';
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
const MESSAGE_BYTES = 8_000_000;
const CONNECTION = { clientId: 'bench', connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };

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
  const end = way === 'to-kafka' ? new TopicEnd(place) : new SinkEnd(sink);
  try {
    await end.open();
    const load = (seconds: number, rate?: number) =>
      way === 'to-kafka'
        ? loadOverHttp(system.ports.http, seconds, rate)
        : loadTopic(place, seconds, rate);
    await load(WARM_UP_SECONDS);
    await end.settled();
    await end.reset();
    const cpu = system.cpuSeconds();
    const began = performance.now();
    const sent = await load(options.seconds);
    const arrived = await end.settled();
    const cost = system.cpuSeconds() - cpu;
    if (arrived.items < sent) throw new Error(`${system.name} lost ${sent - arrived.items} spans`);
    await end.reset();
    await load(options.seconds, LATENCY_RATE);
    const { p50, p99 } = await end.settled();
    return {
      system: system.name,
      itemsPerSecond: arrived.items / ((arrived.lastAt - began) / 1000),
      itemsPerCpuSecond: arrived.items / cost,
      p50,
      p99,
      peakBytes: system.peakBytes,
    };
  } finally {
    await end.close();
    await system.stop();
  }
}

/** Sends over HTTP and answers how many spans were acknowledged. */
async function loadOverHttp(port: number, seconds: number, rate?: number): Promise<number> {
  const order = { protocol: 'http', port, shape: SHAPE, encoding: 'identity' } as const;
  const pace = rate === undefined ? {} : { rate };
  const report = await runLoad({ ...order, connections: CONNECTIONS, seconds, ...pace });
  return report.items;
}

/** Writes numbered requests as records, and answers how many spans were written. */
async function loadTopic(
  { brokers, topic }: KafkaOptions,
  seconds: number,
  rate?: number,
): Promise<number> {
  const producer = (await loadKafkaLibrary('platformatic')).createProducer({
    ...CONNECTION,
    brokers,
    acks: 1,
    idempotent: false,
    compression: 'none',
    allowAutoTopicCreation: false,
    metadataMaxAgeMs: 60_000,
  });
  const until = performance.now() + seconds * 1000;
  const lanes = Array.from({ length: PARTITIONS }, (_, partition) =>
    writeLane(producer, { topic, partition }, until, rate),
  );
  const written = (await Promise.all(lanes)).reduce((sum, spans) => sum + spans, 0);
  await producer.close();
  return written;
}

async function writeLane(
  producer: KafkaProducer,
  place: { readonly topic: string; readonly partition: number },
  until: number,
  rate: number | undefined,
): Promise<number> {
  const payload = payloadOf(SHAPE);
  const everyMs = rate === undefined ? 0 : (1000 * PARTITIONS) / rate;
  let due = performance.now() + (everyMs * place.partition) / PARTITIONS;
  let spans = 0;
  while (performance.now() < until) {
    if (everyMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(due - performance.now(), 0)));
      due += everyMs;
    }
    payload.number(spans, Date.now());
    const records = [{ key: undefined, value: payload.bytes, headers: [] }];
    const group = { ...place, records, timestampMs: Date.now() };
    const [fault] = await producer.send([group], AbortSignal.timeout(30_000));
    if (fault !== undefined) throw new Error(fault.message);
    spans += payload.items;
  }
  return spans;
}

/** What arrived at an end since it was reset. */
interface Arrived {
  readonly items: number;
  /** Of `performance.now()`, when the last of it was seen. */
  readonly lastAt: number;
  readonly p50: number;
  readonly p99: number;
}

interface End {
  open(): Promise<void>;
  reset(): Promise<void>;
  /** Resolves once nothing has arrived for a while. */
  settled(): Promise<Arrived>;
  close(): Promise<void>;
}

/** The sink process behind a gateway that reads. */
class SinkEnd implements End {
  readonly #sink: Sink;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  open(): Promise<void> {
    return this.#sink.reset(true);
  }

  reset(): Promise<void> {
    return this.#sink.reset(true);
  }

  async settled(): Promise<Arrived> {
    const quietMs = 1000;
    const { items, p50, p99 } = await this.#sink.settled(quietMs);
    return { items, p50, p99, lastAt: performance.now() - quietMs };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const MARK_BYTES = Buffer.alloc(4);
MARK_BYTES.writeUInt32BE(MARK);

/** A reader of the topic that a gateway writes, in this process. */
class TopicEnd implements End {
  readonly #place: KafkaOptions;
  #items = 0;
  #lastAt = 0;
  #ages: number[] = [];
  #close: () => Promise<void> = () => Promise.resolve();

  constructor(place: KafkaOptions) {
    this.#place = place;
  }

  async open(): Promise<void> {
    const { brokers, topic } = this.#place;
    const consumer = (await loadKafkaLibrary('platformatic')).createConsumer({
      ...CONNECTION,
      brokers,
      groupId: `${topic}-end`,
      topics: [topic],
      initialOffset: 'earliest',
      sessionTimeoutMs: 30_000,
      heartbeatIntervalMs: 3000,
      rebalanceTimeoutMs: 30_000,
      strategies: ['cooperative-sticky'],
      minFetchBytes: 1,
      maxFetchBytes: MESSAGE_BYTES * 2,
      maxPartitionFetchBytes: MESSAGE_BYTES,
      maxFetchWaitMs: 50,
    });
    const events = {
      assigned: () => undefined,
      revoked: () => Promise.resolve(),
      records: ({ records }: { readonly records: readonly IncomingRecord[] }) => {
        for (const record of records) this.#take(record);
        return true;
      },
      failed: ({ message }: { readonly message: string }) => console.error(message),
    };
    const fault = await consumer.start(events, AbortSignal.timeout(30_000));
    if (fault !== undefined) throw new Error(fault.message);
    this.#close = () => consumer.close(AbortSignal.timeout(5000));
  }

  reset(): Promise<void> {
    this.#items = 0;
    this.#ages = [];
    return Promise.resolve();
  }

  async settled(): Promise<Arrived> {
    const quietMs = 1000;
    for (let last = -1; last !== this.#items; ) {
      last = this.#items;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    const ages = this.#ages.toSorted((a, b) => a - b);
    const at = (share: number) => ages[Math.floor(ages.length * share)] ?? 0;
    return { items: this.#items, lastAt: this.#lastAt, p50: at(0.5), p99: at(0.99) };
  }

  close(): Promise<void> {
    return this.#close();
  }

  #take({ value }: IncomingRecord): void {
    if (value === undefined) return;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const first = bytes.indexOf(MARK_BYTES);
    this.#ages.push(ageMs(bytes.readUInt32BE(first + 4), Date.now()));
    this.#items += SHAPE.items;
    this.#lastAt = performance.now();
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
