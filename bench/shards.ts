/**
 * What more shards cost, and what they give one connection that carries everything.
 *
 * - Over many connections at saturation: 1 shard, 2 shards, and as a control 2 processes of 1
 *   shard each, which share nothing. What these cost more than 1 shard is the machine's doing;
 *   what 2 shards cost more than these is ours.
 * - Over many connections at the same load per shard, which leaves client and sink room.
 * - Over one gRPC connection at saturation, where all but the reading can be handed over.
 *   Compressed hard, so that the shards and not the client are what limits it.
 *
 * All systems run from the beginning and take turns in slices of a few seconds, so that an hour's
 * drift of the machine is in none of the ratios: they are medians of ratios within a round.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadShape, median } from './measure.ts';
import { runLoad, Sink } from './systems/processes.ts';
import { gatewayFile, System } from './systems/system.ts';

/** What `npm run bench -- shards` was told. */
export interface ShardsOptions {
  readonly seconds: number;
  readonly rounds: number;
  /** Only variants whose name contains one of these; all when empty. */
  readonly cases: readonly string[];
}

interface Variant {
  readonly name: string;
  readonly load: LoadShape;
  readonly compression: 'none' | 'gzip';
  readonly level?: number;
}

/** Processes that share one load evenly, and are charged as one. */
interface Fleet {
  readonly name: string;
  readonly shards: number;
  readonly systems: readonly System[];
}

/** What one slice came to. */
interface Slice {
  readonly cpuPerMillion: number;
  readonly itemsPerSecond: number;
  readonly refused: number;
}

const SPANS = { signal: 'traces', items: 512, itemBytes: 400 } as const;
const WARM_UP_SECONDS = 5;
/** Of what one shard carries: 2 shards, client and sink then fit into 2 cores. */
const CALM = 0.25;

const VARIANTS: readonly Variant[] = [
  {
    name: 'many-http',
    load: { protocol: 'http', shape: SPANS, encoding: 'identity', connections: 32 },
    compression: 'none',
  },
  {
    name: 'many-http-gzip',
    load: { protocol: 'http', shape: SPANS, encoding: 'gzip', connections: 32 },
    compression: 'gzip',
  },
  {
    name: 'one-grpc-gzip6',
    load: { protocol: 'grpc', shape: SPANS, encoding: 'gzip', connections: 128, sessions: 1 },
    compression: 'gzip',
    level: 6,
  },
];

/** Runs the variants and prints costs, rates and ratios to one shard. */
export async function shardCosts(options: ShardsOptions): Promise<void> {
  for (const variant of VARIANTS) {
    const { cases } = options;
    if (cases.length > 0 && !cases.some((wanted) => variant.name.includes(wanted))) continue;
    await runVariant(variant, options);
  }
}

async function runVariant(variant: Variant, options: ShardsOptions): Promise<void> {
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const start = (processes: number, shards: number): Promise<Fleet> =>
    startFleet(variant, { processes, shards }, { sink, folder });
  const one = await start(1, 1);
  const two = await start(1, 2);
  const isMany = variant.load.sessions === undefined;
  const fleets = isMany ? [one, two, await start(2, 1)] : [one, two];
  try {
    for (const fleet of fleets) await slice(fleet, variant, { sink, seconds: WARM_UP_SECONDS });
    const full = await inTurns(fleets, options.rounds, (fleet) =>
      slice(fleet, variant, { sink, seconds: options.seconds }),
    );
    print(`${variant.name}, saturated`, full);
    if (!isMany) return;
    const alone = median((full.get(one) ?? []).map((run) => run.itemsPerSecond));
    const perShard = (alone * CALM) / variant.load.shape.items;
    const calm = await inTurns([one, two], options.rounds, (fleet) =>
      slice(fleet, variant, { sink, seconds: options.seconds, rate: perShard * fleet.shards }),
    );
    print(`${variant.name}, ${perShard.toFixed(0)} requests/s per shard`, calm);
  } finally {
    for (const fleet of fleets) await Promise.all(fleet.systems.map((system) => system.stop()));
    sink.stop();
  }
}

async function startFleet(
  variant: Variant,
  size: { readonly processes: number; readonly shards: number },
  bench: { readonly sink: Sink; readonly folder: string },
): Promise<Fleet> {
  const systems: System[] = [];
  for (let index = 0; index < size.processes; index += 1) {
    const { path, ports } = await gatewayFile(
      bench.folder,
      {
        sinkHttp: bench.sink.ports.http,
        sinkGrpc: bench.sink.ports.grpc,
        protocol: 'http',
        compression: variant.compression,
        ...(variant.level === undefined ? {} : { level: variant.level }),
        upsert: true,
        shards: size.shards,
        batch: true,
      },
      true,
    );
    const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
    systems.push(await System.start('millrace', command, ports));
  }
  const shards = size.processes * size.shards;
  const name = `${size.processes > 1 ? `${size.processes} processes` : `${shards} shard(s)`}`;
  return { name, shards, systems };
}

/** Puts the load on a fleet for a while; without a `rate`, as much as it takes. */
async function slice(
  fleet: Fleet,
  { load }: Variant,
  options: { readonly sink: Sink; readonly seconds: number; readonly rate?: number },
): Promise<Slice> {
  const { sink, seconds, rate } = options;
  const { systems } = fleet;
  const cpu = (): number => systems.reduce((sum, system) => sum + system.cpuSeconds(), 0);
  const part = {
    ...load,
    seconds,
    connections: load.connections / systems.length,
    ...(rate === undefined ? {} : { rate: rate / systems.length }),
  };
  await sink.reset(false);
  const before = cpu();
  const reports = await Promise.all(
    systems.map((system) => runLoad({ ...part, port: system.ports[load.protocol] })),
  );
  const during = await sink.report();
  const { items } = await sink.settled(300);
  const took = Math.max(...reports.map((report) => report.seconds));
  return {
    cpuPerMillion: ((cpu() - before) * 1e6) / items,
    // What queues held at the end took no part of this time.
    itemsPerSecond: during.items / took,
    refused: reports.reduce((sum, report) => sum + report.refused + report.failed, 0),
  };
}

async function inTurns(
  fleets: readonly Fleet[],
  rounds: number,
  run: (fleet: Fleet) => Promise<Slice>,
): Promise<Map<Fleet, Slice[]>> {
  const results = new Map<Fleet, Slice[]>(fleets.map((fleet) => [fleet, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const fleet of fleets) results.get(fleet)?.push(await run(fleet));
  }
  return results;
}

/** The first of the fleets is what the others are compared with. */
function print(title: string, results: ReadonlyMap<Fleet, readonly Slice[]>): void {
  console.log(title);
  const [first = []] = results.values();
  for (const [fleet, slices] of results) {
    const of = (figure: 'cpuPerMillion' | 'itemsPerSecond'): string => {
      const ratios = slices.map((each, index) => each[figure] / (first[index]?.[figure] ?? 0));
      const value = median(slices.map((each) => each[figure]));
      const text = figure === 'cpuPerMillion' ? value.toFixed(2) : (value / 1e6).toFixed(3);
      return `${text} (${median(ratios).toFixed(2)}x)`;
    };
    const refused = slices.reduce((sum, each) => sum + each.refused, 0);
    console.log(
      `  ${fleet.name.padEnd(12)} CPU-s per million ${of('cpuPerMillion')}   ` +
        `M items/s ${of('itemsPerSecond')}${refused > 0 ? `   refused ${refused}` : ''}`,
    );
  }
}
