/**
 * What more shards cost, and what they give one connection that carries everything: cost per item
 * with 1 and 2 shards over many connections, then the rate of one gRPC connection with 1 and 2
 * shards, where all but the reading can be handed over. Compressed hard, so that the shards and not
 * the client are what limits it on a machine of two cores.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadShape, type Measurement, measure, median } from './measure.ts';
import { Sink } from './systems/processes.ts';
import { gatewayFile, System } from './systems/system.ts';

interface Variant {
  readonly name: string;
  readonly load: LoadShape;
  readonly compression: 'none' | 'gzip';
  readonly level?: number;
}

const SPANS = { signal: 'traces', items: 512, itemBytes: 400 } as const;

const VARIANTS: readonly Variant[] = [
  {
    name: 'many connections, HTTP',
    load: { protocol: 'http', shape: SPANS, encoding: 'identity', connections: 32 },
    compression: 'none',
  },
  {
    name: 'many connections, HTTP, gzip',
    load: { protocol: 'http', shape: SPANS, encoding: 'gzip', connections: 32 },
    compression: 'gzip',
  },
  {
    name: 'one connection, gRPC, gzip 6',
    load: { protocol: 'grpc', shape: SPANS, encoding: 'gzip', connections: 32, sessions: 1 },
    compression: 'gzip',
    level: 6,
  },
];

/** Runs every variant with 1 and 2 shards in turns and prints medians and ratios. */
export async function shardCosts(options: { seconds: number; rounds: number }): Promise<void> {
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  for (const variant of VARIANTS) {
    const runs: Record<1 | 2, Measurement[]> = { 1: [], 2: [] };
    for (let round = 0; round < options.rounds; round += 1) {
      for (const shards of [1, 2] as const) {
        runs[shards].push(await run(variant, shards, { sink, folder, seconds: options.seconds }));
      }
    }
    const cost = (shards: 1 | 2): number => median(runs[shards].map((each) => each.cpuPerMillion));
    const rate = (shards: 1 | 2): number => median(runs[shards].map((each) => each.itemsPerSecond));
    console.log(
      `${variant.name.padEnd(32)} CPU-s per million: ${cost(1).toFixed(2)} with 1 shard, ` +
        `${cost(2).toFixed(2)} with 2 (${(cost(2) / cost(1)).toFixed(2)}x); ` +
        `rate: ${(rate(1) / 1e6).toFixed(3)} M/s, ${(rate(2) / 1e6).toFixed(3)} M/s (${(rate(2) / rate(1)).toFixed(2)}x)`,
    );
  }
  sink.stop();
}

async function run(
  variant: Variant,
  shards: number,
  bench: { sink: Sink; folder: string; seconds: number },
): Promise<Measurement> {
  const { sink, folder, seconds } = bench;
  const { path, ports } = await gatewayFile(
    folder,
    {
      sinkHttp: sink.ports.http,
      sinkGrpc: sink.ports.grpc,
      protocol: 'http',
      compression: variant.compression,
      ...(variant.level === undefined ? {} : { level: variant.level }),
      upsert: true,
      shards,
      batch: true,
    },
    true,
  );
  const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
  const system = await System.start('millrace', command, ports);
  try {
    return await measure(system, sink, variant.load, { seconds });
  } finally {
    await system.stop();
  }
}
