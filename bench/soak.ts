/**
 * The two tiers of pipelines/ with a broker between them, under a steady load: what memory and CPU
 * do in the long run, minute by minute, and whether every span arrived.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KafkaClientName } from '../src/net/kafka/client.ts';
import { startKafka } from '../test/ends/kafka-broker.ts';
import { median } from './measure.ts';
import { runLoad, Sink } from './systems/processes.ts';
import { freePort, System } from './systems/system.ts';

/** What `npm run bench -- soak` was told. */
export interface SoakOptions {
  readonly minutes: number;
  /** Requests per second; 0 leaves the gateways idle. */
  readonly rate: number;
  readonly client: KafkaClientName;
}

const SHAPE = { signal: 'traces', items: 50, itemBytes: 400 } as const;
const CONNECTIONS = 16;
const MINUTE_MS = 60_000;
const TOPICS = ['otlp_spans', 'otlp_metrics', 'otlp_logs', 'prometheus_series'];
const PARTITIONS = 4;
/** Ports that the files name. */
const TIER_ONE_HTTP = 4318;
const TIER_TWO_HEALTH = 13_134;
const QUIET_MS = 5000;

export async function soak(options: SoakOptions): Promise<void> {
  const cluster = await startKafka();
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
  const systems: System[] = [];
  try {
    for (const topic of TOPICS) await cluster.createTopic(topic, { partitions: PARTITIONS });
    const replaced = {
      '${env:KAFKA_BROKER:-localhost:9092}': cluster.brokers[0] ?? '',
      '${env:BACKEND_ENDPOINT:-http://localhost:14318}': `http://127.0.0.1:${sink.ports.http}`,
      'brokers: [': `client: ${options.client}\n    brokers: [`,
    };
    const start = async (file: string, port: number): Promise<System> => {
      const { path, ports } = await written(file, folder, replaced);
      const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
      const system = await System.start(file, command, { http: ports.get(port) ?? 0, grpc: 0 });
      systems.push(system);
      return system;
    };
    const tierTwo = await start('kafka-tier2.yaml', TIER_TWO_HEALTH);
    const tierOne = await start('kafka-tier1.yaml', TIER_ONE_HTTP);
    await sink.reset(true);
    const stop = watch({ 'tier 1': tierOne, 'tier 2': tierTwo }, options.minutes);
    const sent = await load(tierOne.ports.http, options);
    stop();
    const { items, distinct, duplicates } = await sink.settled(QUIET_MS);
    console.log(`${sent} spans acknowledged, ${items} arrived, ${duplicates} twice`);
    if (distinct < sent) throw new Error(`${sent - distinct} spans are missing`);
  } finally {
    for (const system of systems) await system.stop();
    sink.stop();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file of pipelines/ on free ports, by the ports that it names. */
async function written(file: string, folder: string, replaced: Readonly<Record<string, string>>) {
  let yaml = readFileSync(fileURLToPath(new URL(`../pipelines/${file}`, import.meta.url)), 'utf8');
  const ports = new Map<number, number>();
  for (const [listen, named] of yaml.matchAll(/0\.0\.0\.0:(\d+)/g)) {
    const port = await freePort();
    ports.set(Number(named), port);
    yaml = yaml.replace(listen, `127.0.0.1:${port}`);
  }
  for (const [from, to] of Object.entries(replaced)) yaml = yaml.replaceAll(from, to);
  const path = join(folder, file);
  writeFileSync(path, yaml);
  return { path, ports };
}

/** Answers how many spans were acknowledged. */
async function load(port: number, { rate, minutes }: SoakOptions): Promise<number> {
  const seconds = minutes * 60;
  if (rate === 0) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return 0;
  }
  const order = { protocol: 'http', port, shape: SHAPE, encoding: 'identity' } as const;
  const { items } = await runLoad({ ...order, connections: CONNECTIONS, seconds, rate });
  return items;
}

interface Row {
  readonly cpuShare: number;
  readonly bytes: number;
}

/** Prints a line a minute, and how the last third compares with the second when it is stopped. */
function watch(systems: Readonly<Record<string, System>>, minutes: number): () => void {
  const named = Object.entries(systems);
  const rows = new Map(named.map(([name]) => [name, new Array<Row>()]));
  const cpu = new Map(named.map(([name, system]) => [name, system.cpuSeconds()]));
  const timer = setInterval(() => {
    const parts = named.map(([name, system]) => {
      const now = system.cpuSeconds();
      const cpuShare = (now - (cpu.get(name) ?? 0)) / (MINUTE_MS / 1000);
      cpu.set(name, now);
      const row = { cpuShare, bytes: system.residentBytes };
      rows.get(name)?.push(row);
      return `${name}: ${described(row)}`;
    });
    console.log(`${rows.get('tier 1')?.length} of ${minutes} min  ${parts.join('  ')}`);
  }, MINUTE_MS);
  return () => {
    clearInterval(timer);
    for (const [name, all] of rows) {
      const third = Math.floor(all.length / 3);
      if (third === 0) continue;
      const [before, after] = [all.slice(-2 * third, -third), all.slice(-third)].map(middle);
      if (before === undefined || after === undefined) continue;
      console.log(`${name}: second third ${described(before)}, last third ${described(after)}`);
    }
  };
}

function middle(rows: readonly Row[]): Row {
  return {
    cpuShare: median(rows.map(({ cpuShare }) => cpuShare)),
    bytes: median(rows.map(({ bytes }) => bytes)),
  };
}

function described({ cpuShare, bytes }: Row): string {
  return `${(cpuShare * 100).toFixed(1)} % of a core, ${Math.round(bytes / 2 ** 20)} MiB`;
}
