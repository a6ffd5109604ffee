/**
 * How many shards for a given rate: sweeps the shards of this machine, fits the model of
 * docs/benchmarks.md to what it sees, and says how many to run and why.
 */
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadShape, type Measurement, measure } from './measure.ts';
import { Sink } from './systems/processes.ts';
import { gatewayFile, System } from './systems/system.ts';

/** What `npm run bench -- size` was told. */
export interface SizeOptions {
  /** Items per second to carry. */
  readonly target: number;
  readonly seconds: number;
  readonly itemsPerRequest: number;
  readonly protocol: 'http' | 'grpc';
  readonly compression: 'none' | 'gzip' | 'zstd';
}

/** Share of a shard's capacity that a plan may use; the rest is for bursts and a lost shard. */
const HEADROOM = 0.7;

/** Items per second of a target such as `500k/s`, `1.5M` or `20000`. */
export function parseTarget(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([km]?)(?:\/s)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const factor = { '': 1, k: 1e3, m: 1e6 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * factor;
}

export async function size(options: SizeOptions): Promise<void> {
  const sink = await Sink.start();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const load: LoadShape = {
    protocol: options.protocol,
    shape: { signal: 'traces', items: options.itemsPerRequest, itemBytes: 400 },
    encoding: options.compression === 'none' ? 'identity' : options.compression,
    connections: 32,
  };
  const results: { shards: number; run: Measurement }[] = [];
  for (let shards = 1; shards <= availableParallelism(); shards *= 2) {
    const { path, ports } = await gatewayFile(
      folder,
      {
        sinkHttp: sink.ports.http,
        sinkGrpc: sink.ports.grpc,
        protocol: options.protocol,
        compression: options.compression,
        upsert: true,
        shards,
        batch: true,
      },
      true,
    );
    const command = [process.execPath, 'dist/main.js', 'run', '--config', path];
    const system = await System.start('millrace', command, ports);
    try {
      const run = await measure(system, sink, load, { seconds: options.seconds });
      results.push({ shards, run });
      console.log(
        `${shards} shard(s): ${rate(run.itemsPerSecond)} delivered, ` +
          `${run.cpuPerMillion.toFixed(2)} CPU-s per million, ${Math.round(run.peakBytes / 2 ** 20)} MiB`,
      );
    } finally {
      await system.stop();
    }
  }
  sink.stop();
  explain(options, results);
}

function explain(
  options: SizeOptions,
  results: readonly { shards: number; run: Measurement }[],
): void {
  const first = results[0]?.run;
  const last = results.at(-1);
  if (first === undefined || last === undefined) return;
  const perShard = 1e6 / last.run.cpuPerMillion;
  const usable = perShard * HEADROOM;
  const shards = Math.ceil(options.target / usable);
  const growth = last.run.cpuPerMillion / first.cpuPerMillion;
  console.log(
    `\nA core carries ${rate(perShard)} of this work (1 / ${last.run.cpuPerMillion.toFixed(2)} CPU-s per million).\n` +
      `Planned at ${HEADROOM * 100} % of that, ${rate(options.target)} needs ${shards} shard(s): ` +
      `${rate(options.target)} / (${rate(perShard)} x ${HEADROOM}).\n` +
      `From 1 to ${last.shards} shards the cost per item grew ${growth.toFixed(2)} times. ` +
      `The client and the sink run on this machine too and take CPU from the gateway, so the ` +
      `plan uses cost per item, not the delivered rate.\n` +
      `Run one shard per core and as many machines as it takes; service.shards: auto does the first.`,
  );
}

function rate(itemsPerSecond: number): string {
  return itemsPerSecond >= 1e6
    ? `${(itemsPerSecond / 1e6).toFixed(2)} M/s`
    : `${(itemsPerSecond / 1e3).toFixed(0)} k/s`;
}
