/**
 * The same work through Millrace, the floor and the OpenTelemetry Collector, in turns, on one
 * machine: medians and ratios. A peer that is missing is reported as not measured.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Shape } from './load/payload.ts';
import { type LoadShape, type Measurement, measure, measureDirect, median } from './measure.ts';
import { Sink } from './systems/processes.ts';
import { freePort, type GatewayOptions, gatewayFile, System } from './systems/system.ts';

/** One line of the table. */
interface Case {
  readonly name: string;
  readonly load: LoadShape;
  readonly gateway: Pick<GatewayOptions, 'protocol' | 'compression' | 'upsert' | 'sampler'>;
  /** Whether the floor can do this work. */
  readonly floor: boolean;
}

const SPANS: Shape = { signal: 'traces', items: 512, itemBytes: 400 };
const SCATTERED: Shape = { ...SPANS, scattered: true };
const LOGS: Shape = { signal: 'logs', items: 512, itemBytes: 240 };

function load(protocol: 'http' | 'grpc', shape: Shape, encoding: LoadShape['encoding']): LoadShape {
  return { protocol, shape, encoding, connections: shape.items >= 512 ? 16 : 32 };
}

/** The cases the project's targets are about. */
const CASES: readonly Case[] = [
  {
    name: 'spans-http-512',
    load: load('http', SPANS, 'identity'),
    gateway: { protocol: 'http', compression: 'none', upsert: true },
    floor: true,
  },
  {
    name: 'logs-http-512',
    load: load('http', LOGS, 'identity'),
    gateway: { protocol: 'http', compression: 'none', upsert: true },
    floor: true,
  },
  {
    name: 'spans-http-512-gzip',
    load: load('http', SPANS, 'gzip'),
    gateway: { protocol: 'http', compression: 'gzip', upsert: true },
    floor: false,
  },
  {
    name: 'spans-grpc-512',
    load: load('grpc', SPANS, 'identity'),
    gateway: { protocol: 'grpc', compression: 'none', upsert: true },
    floor: false,
  },
  {
    name: 'spans-http-512-untouched',
    load: load('http', SPANS, 'identity'),
    gateway: { protocol: 'http', compression: 'none', upsert: false },
    floor: false,
  },
  {
    name: 'spans-http-512-hash10',
    load: load('http', SCATTERED, 'identity'),
    gateway: {
      protocol: 'http',
      compression: 'none',
      upsert: true,
      sampler: { mode: 'hash_seed', percentage: 10 },
    },
    floor: false,
  },
  {
    name: 'spans-http-512-th10',
    load: load('http', SCATTERED, 'identity'),
    gateway: {
      protocol: 'http',
      compression: 'none',
      upsert: true,
      sampler: { mode: 'proportional', percentage: 10 },
    },
    floor: false,
  },
  {
    name: 'spans-http-10',
    load: load('http', { ...SPANS, items: 10 }, 'identity'),
    gateway: { protocol: 'http', compression: 'none', upsert: true },
    floor: true,
  },
  {
    name: 'spans-grpc-10',
    load: load('grpc', { ...SPANS, items: 10 }, 'identity'),
    gateway: { protocol: 'grpc', compression: 'none', upsert: true },
    floor: false,
  },
];

/** What `npm run bench -- compare` was told. */
export interface CompareOptions {
  readonly collector: string | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly shards: number;
  readonly cases: readonly string[];
  readonly only: readonly string[];
  /** Whether latency is measured too, at half of what the slowest system carries. */
  readonly latency: boolean;
}

export async function compare(options: CompareOptions): Promise<void> {
  const collector = options.collector ?? onPath('otelcol');
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  if (collector === undefined) console.log('collector: not measured (give --collector PATH)');
  for (const item of CASES) {
    if (options.cases.length > 0 && !options.cases.includes(item.name)) continue;
    const starters = startersOf(item, { options, collector, sink, folder });
    const runs: Measurement[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      for (const start of starters) {
        const system = await start();
        try {
          runs.push(await measure(system, sink, item.load, { seconds: options.seconds }));
        } finally {
          await system.stop();
        }
      }
    }
    print(item.name, runs);
    if (options.latency) await compareLatency(item, runs, { starters, sink, options });
  }
  sink.stop();
}

/**
 * The same rate for all: half of what the slowest carries. In turns, like the rest; medians.
 * Uncompressed, so that items are numbered.
 */
async function compareLatency(
  item: Case,
  runs: readonly Measurement[],
  bench: {
    readonly starters: readonly (() => Promise<System>)[];
    readonly sink: Sink;
    readonly options: CompareOptions;
  },
): Promise<void> {
  const { sink, options } = bench;
  const systems = [...new Set(runs.map((run) => run.system))];
  const slowest = Math.min(
    ...systems.map((name) =>
      median(runs.filter((run) => run.system === name).map((run) => run.itemsPerSecond)),
    ),
  );
  const rate = slowest / item.load.shape.items / 2;
  const load: LoadShape = { ...item.load, encoding: 'identity' };
  const order = { seconds: options.seconds, rate };
  const direct = await measureDirect(sink, load, order);
  const timed: Measurement[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const start of bench.starters) {
      const system = await start();
      try {
        timed.push(await measure(system, sink, load, order));
      } finally {
        await system.stop();
      }
    }
  }
  for (const name of systems) {
    const mine = timed.filter((run) => run.system === name);
    const added = (of: 'p50' | 'p99'): string => {
      const all = mine.map((run) => (run[of] ?? Number.NaN) - direct[of]);
      return `${of} ${median(all).toFixed(1)} ms (${all.map((ms) => ms.toFixed(0)).join(', ')})`;
    };
    const sum = (of: 'missing' | 'duplicates'): number =>
      mine.reduce((total, run) => total + (run[of] ?? 0), 0);
    console.log(
      `${item.name.padEnd(24)}  ${name.padEnd(10)}  at ${rate.toFixed(0)} requests/s adds ` +
        `${added('p50')}, ${added('p99')}; ` +
        `missing ${sum('missing')}, duplicates ${sum('duplicates')}`,
    );
  }
}

interface Bench {
  readonly options: CompareOptions;
  readonly collector: string | undefined;
  readonly sink: Sink;
  readonly folder: string;
}

function startersOf(item: Case, bench: Bench): (() => Promise<System>)[] {
  const { options, collector, sink, folder } = bench;
  const gateway: GatewayOptions = {
    ...item.gateway,
    sinkHttp: sink.ports.http,
    sinkGrpc: sink.ports.grpc,
    shards: options.shards,
    batch: true,
  };
  const wanted = (name: string): boolean =>
    options.only.length === 0 || options.only.includes(name);
  const starters: (() => Promise<System>)[] = [];
  if (wanted('millrace')) {
    starters.push(async () => {
      const { path, ports } = await gatewayFile(folder, gateway, true);
      const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
      return System.start('millrace', command, ports);
    });
  }
  if (wanted('collector') && collector !== undefined) {
    starters.push(async () => {
      const { path, ports } = await gatewayFile(folder, gateway, false);
      return System.start('collector', [collector, '--config', path], ports);
    });
  }
  if (wanted('floor') && item.floor) {
    starters.push(async () => {
      const ports = { http: await freePort(), grpc: 0 };
      const script = ['bench/systems/floor.ts', String(ports.http), String(sink.ports.http)];
      return System.start('floor', [process.execPath, ...script], ports);
    });
  }
  return starters;
}

function print(name: string, runs: readonly Measurement[]): void {
  const own = figure(runs, 'millrace');
  for (const system of new Set(runs.map((run) => run.system))) {
    const mine = runs.filter((run) => run.system === system);
    const perCpu = figure(runs, system);
    const line = [
      name.padEnd(24),
      system.padEnd(10),
      `${(perCpu / 1e6).toFixed(3)} M items/CPU-s`,
      `${(median(mine.map((run) => run.itemsPerSecond)) / 1e6).toFixed(3)} M items/s`,
      `${Math.round(median(mine.map((run) => run.peakBytes)) / 2 ** 20)} MiB`,
      system === 'millrace' ? '' : `millrace is ${(own / perCpu).toFixed(2)}x`,
      mine.some((run) => run.failed > 0) ? `failed ${mine.map((run) => run.failed).join('/')}` : '',
    ];
    console.log(line.join('  '));
  }
}

function figure(runs: readonly Measurement[], system: string): number {
  return median(runs.filter((run) => run.system === system).map((run) => run.itemsPerCpuSecond));
}

function onPath(program: string): string | undefined {
  const found = spawnSync('which', [program], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
